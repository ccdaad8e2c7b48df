"""Scratch beyond the least: what is free while a layer runs, and a seventh of the arena where that holds everything."""

from dataclasses import replace

import numpy as np
import pytest

from mixcomp_edge.ir.graph import Graph, Window
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.types import QType, Requant, Weights
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.numerics import codebook
from mixcomp_edge.operators.conv2d import QConv2d
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.plan import layout
from mixcomp_edge.plan.kernels import candidates
from mixcomp_edge.plan.layout import lay_out
from mixcomp_edge.targets import target

U4 = QType("u4", 1.0)


def network(size: int, outputs: int, book: str, waits: int = 0, dilation: int = 2) -> Graph:
    """A 3x3 convolution y of 16 channels, and one that reads it and makes `waits` bytes. With dilated rows the
    kernels serve that take any window."""
    rng = np.random.default_rng(0)
    by = Requant(np.array([2**24], np.int32), 0)

    def conv(name: str, source: str, shape: tuple[int, int, int], taps: int, depth: int) -> QConv2d:
        codes = rng.choice([0, 1, 2, 14, 15], (shape[2], taps * taps * depth)).astype(np.uint8)
        held = Weights(codebook(book), codes, np.zeros(shape[2], np.int32), by)
        over = taps // 2 * dilation
        window = Window((taps, taps), dilation=(dilation, 1), padding=(over, taps // 2, over, taps // 2))
        return QConv2d(name=name, inputs=(source,), shape=shape, type=U4, weights=held, window=window, groups=1)

    x = QInput(name="x", inputs=(), shape=(size, size, 16), type=U4)
    nodes: list[QNode] = [x, conv("y", "x", (size, size, outputs), 3, 16)]
    if waits:
        nodes.append(conv("z", "y", (size, size, 2 * waits // size**2), 1, outputs))
    return verify(Graph("room", tuple(nodes), nodes[-1].name))


def chosen(graph: Graph) -> tuple[int, int]:
    """(channels that y decodes at a time, 0 in place; bytes of the arena), by the kernel of lanes."""
    plan = lay_out(graph, target("cortex-m4"), {"y": "mce_conv2d_u4_w4__dsp"})
    packed = next(step.packed for step in plan.steps if step.node.name == "y")
    return 4 * int(packed.blocks[0]) if packed.table else 0, plan.arena.total_bytes


def least(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(layout, "_with_room", lambda plan, step, now, most: step)
    return chosen(graph)[1]


@pytest.mark.parametrize("book", ["fixp4", "posit4"])
def test_a_layer_whose_channels_all_fit_into_a_seventh_more_decodes_them_together(book, monkeypatch):
    graph = network(32, 16, book)  # 16,384 B of x and y; 2,304 B of lanes
    together, total = chosen(graph)
    before = least(graph, monkeypatch)
    assert together == 16
    assert before < total <= before * 8 // 7


def test_a_layer_that_would_need_more_stays_with_what_is_free(monkeypatch):
    graph = network(16, 64, "posit4")  # 10,240 B of x and y; 9,216 B of lanes
    together, total = chosen(graph)
    assert together == 4
    assert total == least(graph, monkeypatch)
    assert chosen(network(16, 64, "fixp4"))[0] == 0


def test_room_that_another_layer_leaves_is_used(monkeypatch):
    graph = network(16, 64, "posit4", waits=16384)
    together, total = chosen(graph)
    assert together == 64
    assert total == least(graph, monkeypatch)


def test_fixp4_is_not_decoded_for_a_few_pixels():
    assert chosen(network(4, 16, "fixp4", waits=4096))[0] == 0
    assert chosen(network(4, 16, "posit4", waits=4096))[0] == 16


def test_levels_that_leave_no_room_in_a_lane_go_to_another_kernel():
    graph = network(8, 8, "posit4")
    wide = replace(graph["y"].weights, codes=np.full((8, 144), 7, np.uint8))  # all 16: eight leave the low field
    graph = verify(Graph("room", (graph.nodes[0], replace(graph["y"], weights=wide)), "y"))
    (kernel, _), *_ = candidates(graph, graph["y"], target("cortex-m4").isas)
    assert kernel.name == "mce_conv2d_u4_w4_pairs__dsp"


def triples(graph: Graph) -> tuple[list[int], int]:
    """(times four channels, rows of x that y keeps at a time, if its kernel multiplies triples; bytes of the arena)."""
    plan = lay_out(graph, target("cortex-m4"))
    step = next(step for step in plan.steps if step.node.name == "y")
    return step.packed.blocks[:2].tolist() if "triples" in step.kernel.name else [], plan.arena.total_bytes


def test_triples_of_a_large_map_decode_all_channels_and_keep_three_rows():
    lean = chosen(network(32, 16, "fixp4"))[1]
    kept, total = triples(network(32, 16, "fixp4", dilation=1))
    assert kept == [4, 3]
    assert lean < total <= lean * 3 // 2


def test_triples_keep_a_small_map_where_its_channels_do_not_fit():
    assert triples(network(8, 256, "posit4", waits=9500, dilation=1))[0][1] == 10


def test_a_kernel_that_would_make_the_arena_a_third_larger_gives_way():
    """Four rows of 2,000 pixels: three of them as triples of words take more than all of x."""
    by = Requant(np.array([2**24], np.int32), 0)
    held = Weights(codebook("fixp4"), np.ones((4, 144), np.uint8), np.zeros(4, np.int32), by)
    x = QInput(name="x", inputs=(), shape=(4, 2000, 16), type=U4)
    window = Window((3, 3), padding=(1, 1, 1, 1))
    y = QConv2d(name="y", inputs=("x",), shape=(4, 2000, 4), type=U4, weights=held, window=window, groups=1)
    graph = verify(Graph("room", (x, y), "y"))
    options = [kernel.name for kernel, _ in candidates(graph, y, target("cortex-m4").isas)]
    kernel = lay_out(graph, target("cortex-m4")).kernels["y"]
    assert options[:2] == ["mce_conv2d_u4_w4_triples__dsp", "mce_conv2d_u4_w4__dsp"]
    assert kernel == "mce_conv2d_u4_w4__dsp"
    assert lay_out(graph, target("cortex-m4"), {"y": options[0]}).kernels["y"] == options[0]
