"""Each pass keeps the function, folds where it must, keeps what it must, and leaves the old graph as it was."""

from copy import deepcopy
from dataclasses import fields
from math import inf

import numpy as np
import pytest

from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import Activation
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower import simplify
from mixcomp_edge.lower.fold_affine import fold_affine
from mixcomp_edge.lower.fold_padding import fold_padding
from mixcomp_edge.lower.fuse_activation import fuse_activation
from mixcomp_edge.lower.fuse_add import fuse_add
from mixcomp_edge.lower.merge_strides import merge_strides
from mixcomp_edge.operators.reshape import Reshape
from support import float_judge
from support.float_graphs import Net


def output(graph: Graph, x: np.ndarray) -> np.ndarray:
    return float_judge.run(graph, x)[graph.output]


def same(a: Graph, b: Graph) -> bool:
    """Equal to the last weight."""
    if (a.output, [n.name for n in a.nodes]) != (b.output, [n.name for n in b.nodes]):
        return False
    return all(
        type(m) is type(n) and all(np.array_equal(getattr(m, f.name), getattr(n, f.name)) for f in fields(m))
        for m, n in zip(a.nodes, b.nodes, strict=True)
    )


def applied(step, graph: Graph, tolerance: float = 1e-9) -> list[str]:
    """Runs the pass, checks what holds for all of them, returns the operators of the new graph."""
    before = deepcopy(graph)
    new = verify(step(graph))
    assert same(graph, before), "the old graph was changed"
    x = np.random.default_rng(5).standard_normal((3, *graph.nodes[0].shape)) * 3
    expected = output(graph, x)
    np.testing.assert_allclose(output(new, x), expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max()))
    assert same(step(new), new), "a second run changed the graph again"
    return [f"{node.name}:{node.op}" for node in new.nodes[1:]]


def strided() -> Net:
    return Net(9, 7, 2)


FLOAT32 = 1e-6  # fold_affine stores its products as float32


def test_a_batch_norm_folds_into_the_convolution_before_it():
    net = Net(5, 5, 4)
    net.norm("bn", net.conv("conv", "x", 6, groups=2))
    assert applied(fold_affine, net.graph(), FLOAT32) == ["conv:conv2d"]


def test_a_batch_norm_folds_into_the_linear_layer_before_it():
    net = Net(6)
    net.dense("fc2", net.norm("bn", net.dense("fc", "x", 5)), 3)
    graph = net.graph()
    assert applied(fold_affine, graph, FLOAT32) == ["fc:dense", "fc2:dense"]
    assert np.array_equal(fold_affine(graph)["fc2"].weight, graph["fc2"].weight)


def test_the_folded_weights_are_the_formula_rounded_to_float32():
    net = Net(5, 5, 4)
    net.norm("bn", net.conv("conv", "x", 6))
    graph = net.graph()
    conv, bn, folded = graph["conv"], graph["bn"], fold_affine(graph)["conv"]
    for o in range(6):
        np.testing.assert_allclose(folded.weight[o], conv.weight[o] * bn.gain[o], rtol=1e-6)
        assert folded.bias[o] == pytest.approx(float(conv.bias[o]) * bn.gain[o] + bn.offset[o], rel=1e-6, abs=1e-7)
    assert folded.weight.dtype == folded.bias.dtype == np.float32


BEHIND = {
    "a convolution": lambda net, x: net.conv("conv", x, 6),
    "grouped": lambda net, x: net.conv("conv", x, 8, groups=2, stride=(2, 1)),
    "depthwise": lambda net, x: net.conv("conv", x, 8, groups=4, dilation=(2, 1)),
    "a linear layer": lambda net, x: net.dense("fc", x, 3),
    "behind a flatten": lambda net, x: net.dense("fc", net.flatten("flat", x), 3),
    "behind a flatten in another order": lambda net, x: net.dense(
        "fc", net.flatten("flat", net.transpose("moved", x, (1, 0, 2))), 3
    ),
    "behind an average": lambda net, x: net.conv("conv", net.avgpool("pool", x), 3, (1, 1)),
    "behind an average that leaves its padding out": lambda net, x: net.conv(
        "conv", net.avgpool("pool", x, (3, 3), padding=(1, 1, 1, 1), include=False), 3, (1, 1)
    ),
    "two layers": lambda net, x: net.add("sum", net.conv("a", x, 5), net.conv("b", x, 5)),
    "two norms": lambda net, x: net.conv("conv", net.norm("bn2", x), 6),
}


