"""Every kernel of the catalogue alone, against the interpreter: on this machine, where plain C stands in for what the
instruction set has, and as machine code. Each layer goes to every kernel that can serve it, not only to the one that a
target would choose."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable
from functools import cache
from zlib import crc32

import numpy as np
import pytest

from firmware import alone, layers
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph, Window
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.types import QType, Requant, Weights
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.numerics import codebook
from mixcomp_edge.numerics.packing import pack_elements
from mixcomp_edge.operators.conv2d import QConv2d
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.maxpool2d import QMaxPool2d
from mixcomp_edge.plan.kernels import Kernel, catalogue
from mixcomp_edge.plan.packing import Packed
from mixcomp_edge.plan.packing.quad import quad_decoded
from mixcomp_edge.targets import targets
from mixcomp_sim import Emulator, Machine, find_core

ALL = sorted({(kernel.op, act) for kernel in catalogue() for act in kernel.act})
EXAMPLES = int(os.environ.get("MCE_TEST_EXAMPLES", "60")) // 2  # fewer under the sanitizers
TRIES = 300  # layers until each kernel had one
OWN = sorted({(k.isa, k.op, act) for k in catalogue() if k.isa != "c" for act in k.act})


def wrong(
    op: str, dtype: str, isas: set[str], examples: int, run: Callable[[alone.Call], bytes]
) -> tuple[list[str], set[str]]:
    """(what differs, the kernels that were met) over seeded layers of one operator and type of x: `examples`, and more
    until every kernel had one."""
    rng = np.random.default_rng(crc32(f"{op} {dtype}".encode()))
    found, met = [], set()
    for seen in range(TRIES):
        if seen >= examples and met == expected(op, dtype, isas):
            break
        graph, inputs = layers.layer(op, dtype, rng)
        node = graph.nodes[-1]
        served = [(k, packed) for k in catalogue() if k.isa in isas for packed in packings(k, graph, node)]
        for x in inputs:
            values = layers.values(graph, x)
            want = pack_elements(values[node.name], node.type.bits)
            for kernel, packed in served:
                met.add(kernel.name)
                for in_place in (False, True) if may_be_in_place(graph, node, kernel) else (False,):
                    if run(alone.Call(graph, node, kernel, packed, values, in_place)) != want:
                        found.append(f"{kernel.name} in_place={in_place}: {describe(graph, node)}")
    return found, met


def packings(kernel: Kernel, graph: Graph, node: QNode) -> list[Packed]:
    """What the kernel may get of a layer: what takes least scratch and, where more would help, something with more."""
    packed = kernel.pack(graph, node)
    if packed is None or packed.roomier is None:
        return [] if packed is None else [packed]
    if kernel.packing == "quad":
        more = quad_decoded(node, graph.sources(node)[0], 2 if packed.table else 1)
        assert more is not None
        return [packed, more]
    room = packed.scratch_bytes or 0
    found = [packed, *(packed.roomier(*bytes_) for bytes_ in ((3 * room // 2, 0), (0, 2 * room), (1 << 20, 1 << 20)))]
    return list({(one.scratch_bytes, one.blocks.tobytes()): one for one in found}.values())


def may_be_in_place(graph: Graph, node: QNode, kernel: Kernel) -> bool:
    over = graph[node.inputs[node.in_place[0]]]
    return kernel.op in ("conv2d_add", "push") and kernel.in_place and over.type.bits == node.type.bits


def describe(graph: Graph, node: QNode) -> str:
    """Enough to make the layer again."""
    x, window = graph.sources(node)[0], getattr(node, "window", "")
    book = node.weights.codebook.name if isinstance(node, Weighted) else ""
    return f"{x.shape} {x.type} -> {node.shape} {node.type} {window} groups={getattr(node, 'groups', '')} {book}"


def expected(op: str, dtype: str, isas: set[str]) -> set[str]:
    return {k.name for k in catalogue() if k.op == op and dtype in k.act and k.isa in isas}


@pytest.mark.parametrize(("op", "dtype"), ALL)
def test_every_kernel_equals_the_interpreter_on_this_machine(op, dtype, kernels):
    isas = {kernel.isa for kernel in catalogue()}
    found, met = wrong(op, dtype, isas, EXAMPLES, lambda call: call.on_host(kernels))
    assert found == []
    assert met == expected(op, dtype, isas)


def test_the_overflow_proof_pairs_the_channels_of_each_group(kernels):
    """Three outputs a group: the second group's low channels are the fourth and the sixth. Their sums of 24 weights of
    -8 leave 12 bits, those of the others are 0."""
    x = QInput(name="x", inputs=(), shape=(1, 1, 48), type=QType("u4", 1.0))
    codes = np.zeros((6, 24), np.uint8)
    codes[[3, 5]] = 8
    by = Requant(np.array([2**26], np.int32), 0)
    held = Weights(codebook("fixp4"), codes, np.full(6, 4000, np.int32), by)
    node = QConv2d(
        name="y", inputs=("x",), shape=(1, 1, 6), type=QType("u8", 1.0), weights=held, window=Window((1, 1)), groups=2
    )
    graph, values = verify(Graph("alone", (x, node), "y")), {"x": np.full((1, 1, 48), 15)}
    served = [(k, packed) for k in catalogue() if (packed := k.pack(graph, node)) is not None]
    assert len(served) >= 3
    for kernel, packed in served:
        found = alone.Call(graph, node, kernel, packed, values).on_host(kernels)
        assert list(found) == [63, 63, 63, 18, 63, 18], kernel.name


@pytest.mark.parametrize(
    ("sums", "last", "blocks"),
    [
        *(((546, -544), False, 1), ((547, 0), False, 2), ((0, -545), False, 2)),
        *(((273, -272), True, 1), ((274, 0), True, 2), ((0, -273), True, 2)),
    ],
)
def test_fields_of_triples_hold_to_the_last_value_and_blocks_end_before(kernels, sums, last, blocks):
    """3x3 over 8 channels of 0..15: 15 * 546 of 8191 fill a field, 15 * 273 of 4095 the last one, of the first taps;
    what is below 0 lets it begin in units of 32, the last one of 16."""
    x = QInput(name="x", inputs=(), shape=(3, 9, 8), type=QType("u4", 1.0))
    book, rows = codebook("e2m1"), np.zeros((4, 3, 3, 8), int)
    for row, total in zip(rows, sums, strict=False):
        places = row[:, 0] if last else row  # a view; the last field holds the first taps
        for place in np.ndindex(places.shape):
            places[place] = np.clip(total - places.sum(), -12, 12)
            while places[place] not in book.levels:
                places[place] -= np.sign(places[place])
        assert row.sum() == total
    codes = np.array([book.levels.index(level) for level in rows.ravel()], np.uint8).reshape(4, -1)
    held = Weights(book, codes, np.array([0, 8190, 5, 0], np.int32), Requant(np.array([2**23], np.int32), 0))
    window = Window((3, 3), padding=(1, 1, 1, 1))
    node = QConv2d(
        name="y", inputs=("x",), shape=(3, 9, 4), type=QType("u4", 1.0), weights=held, window=window, groups=1
    )
    graph = verify(Graph("alone", (x, node), "y"))
    served = [(k, packed) for k in catalogue() if "triples" in k.name and (packed := k.pack(graph, node)) is not None]
    assert [len(packed.blocks) - 3 for _, packed in served] == [blocks] * 2
    for value in (np.full(x.shape, 15), np.zeros(x.shape, int), np.random.default_rng(0).choice([0, 15], x.shape)):
        want = pack_elements(interp.outputs(graph, (value[None],))[0][0], 4)
        for kernel, packed in served:
            assert alone.Call(graph, node, kernel, packed, {"x": value}).on_host(kernels) == want, kernel.name


@pytest.mark.parametrize(("inputs", "served"), [(256, True), (264, False)])
def test_sums_of_bytes_reach_twenty_bits_and_no_further(inputs, served, kernels):
    """Weights of -8 and 7 at bytes of 255: products down to -522,240 beside biases that would leave twenty bits by
    themselves, in the kernel that proves them and in the others."""
    x = QInput(name="x", inputs=(), shape=(1, 4, inputs), type=QType("u8", 1.0))
    codes = np.repeat([[8], [7], [8], [7]], inputs, axis=1).astype(np.uint8)
    by = Requant(np.array([2**18], np.int32), 2)
    held = Weights(codebook("fixp4"), codes, np.array([2**28, -(2**28), 0, 5], np.int32), by)
    window, y_type = Window((1, 1)), QType("s8", 1.0)
    node = QConv2d(name="y", inputs=("x",), shape=(1, 4, 4), type=y_type, weights=held, window=window, groups=1)
    graph, values = verify(Graph("alone", (x, node), "y")), {"x": np.full((1, 4, inputs), 255)}
    want = pack_elements(interp.run(graph, values["x"][None])[0], 8)
    kernels_of = {k.name: packed for k in catalogue() if (packed := k.pack(graph, node)) is not None}
    assert ("mce_conv2d_u8_fx4_2x3__dsp" in kernels_of) == served
    for kernel in catalogue():
        if kernel.name in kernels_of:
            call = alone.Call(graph, node, kernel, kernels_of[kernel.name], values)
            assert call.on_host(kernels) == want, kernel.name


def test_padding_wider_than_all_columns_of_a_row_of_outputs(kernels):
    """One output, three columns wide, before x begins."""
    x = QInput(name="x", inputs=(), shape=(3, 1, 8), type=QType("u4", 1.0))
    by = Requant(np.array([2**30], np.int32), 0)
    held = Weights(codebook("fixp4"), np.ones((9, 8), np.uint8), np.full(8, 20, np.int32), by)
    window = Window((3, 3), (1, 3), (1, 1), (0, 4, 0, 0))
    node = QDwConv2d(name="y", inputs=("x",), shape=(1, 1, 8), type=QType("u4", 1.0), weights=held, window=window)
    graph, values = verify(Graph("alone", (x, node), "y")), {"x": np.full((3, 1, 8), 15)}
    for kernel in catalogue():
        if (packed := kernel.pack(graph, node)) is not None:
            assert alone.Call(graph, node, kernel, packed, values).on_host(kernels) == bytes([0x55] * 4), kernel.name


@pytest.mark.parametrize("dtype", ["u4", "s4", "u8", "s8"])
@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ((23, 4, 5), Window((3, 2), padding=(1, 1, 1, 0))),
        ((40, 3, 16), Window((3, 3), (2, 1), padding=(1, 1, 1, 1))),
        ((47, 2, 3), Window((5, 1), (3, 1))),
        ((2, 3, 8), Window((1, 1), padding=(0, 0, 3, 0))),
    ],
)
def test_convolutions_go_down_many_rows_and_beyond_the_last(dtype, shape, window, kernels):
    """More rows of outputs than a strip of x holds; single pixels below which only padding lies."""
    rng = np.random.default_rng(16)
    x = QInput(name="x", inputs=(), shape=shape, type=QType(dtype, 1.0, 3))
    codes = rng.integers(0, 16, (10, window.kernel[0] * window.kernel[1] * shape[2]), np.uint8)
    held = Weights(
        codebook("fixp4"), codes, rng.integers(-99, 99, 10, np.int32), Requant(np.array([2**25], np.int32), 1)
    )
    size = (*window.output_size(*shape[:2]), 10)
    y = QType("s8", 1.0)
    assert_exact(
        x, QConv2d(name="y", inputs=("x",), shape=size, type=y, weights=held, window=window, groups=1), rng, kernels
    )


def assert_exact(x: QInput, node: QNode, rng: np.random.Generator, kernels: ctypes.CDLL) -> None:
    """Every kernel that serves a node of x computes what the interpreter does; portable C and the dsp kernels do."""
    graph = verify(Graph("alone", (x, node), "y"))
    value = rng.integers(x.type.low, x.type.high + 1, x.shape)
    want = pack_elements(interp.run(graph, value[None])[0], node.type.bits)
    served = [(k, packed) for k in catalogue() if (packed := k.pack(graph, node)) is not None]
    assert {"c", "dsp"} <= {kernel.isa for kernel, _ in served}
    for kernel, packed in served:
        assert alone.Call(graph, node, kernel, packed, {"x": value}).on_host(kernels) == want, kernel.name


@pytest.mark.parametrize("dtype", ["u4", "s4", "u8", "s8"])
def test_depthwise_rows_that_need_several_planes(dtype, kernels):
    """Outputs whose window does not fit into what a kernel gathers at a time, and one that does not fit at all."""
    rng = np.random.default_rng(5)
    windows = [
        ((3, 40), Window((5, 5), (1, 1), (1, 1), (2, 2, 2, 2))),
        ((40, 3), Window((5, 3), (2, 1), (2, 1), (4, 1, 4, 1))),
        ((2, 600), Window((1, 3), (1, 2), (1, 1), (0, 1, 0, 0))),
        ((13, 13), Window((12, 12), (1, 1), (1, 1), (0, 0, 0, 0))),
    ]
    for (height, width), window in windows:
        x = QInput(name="x", inputs=(), shape=(height, width, 9), type=QType(dtype, 1.0, 3))
        codes = rng.integers(0, 16, (window.kernel[0] * window.kernel[1], 9)).astype(np.uint8)
        by = Requant.of(np.linspace(0.005, 0.05, 9))
        weights = Weights(codebook("fixp4"), codes, rng.integers(-200, 200, 9).astype(np.int32), by)
        shape = (*window.output_size(height, width), 9)
        node = QDwConv2d(name="y", inputs=("x",), shape=shape, type=x.type, weights=weights, window=window)
        assert_exact(x, node, rng, kernels)


@pytest.mark.parametrize("dtype", ["u4", "s4", "u8", "s8"])
@pytest.mark.parametrize("channels", [1, 2, 5, 8, 33])
def test_rows_of_a_maximum_that_need_several_strips(dtype, channels, kernels):
    rng = np.random.default_rng(channels)
    windows = [
        ((3, 2400 // channels), Window((2, 2), (2, 2))),
        ((4, 2200 // channels), Window((3, 3), (1, 1), (1, 1), (1, 1, 1, 1))),
        ((1, 2600 // channels), Window((1, 7), (1, 3), (1, 2), (0, 5, 0, 4))),
    ]
    for (height, width), window in windows:
        x = QInput(name="x", inputs=(), shape=(height, width, channels), type=QType(dtype, 1.0))
        shape = (*window.output_size(height, width), channels)
        node = QMaxPool2d(name="y", inputs=("x",), shape=shape, type=x.type, window=window)
        assert_exact(x, node, rng, kernels)


def takes_long(isa: str, chain: str, dtype: str) -> bool:
    """swar is v7m's C, which every machine runs: one type, by the compiler that pip has."""
    if isa == "swar":
        return chain == "gcc" or dtype != "u4"
    return chain == "zig" and isa != "dsp"


