"""Instructions an element on Cortex-M4, gcc: what operators without weights are held to."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import pytest

from firmware import alone
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph, Window
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.types import QType, Requant, Weights
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.numerics import codebook
from mixcomp_edge.numerics.packing import pack_elements
from mixcomp_edge.operators.add import QAdd
from mixcomp_edge.operators.blend import QMinimum
from mixcomp_edge.operators.concat import QConcat
from mixcomp_edge.operators.conv2d import QConv2d
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.lookup import QLookup
from mixcomp_edge.operators.matmul import QMatMul
from mixcomp_edge.operators.maxpool2d import QMaxPool2d
from mixcomp_edge.operators.mul import QMul
from mixcomp_edge.operators.prelu import QPRelu
from mixcomp_edge.operators.rescale import QRescale
from mixcomp_edge.operators.slice import QSlice
from mixcomp_edge.operators.transpose import QTranspose
from mixcomp_edge.plan.kernels import candidates
from mixcomp_edge.targets import target
from mixcomp_sim import Machine

SHAPE = (8, 8, 32)
CORE = target("cortex-m4")
BOUNDS = {  # operator: at 8 bits, at 4 bits; of what multiplies a multiply-accumulate, of a pool a window element
    "add": (12, 12),
    "add of mixed widths": (12, 12),
    "minimum": (13.5, 12),
    "mul": (12, 12),
    "mul of mixed widths": (12, 12.5),
    "rescale": (8, 8),
    "concat": (8, 8),
    "concat of one type": (3, 3),
    "lookup": (6, 6),
    "prelu": (13, 13),
    "transpose": (4, 8),
    "transpose of short rows": (4, 8),
    "slice": (4, 8),
    "matmul": (2.5, 3.2),
    "max pool": (2.5, 2.5),
    "max pool of 8 channels": (2.5, 2.5),
    "max pool in one dimension": (2.5, 2.5),
    "convolution to the other width": (2.3, 1.1),
    "depthwise 1x3": (6, 4),
    "depthwise 1x7": (6, 4),
    "depthwise 5x5": (6, 4),
    "depthwise 7x7, stride 2": (6, 4),
    "depthwise 3x3, dilated": (6, 4),
}
POOLS = {
    "max pool": ((16, 16, 32), Window((3, 3), (2, 2), padding=(1, 1, 1, 1))),
    "max pool of 8 channels": ((16, 16, 8), Window((2, 2), (2, 2))),
    "max pool in one dimension": ((128, 8), Window((1, 2), (1, 2))),
}
DEPTHWISE = {
    "depthwise 1x3": ((128, 32), Window((1, 3), padding=(0, 1, 0, 1))),
    "depthwise 1x7": ((64, 24), Window((1, 7), padding=(0, 3, 0, 3))),
    "depthwise 5x5": ((12, 12, 24), Window((5, 5), padding=(2, 2, 2, 2))),
    "depthwise 7x7, stride 2": ((16, 16, 16), Window((7, 7), (2, 2), padding=(3, 3, 3, 3))),
    "depthwise 3x3, dilated": ((16, 16, 32), Window((3, 3), (1, 1), (2, 2), (2, 2, 2, 2))),
}


def layer(what: str, dtype: str) -> Graph:
    type_, other = QType(dtype, 0.1), QType("u4" if dtype == "u8" else "u8", 0.1)
    if what == "convolution to the other width":
        return pointwise(type_, other)
    if what in DEPTHWISE:
        return depthwise(*DEPTHWISE[what], type_)
    if what in POOLS:
        shape, window = POOLS[what]
        size = window.output_size(*(1, *shape)[-3:-1])[3 - len(shape) :]
        x = QInput(name="x", inputs=(), shape=shape, type=type_)
        node = QMaxPool2d(name="y", inputs=("x",), shape=(*size, shape[-1]), type=type_, window=window)
        return verify(Graph("alone", (x, node), "y"))
    x = QInput(name="x", inputs=(), shape=(64, 64) if what == "matmul" else SHAPE, type=type_)
    z_type = other if "mixed" in what else type_
    z = QRescale(name="z", inputs=("x",), shape=x.shape, type=z_type, requant=Requant.of(0.9))
    one, two = ({"name": "y", "inputs": inputs, "shape": SHAPE, "type": type_} for inputs in (("x",), ("x", "z")))
    blended = two | {"a_multiplier": 1 << 20, "b_multiplier": 1 << 20, "shift": 21}
    nodes: dict[str, QNode] = {
        "add": QAdd(**blended),
        "minimum": QMinimum(**blended),
        "mul": QMul(**two, requant=Requant.of(0.01)),
        "rescale": QRescale(**one, requant=Requant.of(0.9)),
        "concat": QConcat(**two | {"shape": (8, 8, 64)}, axis=2, requants=(Requant.of(0.9), Requant.of(0.7))),
        "concat of one type": QConcat(**two | {"shape": (8, 8, 64)}, axis=2, requants=(Requant.of(1.0),) * 2),
        "lookup": QLookup(**one, table=np.arange(1 << type_.bits, dtype=np.uint8)),
        "prelu": QPRelu(**one, requant=Requant.of(np.linspace(0.1, 0.9, 33))),
        "transpose": QTranspose(**one | {"shape": (32, 8, 8)}, axes=(2, 0, 1)),
        "transpose of short rows": QTranspose(**one | {"shape": (8, 32, 8)}, axes=(0, 2, 1)),
        "slice": QSlice(**one | {"shape": (8, 8, 16)}, start=(0, 0, 8), step=(1, 1, 1)),
        "matmul": QMatMul(
            **two | {"shape": (64, 64)}, a_axes=(0, 2), b_axes=(2, 1), count=64, requant=Requant.of(0.01)
        ),
    }  # fmt: skip
    node = nodes[what.removesuffix(" of mixed widths")]
    return verify(Graph("alone", (x, z, node) if "z" in node.inputs else (x, node), "y"))


def pointwise(x_type: QType, y_type: QType) -> Graph:
    codes = np.random.default_rng(3).integers(0, 16, (SHAPE[-1], SHAPE[-1])).astype(np.uint8)
    zeros, by = np.zeros(SHAPE[-1], np.int32), Requant.of(np.full(SHAPE[-1], 0.01))
    x = QInput(name="x", inputs=(), shape=SHAPE, type=x_type)
    weights = Weights(codebook("fixp4"), codes, zeros, by)
    y = QConv2d(name="y", inputs=("x",), shape=SHAPE, type=y_type, weights=weights, window=Window((1, 1)), groups=1)
    return verify(Graph("alone", (x, y), "y"))


def depthwise(shape: tuple[int, ...], window: Window, type_: QType) -> Graph:
    taps, channels = prod(window.kernel), shape[-1]
    codes = np.random.default_rng(3).integers(0, 16, (taps, channels)).astype(np.uint8)
    weights = Weights(codebook("fixp4"), codes, np.zeros(channels, np.int32), Requant.of(np.full(channels, 0.01)))
    x = QInput(name="x", inputs=(), shape=shape, type=type_)
    size = window.output_size(*(1, *shape)[-3:-1])[3 - len(shape) :]
    common = {"name": "y", "inputs": ("x",), "shape": (*size, channels), "type": type_}
    return verify(Graph("alone", (x, QDwConv2d(**common, weights=weights, window=window)), "y"))


@dataclass
class Counting:
    """A core that counts what it executes."""

    core: Machine
    total: int = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.core, name)

    def call(self, name: str, argument: int) -> None:
        self.total += self.core.call(name, argument, count=True).counts.total


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    if "gcc" not in toolchains():
        pytest.skip("no such compiler")
    graphs = [layer(what, dtype) for what in BOUNDS for dtype in ("u8", "u4")]
    kernels = list({candidates(graph, graph.nodes[-1], CORE.isas)[0][0]: None for graph in graphs})
    return kernels, alone.image(kernels, CORE, "gcc", tmp_path_factory.mktemp("speed"))


@pytest.mark.parametrize("dtype", ["u8", "u4"])
@pytest.mark.parametrize("what", BOUNDS)
def test_an_operator_takes_no_more_instructions_than(what, dtype, core):
    kernels, machine = core
    graph = layer(what, dtype)
    node = graph.nodes[-1]
    x = np.random.default_rng(7).integers(0, 16, graph.nodes[0].shape)
    values = {name: value[0] for name, value in interp.steps(graph, x[None])} | {"x": x}
    kernel, packed = candidates(graph, node, CORE.isas)[0]
    counting = Counting(machine)
    found = alone.Call(graph, node, kernel, packed, values).on_core(counting, kernels.index(kernel))
    assert found == pack_elements(values["y"], node.type.bits)
    work = node.macs or node.elements * prod(POOLS[what][1].kernel if what in POOLS else ())
    assert counting.total / work <= BOUNDS[what][dtype == "u4"]
