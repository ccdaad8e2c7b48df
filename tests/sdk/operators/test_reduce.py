"""reduce_sum, reduce_max and reduce_norm against loops over Python integers, their bounds, and how near they come to
real numbers."""

from dataclasses import replace
from itertools import product
from math import isqrt, prod

import numpy as np
import pytest

from firmware import layers
from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.types import DTYPES, QType
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower.widen import widen
from mixcomp_edge.numerics.roots import integer_sqrt
from mixcomp_edge.operators.arg_max import QArgMax
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.reduce import QReduceNorm, ReduceNorm, ReduceSum

LIMITS = {"u4": (0, 15), "s4": (-8, 7), "u8": (0, 255), "s8": (-128, 127)}
OPS = ("reduce_sum", "reduce_max", "reduce_norm")


def groups(x: np.ndarray, axes: tuple[int, ...]) -> dict[tuple[int, ...], list[int]]:
    """The elements of each result, by its place."""
    found: dict[tuple[int, ...], list[int]] = {}
    for place in product(*map(range, x.shape)):
        found.setdefault(tuple(0 if a in axes else i for a, i in enumerate(place)), []).append(int(x[place]))
    return found


def naive(node, x_zero: int, values: list[int]) -> int:
    if node.op == "reduce_max":
        return sorted(values)[0 if node.least else -1]
    acc = sum(v - x_zero for v in values)
    if node.op == "reduce_norm":
        acc = isqrt(65536 * sum((v - x_zero) * (v - x_zero) for v in values))
    low, high = LIMITS[node.type.dtype]
    scaled = (acc * 2**node.requant.shift * int(node.requant.multiplier[0]) + 2**31) // 2**32
    return min(max(node.type.zero_point + scaled, low), high)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_a_reduction_is_what_loops_over_integers_say(op, dtype):
    rng = np.random.default_rng(OPS.index(op))
    for _ in range(25):
        graph, inputs = layers.layer(op, dtype, rng)
        if prod(inputs[0].shape) > 2000:
            continue
        node, x = graph.nodes[1], inputs[0]
        found = interp.run(graph, x[None])[0]
        for place, values in groups(x, node.axes).items():
            assert found[place] == naive(node, graph.nodes[0].type.zero_point, values)


def test_integer_roots_are_exact_next_to_every_square():
    roots = np.array([0, 1, 2, 3, 46_340, 2**24, 2**26 + 1, 94_906_267, 2**31 - 1], np.int64)
    for step in (-1, 0, 1):
        squares = roots**2 + step
        kept = squares >= 0
        assert integer_sqrt(squares[kept]).tolist() == [isqrt(int(v)) for v in squares[kept]]


def reduced(op: type, dtype: str, y: QType, shape: tuple[int, ...], axes: tuple[int, ...], **more) -> Graph:
    x_type = QType(dtype, 0.037, 3)
    x = QInput(name="x", inputs=(), shape=shape, type=x_type)
    kept = tuple(1 if a in axes else n for a, n in enumerate(shape))
    count = prod(shape[a] for a in axes)
    node = op(name="y", inputs=("x",), shape=kept, axes=axes, count=count, **more)
    return verify(Graph("reduced", (x, node.lower(y, [x_type], None)), "y"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2)])
def test_mean_and_norm_are_real_ones_to_half_a_step(dtype, axes):
    shape, x_type = (5, 4, 6), QType(dtype, 0.037, 3)
    x = np.random.default_rng(4).integers(x_type.low, x_type.high + 1, (3, *shape))
    real, dims = x_type.dequantize(x), tuple(a + 1 for a in axes)
    size = np.sqrt((real**2).sum(dims, keepdims=True))
    for op, expected in ((ReduceSum, real.mean(dims, keepdims=True)), (ReduceNorm, size)):
        y = QType("s8", float(np.abs(expected).max()) / 127)
        more = {"mean": True} if op is ReduceSum else {}
        graph = reduced(op, dtype, y, shape, axes, **more)
        allowed = 0.5001 * y.scale + x_type.scale / 256  # a root is rounded down to 2**-8 of a step of x
        assert np.abs(y.dequantize(interp.run(graph, x)) - expected).max() <= allowed


def test_what_could_leave_32_bits_is_refused():
    with pytest.raises(LoweringError, match=r"sum of squares of 90000 elements may reach \d+, beyond 32 bits"):
        reduced(ReduceNorm, "u8", QType("u8", 300.0), (300, 300), (0, 1))
    graph = reduced(ReduceSum, "u8", QType("u8", 1.0), (9, 9), (0, 1))
    x, node = graph.nodes
    with pytest.raises(LoweringError, match="beyond int32"):
        verify(Graph("m", (x, replace(node, requant=replace(node.requant, shift=30))), "y"))
    for wrong, text in ((80, "81 elements a result, not 80"), (82, "not 82")):
        with pytest.raises(GraphError, match=text):
            verify(Graph("m", (x, replace(node, count=wrong)), "y"))
    for axes in ((), (0, 0), (1, 0), (0, 2), (-1,)):
        with pytest.raises(GraphError, match="must be some of those of shape"):
            verify(Graph("m", (x, replace(node, axes=axes)), "y"))


@pytest.mark.parametrize("op", [ReduceSum, ReduceNorm])
@pytest.mark.parametrize("dtype", ["u4", "s4"])
def test_widened_it_stays_near_what_it_was(op, dtype):
    graph = reduced(op, dtype, QType("u4", 0.06), (4, 5), (1,))
    wide = widen(graph)
    x = np.random.default_rng(5).integers(graph.nodes[0].type.low, graph.nodes[0].type.high + 1, (8, 4, 5))
    fine = x.astype(np.int64) * graph.nodes[0].type.finer
    narrow, wider = interp.run(graph, x), interp.run(wide, fine)
    inside = (narrow > 0) & (narrow < 15)
    assert inside.any()
    assert np.abs(wider / 17 - narrow)[inside].max() <= 0.53
    assert isinstance(wide.nodes[1], QReduceNorm) == (op is ReduceNorm)


@pytest.mark.parametrize("dtype", DTYPES)
def test_of_several_largest_elements_the_first_counts(dtype):
    rng = np.random.default_rng(8)
    for _ in range(10):
        graph, inputs = layers.layer("arg_max", dtype, rng)
        for place, values in groups(inputs[0], graph.nodes[1].axes).items():
            assert interp.run(graph, inputs[:1])[0][place] == values.index(max(values))


def test_an_index_beyond_8_bits_is_refused():
    x = QInput(name="x", inputs=(), shape=(2, 257), type=QType("u8", 1.0))
    node = QArgMax(name="y", inputs=("x",), shape=(2, 1), type=QType("u8", 1.0), axes=(1,), count=257)
    with pytest.raises(GraphError, match="one axis of at most 256 elements, got 257"):
        verify(Graph("m", (x, node), "y"))
    for type_ in (QType("u8", 0.5), QType("s8", 1.0), QType("u8", 1.0, 1)):
        with pytest.raises(GraphError, match="makes u8 with scale 1"):
            verify(Graph("m", (x, replace(node, shape=(1, 257), axes=(0,), count=2, type=type_)), "y"))
