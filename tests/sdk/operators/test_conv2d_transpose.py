"""conv2d_transpose against loops over Python integers, its bounds, and how the front end makes it."""

from itertools import product

import numpy as np
import pytest
from torch import nn

from firmware import layers
from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph, Window
from mixcomp_edge.ir.types import DTYPES, QType, Requant, Weights
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.numerics import codebook
from mixcomp_edge.operators.conv2d_transpose import QConv2dTranspose
from mixcomp_edge.operators.input import QInput
from support.imports import operators

LIMITS = {"u4": (0, 15), "s4": (-8, 7), "u8": (0, 255), "s8": (-128, 127)}


def naive(node, x, x_zero: int, h: int, w: int, o: int) -> int:
    """Every input element and tap is asked whether it reaches (h, w)."""
    (kh, kw), (sh, sw), (dh, dw), window = node.window.kernel, node.window.stride, node.window.dilation, node.window
    group, each = x.shape[2] // node.groups, node.shape[-1] // node.groups
    levels = [int(v) for v in node.weights.levels[o]]
    acc = int(node.weights.bias[o])
    for row, column, i, j in product(range(x.shape[0]), range(x.shape[1]), range(kh), range(kw)):
        if (row * sh + i * dh, column * sw + j * dw) == (h + window.padding[0], w + window.padding[1]):
            for c in range(group):
                acc += levels[(i * kw + j) * group + c] * (int(x[row, column, o // each * group + c]) - x_zero)
    by = node.weights.requant
    scaled = (acc * 2**by.shift * int(by.multiplier[o if by.multiplier.size > 1 else 0]) + 2**31) // 2**32
    low, high = LIMITS[node.type.dtype]
    return min(max(node.type.zero_point + scaled, low), high)


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_what_loops_over_integers_say(dtype):
    rng, compared = np.random.default_rng(DTYPES.index(dtype)), 0
    while compared < 1000:
        graph, inputs = layers.layer("conv2d_transpose", dtype, rng)
        node, x = graph.nodes[1], inputs[0]
        if node.elements > 400:
            continue
        found = interp.run(graph, x[None])[0].reshape((1, *node.shape)[-3:])
        for place in product(*map(range, found.shape)):
            expected = naive(node, x.reshape((1, *x.shape)[-3:]), graph.nodes[0].type.zero_point, *place)
            assert found[place] == expected, (node.window, place)
        compared += node.elements


MODULES = {
    "twice as large": (nn.ConvTranspose2d(4, 6, 4, 2, 1), ["conv2d_transpose"]),
    "without overlap": (nn.ConvTranspose2d(4, 6, 2, 2, bias=False), ["conv2d_transpose"]),
    "groups, output padding": (nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), ["conv2d_transpose"]),
    "depthwise, dilated": (
        nn.ConvTranspose2d(4, 8, 3, (2, 3), (0, 1), dilation=(3, 2), groups=4),
        ["conv2d_transpose"],
    ),
    "phases without taps": (nn.ConvTranspose2d(4, 6, 1, 3, output_padding=2), ["conv2d_transpose"]),
    "no stride": (nn.ConvTranspose2d(4, 6, 3, 1, 1), ["conv2d_transpose"]),
    "more cut off than a tap": (nn.ConvTranspose2d(4, 4, (2, 5), (3, 1), padding=(0, 4)), ["conv2d_transpose"]),
    "batch norm and ReLU behind": (
        nn.Sequential(nn.ConvTranspose2d(4, 6, 4, 2, 1), nn.BatchNorm2d(6), nn.ReLU()),
        ["conv2d_transpose"],
    ),
    "a gain before": (
        nn.Sequential(nn.MaxPool2d(2), nn.ConvTranspose2d(4, 6, 4, 2, 1, groups=2), nn.BatchNorm2d(6)),
        ["maxpool2d", "conv2d_transpose"],
    ),
}


@pytest.mark.parametrize(("module", "expected"), MODULES.values(), ids=MODULES)
def test_a_transposed_convolution_computes_what_torch_does(module, expected):
    assert operators(module, (4, 5, 6)) == expected


def test_a_transposed_convolution_over_a_line_computes_what_torch_does():
    net = nn.Sequential(nn.ConvTranspose1d(4, 6, 5, 3, 1, 1, 2, True, 2), nn.BatchNorm1d(6))
    assert operators(net, (4, 11)) == ["conv2d_transpose"]


def layer(zero: int = 0, bias: int = 0, **changes) -> Graph:
    """3x3 by 2x2, stride 2, to 6x6."""
    x = QInput(name="x", inputs=(), shape=(3, 3, 2), type=QType("u8", 1.0, zero))
    codes = np.full((4, 8), 7, np.uint8)
    weights = Weights(codebook("fixp4"), codes, np.full(4, bias, np.int32), Requant(np.array([2**20], np.int32), 0))
    fields = {"window": Window((2, 2), (2, 2)), "groups": 1, "read": (3, 3), "made": (6, 6), "shape": (6, 6, 4)}
    node = QConv2dTranspose(name="y", inputs=("x",), type=QType("u8", 1.0), weights=weights, **fields | changes)
    return Graph("up", (x, node), "y")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"read": (3, 4)}, "made for 3 x 4"),
        ({"groups": 3}, "3 groups"),
        ({"window": Window((2, 1), (2, 2))}, "do not fit"),
        ({"window": Window((2, 2), (17, 17))}, "phases"),
        ({"window": Window((2, 2), (2, 2), (65_535, 1))}, "spreads"),
        ({"window": Window((2, 2), (2, 2), (1, 1), (65_535, 0, 0, 0))}, "spreads"),
        ({"made": (65_535, 65_535), "shape": (65_535, 65_535, 4)}, "more than|spreads"),
        ({"made": (0, 6), "shape": (1, 6, 4)}, "spreads"),
    ],
)
def test_a_layer_that_does_not_fit_is_refused(changes, message):
    verify(layer())
    with pytest.raises(GraphError, match=message):
        verify(layer(**changes))


def test_a_bias_that_only_the_zero_point_takes_out_of_int32_is_refused():
    verify(layer(bias=-(2**31 - 1) + 14 * 255))
    with pytest.raises(LoweringError, match="bias leaves int32"):
        verify(layer(zero=255, bias=-(2**31 - 1) + 14 * 254))