@pytest.fixture(scope="module")
def machines(tmp_path_factory) -> Callable[[str, str], Machine]:
    """(instruction set, compiler) -> an emulated core with an image of all its kernels, built once."""

    @cache
    def opened(isa: str, chain: str) -> Machine:
        core = next((t for t in targets().values() if isa in t.isas and t.core), None)
        if core is None:
            pytest.skip(f"no emulator runs {isa}")
        if chain not in toolchains(core.triple):
            pytest.skip(f"no {chain} for {core.name}")
        if not find_core(core.core).model and shutil.which("qemu-system-arm") is None:
            pytest.skip(f"{isa} runs in QEMU alone, and qemu-system-arm is not installed")
        mine = [kernel for kernel in catalogue() if kernel.isa == isa]
        return alone.image(mine, core, chain, tmp_path_factory.mktemp(f"{isa}-{chain}"))

    return opened


@pytest.mark.parametrize(
    ("isa", "chain", "op", "dtype"),
    [
        pytest.param(isa, chain, op, dtype, marks=[pytest.mark.long] * takes_long(isa, chain, dtype))
        for chain in ("gcc", "zig")
        for isa, op, dtype in OWN
    ],
)
def test_every_kernel_equals_the_interpreter_as_machine_code(isa, chain, op, dtype, machines):
    emulator = machines(isa, chain)
    order = [kernel.name for kernel in catalogue() if kernel.isa == isa]
    examples = EXAMPLES // (2 if isinstance(emulator, Emulator) else 6)  # calls through QEMU's stub are slow
    found, met = wrong(op, dtype, {isa}, examples, lambda call: call.on_core(emulator, order.index(call.name)))
    assert found == []
    assert met == expected(op, dtype, {isa})
