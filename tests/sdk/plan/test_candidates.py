"""Which kernels may serve a layer."""

import numpy as np
import pytest

from mixcomp_edge.ir.graph import Graph, Window
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.types import QType, Requant, Weights
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.numerics import codebook
from mixcomp_edge.operators.conv2d import QConv2d
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.rescale import QRescale
from mixcomp_edge.operators.reshape import QReshape
from mixcomp_edge.plan.kernels import candidates

SCALED = Requant(np.array([2**30], np.int32), 0)


def network(dtype: str, depth: int, way: str) -> Graph:
    """A 1x1 convolution of the input itself, of the input in another shape, or of what a layer made of it, which may be
    an output, too, or become one in place."""
    x, shape = QType(dtype, 1.0), (2, 2, depth)
    nodes: list[QNode] = [QInput(name="x", inputs=(), shape=(4 * depth,) if way == "view" else shape, type=x)]
    if way == "view":
        nodes.append(QReshape(name="z", inputs=("x",), shape=shape, type=x))
    elif way != "input":
        nodes.append(QRescale(name="z", inputs=("x",), shape=shape, type=x, requant=SCALED))
    held = Weights(codebook("fixp4"), np.ones((4, depth), np.uint8), np.zeros(4, np.int32), SCALED)
    nodes.append(
        QConv2d(
            name="y", inputs=(nodes[-1].name,), shape=(2, 2, 4), type=x, weights=held, window=Window((1, 1)), groups=1
        )
    )
    outputs = {"output": "y"}
    if way == "output":
        outputs = {"a": "z", "b": "y"}
    elif way == "overwritten":
        nodes.append(QRescale(name="w", inputs=("z",), shape=shape, type=x, requant=SCALED))
        outputs = {"a": "w", "b": "y"}
    return verify(Graph("net", tuple(nodes), outputs))


@pytest.mark.parametrize("isa", ["v6m", "v7m", "swar"])
@pytest.mark.parametrize(
    ("dtype", "depth", "way", "serves"),
    [
        ("u4", 8, "input", False),
        ("s4", 16, "input", False),
        ("u4", 8, "view", False),
        ("u4", 8, "layer", True),
        ("u4", 8, "output", False),
        ("u4", 8, "overwritten", False),
        ("u4", 12, "input", True),
        ("s8", 8, "input", True),
    ],
)
def test_a_kernel_that_reads_words_gets_no_4_bit_value_that_lies_where_the_caller_says(dtype, depth, way, serves, isa):
    graph = network(dtype, depth, way)
    names = [kernel.name for kernel, _ in candidates(graph, graph["y"], (isa, "c"))]
    assert (f"mce_conv2d_{dtype}_fx4__{isa}" in names) == serves
    assert f"mce_conv2d_{dtype}_w4__c" in names