@pytest.mark.parametrize("layers", BEHIND.values(), ids=BEHIND)
def test_a_batch_norm_behind_a_relu_folds_into_the_layers_behind_it(layers):
    net = Net(6, 7, 4)
    layers(net, net.norm("bn", net.relu("relu", "x")))
    kinds = applied(fold_affine, net.graph(), FLOAT32)
    assert kinds == [f"{n.name}:{n.op}" for n in net.nodes[1:] if n.op != "affine"]


GAIN = [0.5, 2.0, 3.0, 0.1]
COMMUTES = {
    "relu": (lambda net, x: net.relu("f", x), GAIN, 0.0),
    "max pooling": (lambda net, x: net.maxpool("f", x, (3, 3), padding=(1, 1, 1, 1)), GAIN, [1.0, -2.0, 0.0, 3.0]),
    "average pooling": (lambda net, x: net.avgpool("f", x), [-1.0, 2.0, 0.0, 1.0], [1.0, -2.0, 0.0, 3.0]),
    "padded average": (lambda net, x: net.avgpool("f", x, (3, 3), padding=(1, 1, 1, 1)), [-1.0, 2.0, 0.0, 1.0], 0.0),
    "pad": (lambda net, x: net.pad("f", x, (1, 0, 0), (2, 3, 0)), [-1.0, 2.0, 0.0, 1.0], 0.0),
    "transpose of positions": (lambda net, x: net.transpose("f", x, (1, 0, 2)), GAIN, [1.0, -2.0, 0.0, 3.0]),
    "transpose of channels": (lambda net, x: net.transpose("f", x, (2, 0, 1)), -2.0, 1.0),
    "reshape of positions": (lambda net, x: net.reshape("f", x, (2, -1, 4)), GAIN, [1.0, -2.0, 0.0, 3.0]),
}


@pytest.mark.parametrize(("function", "gain", "offset"), COMMUTES.values(), ids=COMMUTES)
@pytest.mark.parametrize("side", ["before", "behind"])
def test_arithmetic_passes_what_it_commutes_with(function, gain, offset, side):
    net = Net(6, 7, 4)
    if side == "before":
        net.affine("scale", function(net, net.conv("conv", "x", 4)), gain, offset)
    else:
        net.conv("conv", function(net, net.affine("scale", net.concat("cat", "x"), gain, offset)), 3, (1, 1))
    assert "scale:affine" not in applied(fold_affine, net.graph(), FLOAT32)


def test_one_number_passes_every_reshape_to_the_layer_before_it():
    net = Net(6, 7, 4)
    net.affine("scale", net.flatten("flat", net.conv("conv", "x", 3)), -2.0, 1.0)
    assert applied(fold_affine, net.graph(), FLOAT32) == ["conv:conv2d", "flat:reshape"]


NORMALISED = {
    "padded convolution": lambda net, x: net.conv("conv", net.norm("bn", x), 3, padding=(1, 1, 1, 1)),
    "twice": lambda net, x: net.add(
        "sum", net.conv("a", net.norm("bn2", net.norm("bn", x)), 3), net.conv("b", "bn2", 3)
    ),
    "the model ends": lambda net, x: net.norm("bn", x),
    "behind a pooling": lambda net, x: net.norm("bn", net.avgpool("pool", x)),
}


@pytest.mark.parametrize("make", NORMALISED.values(), ids=NORMALISED)
def test_arithmetic_on_the_input_becomes_part_of_the_input(make):
    net = Net(6, 7, 4)
    net.relu("last", make(net, "x"))
    graph = net.graph()
    kinds = applied(fold_affine, graph, FLOAT32)
    assert kinds == [f"{n.name}:{n.op}" for n in net.nodes[1:] if n.op != "affine"]
    assert np.any(fold_affine(graph).nodes[0].gain != 1)


