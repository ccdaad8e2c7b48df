"""Which type each value gets."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcomp_edge.errors import PlanError
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower import simplify
from mixcomp_edge.lower.assign_types import assign_types, quantizer_of
from mixcomp_edge.operators.conv2d import Conv2d
from mixcomp_edge.quant_plan import LayerPlan, QuantPlan
from support import float_judge
from support.float_graphs import Net


def types(graph, plan: QuantPlan | None = None, *, input_positive: bool = False) -> dict[str, str]:
    return {
        name: t.dtype for name, t in assign_types(graph, plan or QuantPlan(), input_positive=input_positive).items()
    }


def network():
    net = Net(8, 8, 2)
    a = net.relu("ra", net.conv("a", "x", 4, padding=(1, 1, 1, 1)))
    b = net.conv("b", net.maxpool("pool", a), 4, padding=(1, 1, 1, 1))
    c = net.relu6("rc", net.conv("c", net.pad("pad", b, (0, 0, 1), (0, 0, 0)), 4, padding=(1, 1, 1, 1)))
    mixed, positive = net.concat("mixed", b, c), net.concat("positive", c, net.avgpool("avg", c, (1, 1), (1, 1)))
    d = net.conv("d", net.concat("both", mixed, positive), 2)
    net.dense("fc", net.flatten("flat", d), 3)
    return simplify(net.graph())


def test_unsigned_after_relu_signed_otherwise_and_eight_bits_at_both_ends():
    assert types(network()) == {
        "x": "u8", "a": "u4", "b": "s4", "c": "u4", "mixed": "s4", "avg": "u4", "positive": "u4", "both": "s4",
        "d": "s4", "fc": "s8",
    }  # fmt: skip


def test_what_only_moves_elements_shares_the_quantizer_of_its_source():
    owner = quantizer_of(network())
    assert (owner["pool"], owner["pad"], owner["flat"], owner["a"]) == ("a", "b", "d", "a")


def test_relu6_limits_the_scale_and_relu_does_not():
    found = assign_types(network(), QuantPlan(), input_positive=False)
    assert (found["c"].limit, found["a"].limit, found["b"].limit) == (6.0, None, None)


def test_the_plan_widens_single_layers():
    plan = QuantPlan(LayerPlan(), {"b": {"act_bits": 8}, "avg": {"act_bits": 8}})
    found = types(network(), plan)
    assert (found["a"], found["b"], found["avg"]) == ("u4", "s8", "u8")
    assert set(types(network(), QuantPlan(LayerPlan(act_bits=8))).values()) == {"u8", "s8"}


def test_a_positive_input_makes_its_pooling_unsigned():
    net = Net(4, 4, 2)
    net.conv("conv", net.avgpool("avg", "x"), 2, (1, 1))
    assert types(net.graph(), input_positive=True)["avg"] == "u4"
    assert types(net.graph())["avg"] == "s4"


def test_softmax_is_u8_and_reads_8_bits_wherever_it_stands():
    net = Net(4)
    net.dense("fc2", net.softmax("soft", net.dense("fc", "x", 4)), 2)
    assert types(net.graph()) == {"x": "u8", "fc": "s8", "soft": "u8", "fc2": "s8"}


def test_an_output_that_moves_elements_widens_the_value_it_shares():
    net = Net(4, 4, 2)
    net.maxpool("pool", net.conv("conv", "x", 2, (1, 1)))
    assert types(net.graph()) == {"x": "u8", "conv": "s8"}


def test_a_layer_that_the_model_lacks_is_refused_with_the_nearest_name():
    net = Net(8, 8, 2)
    net.conv("block1.conv", net.conv("block0.conv", "x", 2), 2)
    plan = QuantPlan(LayerPlan(), {"block1.convv": {"act_bits": 8}})
    with pytest.raises(
        PlanError, match=r"no layer 'block1.convv'. Did you mean 'block1.conv'\? Its layers: block0.conv"
    ):
        types(net.graph(), plan)
    with pytest.raises(PlanError, match=r"no layer 'zzz'. Its layers: block0.conv, block1.conv"):
        types(net.graph(), QuantPlan(LayerPlan(), {"zzz": {}}))


def test_the_input_is_no_layer_of_the_plan():
    with pytest.raises(PlanError, match="no layer 'x'"):
        types(network(), QuantPlan(LayerPlan(), {"x": {"act_bits": 8}}))


def test_act_bits_of_a_pooling_are_refused_where_they_would_do_nothing():
    with pytest.raises(PlanError, match="'pool' keeps the type of 'a'; set act_bits there"):
        types(network(), QuantPlan(LayerPlan(), {"pool": {"act_bits": 8}}))


def test_weights_of_a_layer_without_weights_are_refused():
    with pytest.raises(PlanError, match=r"'mixed' is a concat and has no weights"):
        types(network(), QuantPlan(LayerPlan(), {"mixed": {"weights": "posit4"}}))


def without_minus(net: Net, name: str) -> str:
    """The layer of that name, its weights and biases without their signs."""
    node = net.nodes[-1]
    net.nodes[-1] = replace(node, weight=np.abs(node.weight), bias=np.abs(node.bias))
    return name


def read(net: Net) -> Graph:
    """The graph less what its last node does not need."""
    return verify(Graph("net", tuple(net.nodes), net.nodes[-1].name).without_unread())


SUMS = {
    "two": lambda net, a, b: net.add("y", a, b),
    "twice": lambda net, a, b: net.add("y", b, b),
    "of sums": lambda net, a, b: net.add("y", net.add("ab", a, b), b),
    "of a mean and a border": lambda net, a, b: net.add(
        "y", net.avgpool("mean", a, (2, 2), (1, 1)), net.pad("edge", net.maxpool("max", b), (1, 0, 0), (0, 1, 0))
    ),
    "beside a slice": lambda net, a, b: net.concat(
        "y", net.avgpool("mean", net.add("ab", a, b)), net.maxpool("slice", a, (1, 1))
    ),
    "flattened": lambda net, a, b: net.add("y", net.flatten("fa", a), net.flatten("fb", b)),
    "by weights without a minus": lambda net, a, b: without_minus(net, net.conv("y", net.add("ab", a, b), 3, (1, 1))),
}
OPERANDS = {
    "relu": lambda net: net.relu("rb", net.conv("b", "x", 2, (1, 1))),
    "relu6": lambda net: net.relu6("rb", net.conv("b", "x", 2, (1, 1))),
    "softmax": lambda net: net.softmax("sb", net.conv("b", "x", 2, (1, 1))),
    "input": lambda net: "x",
}


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("case", SUMS)
def test_what_is_made_of_values_that_cannot_be_negative_is_unsigned(case, operand):
    net = Net(4, 4, 2)
    y = SUMS[case](net, net.relu("ra", net.conv("a", "x", 2, (1, 1))), OPERANDS[operand](net))
    net.dense("end", y, 1)
    assert types(read(net), input_positive=True)[y] == "u4"


@pytest.mark.parametrize("case", SUMS)
def test_one_signed_operand_makes_it_signed(case):
    net = Net(4, 4, 2)
    y = SUMS[case](net, net.relu("ra", net.conv("a", "x", 2, (1, 1))), net.conv("b", "x", 2, (1, 1)))
    net.dense("end", y, 1)
    assert types(read(net), input_positive=True)[y] == "s4"


def test_a_residual_convolution_is_unsigned_by_its_relu_or_for_want_of_a_minus():
    for name, kind in (("plain", "s4"), ("relu", "u4"), ("weights", "u4")):
        net = Net(4, 4, 2)
        a = net.relu("ra", net.conv("a", "x", 2, (1, 1)))
        b = net.conv("b", a, 2, (1, 1))
        y = net.add("y", a, without_minus(net, b) if name == "weights" else b)
        net.dense("end", net.relu("r", y) if name == "relu" else y, 1)
        graph = simplify(net.graph())
        assert [len(node.inputs) for node in graph.nodes if isinstance(node, Conv2d)] == [1, 2]
        assert types(graph)[b] == kind


NODES = {
    "add": lambda net, name, a, b: net.add(name, a, b),
    "concat": lambda net, name, a, b: net.concat(name, a, b),
    "conv": lambda net, name, a, b: net.conv(name, a, 2, (1, 1)),
    "abs": lambda net, name, a, b: without_minus(net, net.conv(name, a, 2, (1, 1))),
    "relu": lambda net, name, a, b: net.relu(name, a),
    "relu6": lambda net, name, a, b: net.relu6(name, a),
    "softmax": lambda net, name, a, b: net.softmax(name, a),
    "average": lambda net, name, a, b: net.avgpool(name, a, (3, 3), (1, 1), padding=(1, 1, 1, 1)),
    "maximum": lambda net, name, a, b: net.maxpool(name, a, (3, 3), (1, 1), padding=(1, 1, 1, 1)),
}


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_no_unsigned_value_of_a_random_network_is_ever_negative(random, input_positive):
    net, values = Net(4, 4, 2, seed=random.randrange(1 << 30)), ["x"]
    for k in range(12):
        kind = random.choice(list(NODES))
        a = random.choice(values)
        b = random.choice([value for value in values if net.shape(value) == net.shape(a)])
        values.append(NODES[kind](net, f"n{k}", a, b))
    graph = read(net)
    x = np.random.default_rng(0).normal(scale=3.0, size=(50, 4, 4, 2))
    seen = float_judge.run(graph, np.abs(x) if input_positive else x)
    for name, dtype in types(graph, input_positive=input_positive).items():
        assert dtype.startswith("s") or name == "x" or seen[name].min() >= 0, name
