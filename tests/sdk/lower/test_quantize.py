"""From real numbers to integers: the one place with a tolerance, so the tolerance is stated and checked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mixcomp_edge.errors import LoweringError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.lower import QuantizedGraph, lower, simplify
from mixcomp_edge.operators.add import QAdd
from mixcomp_edge.operators.conv2d import Conv2d, QConv2d, QConv2dAdd
from mixcomp_edge.operators.dense import Dense
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.operators.softmax import QSoftmax
from mixcomp_edge.quant_plan import LayerPlan, QuantPlan
from support import float_judge
from support.float_graphs import Net, quantized

FORMATS = ["fixp4", "posit4", "posit4sc4", "posit4sc8", "posit4e1", "e2m1", "nf4", "lut4", "int8"]


def network(seed: int = 0, *, include: bool = True) -> Graph:
    net = Net(8, 8, 3, seed=seed)
    a = net.relu("ra", net.norm("na", net.conv("a", "x", 6, padding=(1, 1, 1, 1), stride=(2, 2))))
    b = net.norm("nb", net.conv("b", a, 6, groups=6, padding=(1, 1, 1, 1)))
    c = net.relu("rc", net.add("sum", net.conv("c", net.add("first", b, a), 6, (1, 1)), a))
    d = net.conv("d", c, 4, groups=2, dilation=(2, 2), padding=(2, 2, 2, 2))
    p = net.avgpool("avg", c, (3, 3), (1, 1), include=include, padding=(1, 1, 1, 1))
    m = net.relu("late", net.maxpool("max", net.concat("cat", d, p), (2, 2), (1, 1), padding=(0, 0, 1, 1)))
    net.softmax("soft", net.dense("fc", net.flatten("flat", m), 5))
    return simplify(net.graph())


def samples(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 8, 8, 3))


def real_layer(node: Conv2d | Dense, given: QuantizedGraph) -> Conv2d | Dense:
    """The float layer with the weights that its codes stand for."""
    coded = given.weights[node.name]
    levels = np.array(coded.codebook.levels, np.float64)[coded.codes] / 2**coded.codebook.shift
    return replace(node, weight=levels * coded.scale.reshape(-1, *[1] * (levels.ndim - 1)))


def error_bound(node: QNode, sources: list[QNode]) -> float:
    """Steps of the output between the integers and exact arithmetic on the same integers. 1/2 from the last rounding;
    for weighted layers half an accumulator step of bias; and half a unit of the multiplier times the accumulator."""
    if isinstance(node, Weighted):
        rows = node.weights.levels.T if isinstance(node, QDwConv2d) else node.weights.levels
        peak = np.abs(node.weights.bias).max() + np.abs(rows).sum(1).max() * 255
        m, s = node.weights.requant.multiplier.max(), node.weights.requant.shift
        joined = isinstance(node, QConv2dAdd)
        residual = sources[1].type.peak * 2.0 ** (node.residual_shift - 33) if joined else 0.0
        return 0.5 + 0.5 * (m + 1) * 2.0 ** (s - 32) + peak * 2.0 ** (s - 33) + residual
    if isinstance(node, QAdd):
        return 0.5 + sum(source.type.peak for source in sources) * 2.0 ** -(node.shift + 1)
    if isinstance(node, QSoftmax):
        return 1.0
    return 0.5 + 255 * 9 * 2.0**-32


@pytest.mark.parametrize("granularity", ["channel", "tensor"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_layer_is_the_rounded_real_one(name, granularity):
    graph = network(include=granularity == "tensor")
    plan = QuantPlan(LayerPlan(name, granularity, 8 if name == "posit4e1" else 4))
    given = quantized(graph, samples(64), plan)
    integer = lower(given)
    x = integer.nodes[0].type.quantize(samples(8, seed=2))
    values = dict(interp.steps(integer, x))
    for node in integer.nodes[1:]:
        sources = integer.sources(node)
        reals = [torch.tensor(s.type.dequantize(values[s.name])) for s in sources]
        float_node = graph[node.name]
        if isinstance(float_node, Conv2d | Dense):
            float_node = real_layer(float_node, given)
        exact = float_judge.evaluate(float_node, *reals).numpy() / node.type.scale + node.type.zero_point
        steps = np.abs(values[node.name] - np.clip(exact, node.type.low, node.type.high))
        assert steps.max() <= error_bound(node, sources) * (1 + 1e-9), node.name


def test_a_whole_network_with_wide_types_stays_near_the_float_one():
    """8-bit activations: the logits are within 4 of their 255 steps of the float graph with the coded weights."""
    graph = network()
    given = quantized(graph, samples(64), QuantPlan(LayerPlan(act_bits=8)))
    coded = graph.with_nodes(
        real_layer(n, given) if isinstance(n, Conv2d | Dense) else n for n in graph.nodes
    )  # fmt: skip
    # steps that hold what the coded weights make, not what the real ones made
    widened = {
        name: replace(t, scale=1.5 * t.scale) if name not in ("x", "soft") else t for name, t in given.types.items()
    }
    integer = lower(replace(given, types=widened))
    x = samples(16, seed=3).clip(*(integer.nodes[0].type.dequantize(np.array([0, 255]))))
    logits = integer["fc"].type
    expected = float_judge.run(coded, x)["fc"] / logits.scale
    values = dict(interp.steps(integer, integer.nodes[0].type.quantize(x)))
    assert np.abs(values["fc"] - np.clip(expected, logits.low, logits.high)).max() <= 4


def test_the_bias_holds_the_zero_point_of_the_input():
    net = Net(4, seed=3)
    net.dense("fc", "x", 3)
    given = quantized(net.graph(), np.random.default_rng(0).standard_normal((32, 4)))
    node = lower(given)["fc"]
    coded, x = given.weights["fc"], given.types["x"]
    assert x.zero_point == 128
    for o in range(3):
        levels = [coded.codebook.levels[c] for c in coded.codes[o]]
        step = x.scale * float(coded.scale[o]) / 2**coded.codebook.shift
        assert node.weights.bias[o] == round(float(net.nodes[1].bias[o]) / step) - 128 * sum(levels)


def test_depthwise_codes_lie_by_tap_and_others_by_output():
    integer = lower(quantized(network(), samples(16)))
    assert isinstance(integer["b"], QDwConv2d)
    assert integer["b"].weights.codes.shape == (9, 6)
    assert isinstance(integer["d"], QConv2d)
    assert integer["d"].weights.codes.shape == (4, 9 * 3)


@pytest.mark.parametrize(("name", "include", "entries"), [("all", True, 1), ("inside", False, 9)])
def test_average_pooling_has_one_multiplier_for_each_divisor(name, include, entries):
    integer = lower(quantized(network(include=include), samples(16)))
    assert len(integer["avg"].requant.multiplier) == entries


def test_the_softmax_table_is_the_rounded_exponential():
    integer = lower(quantized(network(), samples(16)))
    scale = integer["fc"].type.scale
    assert integer["soft"].table.tolist() == [round(2**15 * float(np.exp(-d * scale))) for d in range(256)]


@pytest.mark.parametrize("layer", ["a", "b", "fc"])
def test_a_layer_without_codes_is_refused(layer):
    given = quantized(network(), samples(4))
    without = {name: weights for name, weights in given.weights.items() if name != layer}
    with pytest.raises(LoweringError, match=f"{layer}: no codes for its weights"):
        lower(replace(given, weights=without))


def test_an_operator_without_an_integer_form_is_refused():
    net = Net(4, 4, 2)
    net.norm("bn", net.conv("conv", "x", 2))
    given = quantized(net.graph(), np.ones((1, 4, 4, 2)))
    with pytest.raises(LoweringError, match="bn: affine has no integer form"):
        lower(given)


def test_a_bias_beyond_int32_is_refused_with_what_to_do():
    net = Net(4)
    net.dense("fc", "x", 3)
    given = quantized(net.graph(), np.ones((2, 4)))
    tiny = replace(given.weights["fc"], scale=np.array([1e-9, 1.0, 1.0]))
    with pytest.raises(LoweringError, match=r'fc: a bias of .* is beyond int32 .*Set granularity = "tensor"'):
        lower(replace(given, weights={"fc": tiny}))


def test_an_accumulator_beyond_int32_is_refused():
    net = Net(4)
    net.dense("fc", "x", 3)
    given = quantized(net.graph(), np.ones((2, 4)))
    types = given.types | {"fc": replace(given.types["fc"], scale=1e-9)}
    with pytest.raises(LoweringError, match=r"fc: the accumulator may reach .*, beyond int32"):
        lower(replace(given, types=types))


def test_levels_above_16_bits_are_refused():
    plan = QuantPlan(LayerPlan("posit4e2"))
    with pytest.raises(LoweringError, match="posit4e2 has levels above 16 bits"):
        lower(quantized(network(), samples(4), plan))