def test_one_gain_for_all_channels_of_the_input_goes_into_the_layer():
    net = Net(6, 7, 4)
    net.conv("conv", net.affine("scale", "x", 1 / 255), 3, padding=(1, 1, 1, 1))
    graph = net.graph()
    assert applied(fold_affine, graph, FLOAT32) == ["conv:conv2d"]
    assert fold_affine(graph).nodes[0].gain is None


STUCK = {
    "a convolution read elsewhere": lambda net: net.add("sum", net.norm("bn", net.conv("conv", "x", 4)), "conv"),
    "padding": lambda net: net.conv("conv", net.norm("bn", net.concat("cat", "x")), 4, padding=(0, 0, 0, 1)),
    "a pad": lambda net: net.conv(
        "conv", net.pad("pad", net.affine("bn", net.concat("cat", "x"), 1.0, 1.0), (1, 0, 0), (0, 0, 0)), 4
    ),
    "one of two readers": lambda net: net.add(
        "sum", net.conv("conv", net.norm("bn", net.relu("r", "x")), 4, (1, 1)), "bn"
    ),
    "an offset behind a relu": lambda net: net.affine("bn", net.relu("relu", net.conv("conv", "x", 4)), 1.0, 1.0),
    "a negative gain behind a relu": lambda net: net.affine(
        "bn", net.relu("relu", net.conv("conv", "x", 4)), [1.0, 1.0, -1.0, 1.0]
    ),
    "a gain behind a relu6": lambda net: net.affine("bn", net.relu6("relu", net.conv("conv", "x", 4)), 0.5),
    "a negative gain behind a max pooling": lambda net: net.affine(
        "bn", net.maxpool("pool", net.conv("conv", "x", 4)), -1.0
    ),
    "an offset behind a padded average": lambda net: net.affine(
        "bn", net.avgpool("pool", net.conv("conv", "x", 4), padding=(1, 1, 0, 0)), 1.0, 1.0
    ),
    "a concatenation": lambda net: net.norm("bn", net.concat("cat", "x")),
    "channels that a transpose mixes": lambda net: net.norm(
        "bn", net.transpose("t", net.conv("conv", "x", 4), (2, 1, 0))
    ),
    "two norms": lambda net: net.norm("bn2", net.relu("relu", net.norm("bn", net.concat("cat", "x")))),
}  # fmt: skip


@pytest.mark.parametrize("make", STUCK.values(), ids=STUCK)
def test_a_batch_norm_that_fits_nowhere_becomes_a_depthwise_convolution(make):
    net = Net(6, 6, 4)
    make(net)
    kinds = applied(fold_affine, net.graph(), FLOAT32)
    assert kinds == [f"{n.name}:{n.op.replace('affine', 'conv2d')}" for n in net.nodes[1:]]
    layer = fold_affine(net.graph())["bn"]
    assert (layer.weight.shape, layer.groups) == ((4, 1, 1, 1), 4)


@pytest.mark.parametrize("shape", [(7,), (1,), (5, 3), (1, 4)])
def test_a_lone_batch_norm_of_vectors_and_sequences_is_one_of_a_map(shape):
    net = Net(*shape)
    net.norm("bn", net.relu("relu", "x"))
    assert applied(fold_affine, net.graph(), FLOAT32) == [
        "relu:relu", "bn_map:reshape", "bn_layer:conv2d", "bn:reshape"
    ]  # fmt: skip


def test_a_batch_norm_behind_channels_that_a_flatten_mixes_becomes_a_layer_of_its_own():
    net = Net(6, 6, 4)
    net.dense("fc", net.relu("relu", net.norm("bn", net.flatten("flat", net.conv("conv", "x", 4)))), 3)
    assert "bn_layer:conv2d" in applied(fold_affine, net.graph(), FLOAT32)


