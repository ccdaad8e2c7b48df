"""gather, resize and adaptive poolings against loops over Python integers; how near resize comes to real numbers."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from firmware import layers
from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.types import DTYPES, QType, Requant
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.operators.adaptive2d import QAdaptiveAvg2d
from mixcomp_edge.operators.gather import QGather
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.resize import QResize, Resize

LIMITS = {"u4": (0, 15), "s4": (-8, 7), "u8": (0, 255), "s8": (-128, 127)}
OPS = ("gather", "resize", "adaptiveavg2d", "adaptivemax2d")


def naive(node, x, x_zero: int, h: int, w: int, c: int) -> int:
    """x[row][column][channel], nested lists."""
    if node.op == "gather":
        return x[int(node.rows[h])][int(node.columns[w])][c]
    if node.op == "resize":
        return naive_resize(x, int(node.rows[h]), int(node.columns[w]), c)
    rows, columns = (
        [k for k in range(size) if k + 1 > Fraction(i * size, out) and k < Fraction((i + 1) * size, out)]
        for i, size, out in ((h, len(x), node.made[0]), (w, len(x[0]), node.made[1]))
    )
    found = [x[row][column][c] for row in rows for column in columns]
    if node.op == "adaptivemax2d":
        return max(found)
    kind = 2 * (len(rows) - -(-len(x) // node.made[0])) + len(columns) - -(-len(x[0]) // node.made[1])
    acc = sum(found) - len(found) * x_zero
    low, high = LIMITS[node.type.dtype]
    scaled = (acc * 2**node.requant.shift * int(node.requant.multiplier[kind]) + 2**31) // 2**32
    return min(max(node.type.zero_point + scaled, low), high)


def naive_resize(x, row: int, column: int, c: int) -> int:
    (r, a), (k, b) = divmod(row, 1024), divmod(column, 1024)
    acc = 0
    for i, j in product((0, 1), (0, 1)):
        weight = (a if i else 1024 - a) * (b if j else 1024 - b)
        acc += weight * x[r + i][k + j][c] if weight else 0
    return (acc + 2**19) // 2**20


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_it_is_what_loops_over_integers_say(op, dtype):
    rng = np.random.default_rng(OPS.index(op))
    for _ in range(25):
        graph, inputs = layers.layer(op, dtype, rng)
        node, x = graph.nodes[1], inputs[0]
        found = interp.run(graph, x[None])[0].reshape((1, *node.shape)[-3:])
        nested = x.reshape((1, *x.shape)[-3:]).tolist()
        for place in product(*map(range, found.shape)):
            assert found[place] == naive(node, nested, graph.nodes[0].type.zero_point, *place)


@pytest.mark.parametrize("dtype", DTYPES)
def test_resize_is_half_a_step_and_a_thousandth_of_the_range_from_real_numbers(dtype):
    rng = np.random.default_rng(3)
    x_type = QType(dtype, 0.5, 3)
    rows, columns = rng.random(20) * 4, rng.random(9) * 5
    real = Resize(name="y", inputs=("x",), shape=(20, 9, 2), rows=rows, columns=columns)
    node = real.lower(x_type, [x_type], None)
    source = QInput(name="x", inputs=(), shape=(5, 6, 2), type=x_type)
    x = rng.integers(x_type.low, x_type.high + 1, (4, 5, 6, 2))
    got = interp.run(verify(Graph("resized", (source, node), "y")), x)
    x = np.pad(x.astype(float), ((0, 0), (0, 1), (0, 1), (0, 0)))
    for axis, places in ((1, rows), (2, columns)):
        near, far = (x.take(places.astype(int) + i, axis=axis) for i in (0, 1))
        part = (places % 1).reshape(-1, *[1] * (3 - axis))
        x = near * (1 - part) + far * part
    assert np.abs(got - x).max() <= 0.5 + (x_type.high - x_type.low) / 1024


def check(node, shape) -> None:
    verify(Graph("bad", (QInput(name="x", inputs=(), shape=shape, type=node.type), node), "y"))


COMMON = {"name": "y", "inputs": ("x",), "type": QType("u8", 1.0)}


@pytest.mark.parametrize("rows", [[0, 3], [], [[0, 1]], [65_535, 0]])
def test_a_row_that_is_not_there_is_refused(rows):
    gather = QGather(**COMMON, shape=(2, 1, 4), rows=np.array(rows, np.uint16), columns=np.zeros(1, np.uint16))
    with pytest.raises(GraphError, match="y: its rows"):
        check(gather, (3, 5, 4))


@pytest.mark.parametrize("columns", [[0, 4 * 1024 + 1], [-1, 0], [], [-(2**31), 0], [2**31 - 1, 0]])
def test_a_place_beyond_the_last_column_is_refused(columns):
    resize = QResize(**COMMON, shape=(1, 2, 4), rows=np.zeros(1, np.int32), columns=np.array(columns, np.int32))
    with pytest.raises(GraphError, match="y: its columns"):
        check(resize, (3, 5, 4))


def test_a_line_has_one_row():
    two = np.zeros(2, np.uint16)
    with pytest.raises(GraphError, match="takes 2 rows"):
        check(QGather(**COMMON, shape=(2, 4), rows=two, columns=two), (5, 4))


@pytest.mark.parametrize(
    ("read", "made", "shape", "multipliers", "message"),
    [
        ((3, 5), (2, 2), (2, 2, 4), 4, "made for 3 x 5"),
        ((4, 5), (0, 2), (1, 2, 4), 4, "cannot pool"),
        ((4, 5), (2, 2), (2, 2, 4), 1, "multipliers"),
    ],
)
def test_an_adaptive_pooling_that_does_not_fit_is_refused(read, made, shape, multipliers, message):
    requant = Requant(np.full(multipliers, 2**20, np.int32), 0)
    with pytest.raises(GraphError, match=message):
        check(QAdaptiveAvg2d(**COMMON, shape=shape, read=read, made=made, requant=requant), (4, 5, 4))


def test_a_sum_that_leaves_int32_is_refused():
    requant = Requant(np.full(4, 2**20, np.int32), 20)
    with pytest.raises(LoweringError, match="beyond int32"):
        check(QAdaptiveAvg2d(**COMMON, shape=(2, 2, 4), read=(40, 50), made=(2, 2), requant=requant), (40, 50, 4))
