"""matmul against loops over Python's integers, and its bounds."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from firmware import layers
from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.types import DTYPES, QType
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower.widen import widen
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.matmul import MatMul

LIMITS = {"u4": (0, 15), "s4": (-8, 7), "u8": (0, 255), "s8": (-128, 127)}


def naive(node, types, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    sizes = dict(zip([*node.a_axes, *node.b_axes], [*a.shape, *b.shape], strict=True))
    sums: dict[tuple[int, ...], int] = {}
    for place in product(*(range(sizes[axis]) for axis in range(len(sizes)))):
        v = int(a[tuple(place[axis] for axis in node.a_axes)]) - types[0].zero_point
        w = int(b[tuple(place[axis] for axis in node.b_axes)]) - types[1].zero_point
        sums[place[: len(node.shape)]] = sums.get(place[: len(node.shape)], 0) + v * w
    low, high = LIMITS[node.type.dtype]
    y = np.zeros(node.shape, np.int64)
    for place, acc in sums.items():
        scaled = (acc * 2**node.requant.shift * int(node.requant.multiplier[0]) + 2**31) // 2**32
        y[place] = min(max(node.type.zero_point + scaled, low), high)
    return y


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_product_is_what_loops_over_integers_say(dtype):
    rng = np.random.default_rng(3)
    for _ in range(15):
        graph, inputs = layers.layer("matmul", dtype, rng)
        values = {name: value[0] for name, value in interp.steps(graph, inputs[:1])}
        x, z, node = graph.nodes
        assert (values["y"] == naive(node, (x.type, z.type), values["x"], values["z"])).all()


def squared(y: QType, *, factor: float = 1.0, size: tuple[int, int] = (6, 5), zero: int = 4) -> Graph:
    """x (H, W) times itself transposed."""
    x = QInput(name="x", inputs=(), shape=size, type=QType("s8", 0.1, zero))
    node = MatMul(
        name="y", inputs=("x", "x"), shape=(size[0],) * 2, a_axes=(0, 2), b_axes=(1, 2), count=size[1], factor=factor
    )
    return verify(Graph("m", (x, node.lower(y, [x.type, x.type], None)), "y"))


def test_a_product_is_the_real_one_to_half_a_step():
    graph = squared(QType("s8", 3.0, -5), factor=0.25)
    x = np.random.default_rng(0).integers(-128, 128, (9, 6, 5))
    real = graph.nodes[0].type.dequantize(x)
    expected = np.clip(0.25 * real @ real.swapaxes(1, 2), 3.0 * (-128 + 5), 3.0 * (127 + 5))
    assert np.abs(graph.nodes[1].type.dequantize(interp.run(graph, x)) - expected).max() <= 1.5001


def test_widened_both_operands_count():
    x = QInput(name="x", inputs=(), shape=(4, 5), type=QType("u4", 0.5, 3))
    node = MatMul(name="y", inputs=("x", "x"), shape=(4, 4), a_axes=(0, 2), b_axes=(1, 2), count=5)
    graph = verify(Graph("m", (x, node.lower(QType("u4", 4.0, 2), [x.type, x.type], None)), "y"))
    values = np.random.default_rng(1).integers(0, 16, (9, 4, 5))
    narrow, wide = interp.run(graph, values), interp.run(widen(graph), values * 17)
    inside = (narrow > 0) & (narrow < 15)
    assert inside.mean() > 0.3
    assert np.abs(wide / 17 - narrow)[inside].max() <= 0.53


def test_axes_that_do_not_fit_and_sums_that_overflow_are_refused():
    graph = squared(QType("s8", 1.0))
    x, node = graph.nodes
    for change, text in (
        ({"a_axes": (0,)}, "do not name the axes"),
        ({"a_axes": (0, 0)}, "do not name the axes"),
        ({"a_axes": (2, 0)}, "do not fit shapes"),
        ({"a_axes": (0, 3)}, "do not make 2 of y"),
        ({"a_axes": (-1, 2)}, "do not make 2 of y"),
        ({"a_axes": (0, 3), "b_axes": (1, 3)}, "sums along"),
        ({"count": 4}, "5 products a sum, not 4"),
        ({"shape": (6, 5)}, "its inputs make"),
        ({"inputs": ("x",)}, "reads 1 values"),
    ):
        with pytest.raises(GraphError, match=text):
            verify(Graph("m", (x, replace(node, **change)), "y"))
    with pytest.raises(LoweringError, match="beyond int32"):
        squared(QType("s8", 1.0), size=(2, 60_000), zero=127)