def test_a_pad_becomes_the_padding_of_its_convolution():
    net = strided()
    net.conv("conv", net.pad("pad", "x", (1, 0, 0), (2, 3, 0)), 4, stride=(2, 2), padding=(0, 1, 1, 0))
    graph = net.graph()
    assert applied(fold_padding, graph) == ["conv:conv2d"]
    assert fold_padding(graph)["conv"].window.padding == (1, 1, 3, 3)


def test_a_pad_of_channels_stays():
    net = strided()
    net.conv("conv", net.pad("pad", "x", (0, 0, 1), (0, 0, 0)), 4)
    assert applied(fold_padding, net.graph()) == ["pad:pad", "conv:conv2d"]


def test_a_pad_that_a_pooling_reads_too_stays_for_the_pooling():
    net = strided()
    pad = net.pad("pad", "x", (1, 1, 0), (0, 0, 0))
    net.concat("cat", net.conv("conv", pad, 2), net.maxpool("pool", pad, (3, 3), (1, 1)))
    assert applied(fold_padding, net.graph()) == ["pad:pad", "conv:conv2d", "pool:maxpool2d", "cat:concat"]


def test_a_pad_of_two_convolutions_folds_into_both():
    net = strided()
    pad = net.pad("pad", "x", (1, 1, 0), (1, 1, 0))
    net.add("sum", net.conv("a", pad, 2), net.conv("b", pad, 2))
    assert applied(fold_padding, net.graph()) == ["a:conv2d", "b:conv2d", "sum:add"]


def test_a_pad_that_is_the_output_stays():
    net = strided()
    net.pad("pad", net.conv("conv", "x", 2), (1, 1, 0), (1, 1, 0))
    assert applied(fold_padding, net.graph()) == ["conv:conv2d", "pad:pad"]


def test_two_pads_in_a_row_keep_the_function():
    net = strided()
    net.conv("conv", net.pad("p2", net.pad("p1", "x", (1, 0, 0), (0, 1, 0)), (0, 1, 0), (2, 0, 0)), 2)
    graph = net.graph()
    x = np.random.default_rng(1).standard_normal((2, 9, 7, 2))
    np.testing.assert_allclose(output(verify(fold_padding(graph)), x), output(graph, x), atol=1e-9)


def test_strides_along_two_axes_become_one():
    net = strided()
    net.maxpool("b", net.maxpool("a", "x", (1, 1), (2, 1)), (1, 1), (1, 3))
    graph = net.graph()
    assert applied(merge_strides, graph) == ["b:maxpool2d"]
    assert merge_strides(graph)["b"].window.stride == (2, 3)


def test_three_strides_in_a_row_become_one():
    net = Net(16, 5, 1)
    net.maxpool("c", net.maxpool("b", net.maxpool("a", "x", (1, 1), (2, 1)), (1, 1), (3, 2)), (1, 1), (2, 2))
    graph = net.graph()
    assert applied(merge_strides, graph) == ["c:maxpool2d"]
    assert merge_strides(graph)["c"].window.stride == (12, 4)


def test_a_stride_that_something_else_reads_stays():
    net = strided()
    a = net.maxpool("a", "x", (1, 1), (2, 2))
    b = net.maxpool("b", a, (1, 1), (2, 2))
    net.concat("cat", net.flatten("fa", a), net.flatten("fb", b), axis=0)
    assert applied(merge_strides, net.graph())[:2] == ["a:maxpool2d", "b:maxpool2d"]


@pytest.mark.parametrize(("first", "second"), [((2, 2), (1, 1)), ((1, 1), (2, 2))])
def test_a_real_max_pooling_stays(first, second):
    net = strided()
    net.maxpool("b", net.maxpool("a", "x", first, (2, 2)), second, (2, 2))
    assert applied(merge_strides, net.graph()) == ["a:maxpool2d", "b:maxpool2d"]


@pytest.mark.parametrize("activation", [Activation.RELU, Activation.RELU6, Activation(0.5)])
@pytest.mark.parametrize("producer", ["conv", "dense", "add"])
def test_a_relu_moves_into_what_makes_its_input(producer, activation):
    net = Net(5, 5, 2)
    made = {"conv": lambda: net.conv("p", "x", 3), "dense": lambda: net.dense("p", "x", 3),
            "add": lambda: net.add("p", "x", "x")}[producer]()  # fmt: skip
    net.relu("relu", made, activation)
    graph = net.graph()
    assert applied(fuse_activation, graph) == [f"p:{graph['p'].op}"]
    assert fuse_activation(graph)["p"].activation is activation
    assert fuse_activation(graph).output == "p"


