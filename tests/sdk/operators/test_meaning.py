"""What the operators compute, against PyTorch's float64 operators."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph, Window
from mixcomp_edge.ir.types import DTYPES, QType, Requant
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.operators.avgpool2d import QAvgPool2d
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.softmax import QSoftmax
from support import torch_judge
from support.integer_graphs import COMPUTING, Builder, graphs, inputs, runs, samples, small_graph

quiet = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}


def check(graph: Graph, *x: np.ndarray) -> None:
    verify(graph)
    expected = torch_judge.run(graph, *x)
    for name, value in interp.steps(graph, x):
        want = np.broadcast_to(expected[name], (len(value), *expected[name].shape[1:]))  # a constant is given once
        np.testing.assert_array_equal(value, want, err_msg=name)


@pytest.mark.parametrize("op", [*COMPUTING, "softmax"])
@given(data=st.data())
@settings(max_examples=40, **quiet)
def test_an_operator_equals_pytorch(op, data):
    builder = Builder(data.draw, data.draw(st.sampled_from([(5, 4, 2), (6, 5, 3), (1, 7, 4), (3, 1, 1), (9, 3)])))
    node = builder.grow(op, builder.values[0])
    graph = Graph("one", tuple(builder.values), node.name)
    check(graph, data.draw(inputs(graph)))


@given(case=runs())
@settings(max_examples=60, **quiet)
def test_a_whole_graph_equals_pytorch_node_by_node(case):
    graph, x = case
    check(graph, x)
    np.testing.assert_array_equal(interp.run(graph, x), torch_judge.run(graph, x)[graph.output])


@given(graph=graphs(several=True))
@settings(max_examples=30, **quiet)
def test_a_graph_with_several_ends_equals_pytorch_at_each_output(graph):
    x = samples(graph)
    check(graph, *x)
    expected = torch_judge.run(graph, *x)
    for value, node in zip(interp.outputs(graph, x), graph.outputs.values(), strict=True):
        np.testing.assert_array_equal(value, expected[node])


def test_the_small_graph_with_every_operator_equals_pytorch():
    x = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 2))
    check(small_graph(), x)


@pytest.mark.parametrize("include", [True, False])
def test_average_pooling_is_that_of_pytorch_to_half_a_step(include):
    """count_include_pad as PyTorch means it: one multiplier 1/9, or one for each count of elements inside."""
    divisors = np.array([9]) if include else np.arange(1, 10)
    requant = Requant(np.minimum(np.rint(2.0**32 / divisors / 2), 2**31 - 1).astype(np.int32), 1)
    x_type, y_type = QType("u8", 0.5, 7), QType("u8", 0.5, 11)
    source = QInput(name="x", inputs=(), shape=(5, 6, 2), type=x_type)
    window = Window((3, 3), (2, 2), padding=(1, 1, 1, 1))
    pool = QAvgPool2d(name="y", inputs=("x",), shape=(3, 3, 2), type=y_type, window=window, requant=requant)
    x = np.random.default_rng(1).integers(7, 240, (4, 5, 6, 2))
    real = torch.tensor(x_type.dequantize(x)).permute(0, 3, 1, 2)
    expected = F.avg_pool2d(real, 3, 2, 1, count_include_pad=include).permute(0, 2, 3, 1).numpy()
    got = y_type.dequantize(interp.run(verify(Graph("pool", (source, pool), "y")), x))
    assert np.abs(got - expected).max() <= 0.5 * (0.5 + 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_is_that_of_pytorch_to_one_step(dtype):
    x_type = QType(dtype, 0.11)
    source = QInput(name="x", inputs=(), shape=(3, 10), type=x_type)
    table = np.rint(2.0**15 * np.exp(-np.arange(2**x_type.bits) * x_type.scale)).astype(np.uint16)
    node = QSoftmax(name="y", inputs=("x",), shape=(3, 10), type=QType("u8", 1 / 256), table=table)
    x = np.random.default_rng(2).integers(x_type.low, x_type.high + 1, (20, 3, 10))
    expected = torch.softmax(torch.tensor(x_type.dequantize(x)), -1).numpy()
    got = interp.run(verify(Graph("soft", (source, node), "y")), x)
    assert np.abs(got - np.minimum(256 * expected, 255)).max() <= 1


def test_softmax_of_one_certain_class_is_255():
    x_type = QType("s8", 1.0)
    source = QInput(name="x", inputs=(), shape=(2,), type=x_type)
    table = np.rint(2.0**15 * np.exp(-np.arange(256.0))).astype(np.uint16)
    node = QSoftmax(name="y", inputs=("x",), shape=(2,), type=QType("u8", 1 / 256), table=table)
    graph = Graph("soft", (source, node), "y")
    assert interp.run(graph, np.array([[127, -128], [5, 5]])).tolist() == [[255, 0], [128, 128]]
