"""Depthwise layers by polynomials: what their packing proves of a channel's sums."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from mixcomp_edge.ir.graph import Window
from mixcomp_edge.ir.types import QType, Requant, Weights
from mixcomp_edge.numerics import codebook
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.plan.packing.dw_triples import axis, dw_triples

CHANNELS = 16


def layer(
    book: str, x_type: str, y_type: str, by: Requant, codes: np.ndarray, bias: int = 0
) -> tuple[QDwConv2d, QInput]:
    rng = np.random.default_rng(1)
    held = Weights(codebook(book), codes.astype(np.uint8), rng.integers(-300, 300, CHANNELS, np.int32) + bias, by)
    window = Window((3, 3), padding=(1, 1, 1, 1))
    x = QInput(name="x", inputs=(), shape=(6, 6, CHANNELS), type=QType(x_type, 1.0))
    zero = 0 if y_type == "u4" else -2
    return QDwConv2d(
        name="y", inputs=("x",), shape=(6, 6, CHANNELS), type=QType(y_type, 1.0, zero), weights=held, window=window
    ), x


@pytest.mark.parametrize("book", ["fixp4", "posit4", "nf4"])
@pytest.mark.parametrize(("x_type", "y_type"), [("u4", "u4"), ("s4", "u4"), ("u4", "s4")])
def test_one_multiplication_and_an_offset_equal_the_requantizer_for_every_sum(book, x_type, y_type):
    rng = np.random.default_rng(2)
    by = Requant(rng.integers(1 << 25, 1 << 28, CHANNELS).astype(np.int32), 2)
    codes = rng.choice([0, 1, 2, 3, 13, 14, 15], (9, CHANNELS))
    node, x = layer(book, x_type, y_type, by, codes)
    packed = dw_triples(node, x)
    if packed is None:  # nf4 has levels of up to 127
        assert 15 * np.abs(node.weights.levels).sum(axis=0).max() > 2047
        return
    shift = 8 if x_type == "s4" else 0
    for o in range(CHANNELS):
        w = node.weights.levels[:, o].astype(int)
        for total in range(15 * int(np.minimum(w, 0).sum()), 15 * int(np.maximum(w, 0).sum()) + 1):
            real = Fraction((total - shift * int(w.sum()) + int(node.weights.bias[o])) * int(by.multiplier[o]), 2**30)
            want = min(max(floor(real + Fraction(1, 2)) + node.type.zero_point - node.type.low, 0), 15)
            scaled = (total + 2048) * (int(by.multiplier[o]) >> 10) + int(packed.bias[o])
            scaled = (scaled + (1 << 31)) % (1 << 32) - (1 << 31)  # as int32 wraps
            assert min(max(scaled >> 20, 0), 15) == want


def test_channels_whose_sums_leave_their_field_or_have_no_offset_are_left_to_others():
    ones, steep = np.ones((9, CHANNELS)), Requant(np.array([1 << 30], np.int32), 6)
    by = Requant(np.array([1 << 28], np.int32), 0)
    assert dw_triples(*layer("fixp4", "u4", "u4", by, ones)) is not None
    assert dw_triples(*layer("posit4", "u4", "u4", by, 7 * ones)) is None  # 9 * 15 * 16
    assert dw_triples(*layer("fixp4", "u4", "u4", steep, 7 * ones)) is None  # from 0 to 15,120 outputs
    assert dw_triples(*layer("fixp4", "u4", "u4", by, ones, bias=1 << 20)) is not None  # always 15


def test_triples_lie_along_columns_where_rows_are_shorter_and_no_multiple_of_three():
    def along(h: int, w: int) -> int:
        by, window = Requant(np.array([1 << 28], np.int32), 0), Window((3, 3), padding=(1, 1, 1, 1))
        held = Weights(codebook("fixp4"), np.ones((9, 8), np.uint8), np.zeros(8, np.int32), by)
        u4 = QType("u4", 1.0)
        return axis(QDwConv2d(name="y", inputs=("x",), shape=(h, w, 8), type=u4, weights=held, window=window))

    assert [along(25, 5), along(5, 25), along(6, 6), along(25, 6), along(5, 5)] == [0, 1, 1, 1, 1]