@pytest.mark.parametrize("first", [Activation.RELU, Activation.RELU6, Activation(0.5)])
@pytest.mark.parametrize("second", [Activation.RELU, Activation.RELU6, Activation(0.5)])
def test_two_relus_in_a_row_are_the_tighter_one(first, second):
    net = Net(5, 5, 2)
    net.relu("b", net.relu("a", net.conv("conv", "x", 3), first), second)
    graph = net.graph()
    assert applied(fuse_activation, graph) == ["conv:conv2d"]
    tighter = Activation(min(first.high, second.high))
    assert fuse_activation(graph)["conv"].activation == tighter


def test_a_relu_behind_a_convolution_that_is_read_elsewhere_stays():
    net = Net(5, 5, 2)
    conv = net.conv("conv", "x", 3)
    net.add("sum", net.relu("relu", conv), conv)
    assert applied(fuse_activation, net.graph()) == ["conv:conv2d", "relu:relu", "sum:add"]


def test_a_relu_with_several_readers_fuses_and_all_of_them_read_the_producer():
    net = Net(5, 5, 2)
    relu = net.relu("relu", net.conv("conv", "x", 3))
    net.add("sum", net.conv("a", relu, 3), net.conv("b", relu, 3))
    graph = net.graph()
    assert applied(fuse_activation, graph) == ["conv:conv2d", "a:conv2d", "b:conv2d", "sum:add"]
    assert fuse_activation(graph)["b"].inputs == ("conv",)


@pytest.mark.parametrize(("between", "more"), [("maxpool", ()), ("flatten", ()), ("transpose", ((2, 1, 0),))])
def test_a_relu_moves_in_front_of_what_lets_it_through_and_fuses(between, more):
    net = Net(6, 6, 2)
    middle = getattr(net, between)("middle", net.conv("conv", "x", 3), *more)
    net.dense("fc", net.relu("relu", middle), 2)
    ops_after = applied(fuse_activation, net.graph())
    assert [name.split(":")[0] for name in ops_after] == ["conv", "middle", "fc"]


def test_a_relu_behind_a_padded_pooling_keeps_the_function():
    net = Net(6, 6, 2)
    net.relu("relu", net.maxpool("pool", net.conv("conv", "x", 3), (3, 3), (2, 2), padding=(1, 1, 1, 1)))
    assert applied(fuse_activation, net.graph()) == ["conv:conv2d", "pool:maxpool2d"]


def test_a_relu_behind_a_pooling_whose_input_is_read_elsewhere_moves_but_does_not_fuse():
    net = Net(6, 6, 2)
    conv = net.conv("conv", "x", 3)
    pooled = net.relu("relu", net.maxpool("pool", conv))
    flat = [net.flatten(f"f{i}", v) for i, v in enumerate((conv, pooled))]
    net.concat("cat", *flat, axis=0)
    assert "relu:relu" in applied(fuse_activation, net.graph())


@pytest.mark.parametrize("behind", ["avgpool", "input", "concat"])
def test_a_relu_that_nothing_can_absorb_stays(behind):
    net = Net(6, 6, 2)
    source = {"avgpool": lambda: net.avgpool("p", "x"), "input": lambda: "x",
              "concat": lambda: net.concat("p", "x", "x")}[behind]()  # fmt: skip
    net.relu("relu", source)
    assert "relu:relu" in applied(fuse_activation, net.graph())


def same_size(net: Net, name: str, x: str, out: int = 3, **more) -> str:
    return net.conv(name, x, out, padding=(1, 1, 1, 1), **more)


@pytest.mark.parametrize("first", [True, False])
def test_a_sum_moves_into_the_convolution_that_feeds_it(first):
    net = Net(5, 5, 3)
    conv = same_size(net, "conv", "x")
    net.add("sum", *((conv, "x") if first else ("x", conv)))
    graph = fuse_activation(net.graph()) if net.relu("relu", "sum") else None
    assert applied(fuse_add, graph) == ["conv:conv2d"]
    fused = fuse_add(graph)["conv"]
    assert (fused.inputs, fused.activation) == (("x", "x"), Activation.RELU)


def test_of_two_convolutions_the_later_takes_the_sum():
    net = Net(5, 5, 3)
    net.add("sum", same_size(net, "a", "x"), same_size(net, "b", "x"))
    graph = net.graph()
    assert applied(fuse_add, graph) == ["a:conv2d", "b:conv2d"]
    assert fuse_add(graph)["b"].inputs == ("x", "a")


def test_a_convolution_waits_for_a_residual_that_is_made_after_it():
    net = Net(5, 5, 3)
    conv = same_size(net, "conv", "x")
    net.add("sum", conv, net.relu("late", "x"))
    assert applied(fuse_add, net.graph()) == ["late:relu", "conv:conv2d"]


def test_sums_in_a_row_move_each_into_its_convolution():
    net = Net(5, 5, 3)
    one = net.add("s1", same_size(net, "a", "x"), "x")
    two = net.add("s2", same_size(net, "b", one), one)
    net.add("s3", two, one)
    graph = net.graph()
    assert applied(fuse_add, graph) == ["a:conv2d", "b:conv2d", "s3:add"]
    assert fuse_add(graph)["s3"].inputs == ("b", "a")


def test_a_convolution_takes_one_sum_only():
    net = Net(5, 5, 3)
    net.add("s2", net.add("s1", same_size(net, "a", "x"), "x"), "x")
    assert applied(fuse_add, net.graph()) == ["a:conv2d", "s2:add"]


@pytest.mark.parametrize("why", ["activation", "other reader", "depthwise", "itself", "dense", "pooling"])
def test_a_sum_that_no_convolution_can_take_stays(why):
    net = Net(5, 5, 3)
    if why == "dense":
        net.add("sum", net.dense("a", "x", 3), net.dense("b", "x", 3))
    elif why == "pooling":
        net.add("sum", net.maxpool("a", "x"), net.maxpool("b", "x"))
    else:
        conv = same_size(net, "a", "x", groups=3 if why == "depthwise" else 1)
        made = net.add("sum", net.relu("r", conv) if why == "activation" else conv, conv if why == "itself" else "x")
        if why == "other reader":
            net.concat("cat", made, conv)
    graph = fuse_activation(net.graph())
    assert "sum:add" in applied(fuse_add, graph)


def network() -> Graph:
    """All passes at once: pad, norms, residual, strided shortcut, relu behind pooling, flatten, softmax."""
    net = Net(8, 8, 2)
    a = net.relu6("r1", net.norm("n1", net.conv("c1", net.pad("p", "x", (0, 0, 0), (1, 1, 0)), 4, stride=(2, 2))))
    b = net.norm("n2", net.conv("c2", a, 4, groups=4, padding=(1, 1, 1, 1)))
    c = net.relu("r2", net.add("add", b, a))
    s = net.maxpool("s2", net.maxpool("s1", c, (1, 1), (2, 1)), (1, 1), (1, 2))
    d = net.relu("r3", net.maxpool("pool", net.norm("n3", net.conv("c3", c, 4, padding=(1, 1, 1, 1)))))
    net.softmax("soft", net.dense("fc", net.flatten("flat", net.concat("cat", s, d)), 5))
    return net.graph()


def test_simplify_keeps_the_function_of_a_whole_network():
    graph = network()
    names = applied(simplify, graph, FLOAT32)
    assert names == [
        "c1:conv2d", "c2:conv2d", "add:add", "s2:maxpool2d", "c3:conv2d", "pool:maxpool2d", "cat:concat",
        "flat:reshape", "fc:dense", "soft:softmax",
    ]  # fmt: skip
    new = simplify(graph)
    assert [new[name].activation.high for name in ("c1", "c2", "add", "c3")] == [6.0, None, inf, inf]
    assert isinstance(new["flat"], Reshape)
