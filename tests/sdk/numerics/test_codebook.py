"""Every code of every format, and how a real weight is rounded to one, against exact fractions."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixcomp_edge.errors import PlanError
from mixcomp_edge.numerics import CODEBOOKS, Codebook, codebook, learned

POSITIVE = {  # value of codes 1..7; the literals of SPEC.md 2 over its shift
    "fixp4": [Fraction(n, 8) for n in range(1, 8)],
    "posit4": [Fraction(n, 4) for n in (1, 2, 3, 4, 6, 8, 16)],
    "posit4sc4": [Fraction(n, 16) for n in (1, 2, 3, 4, 6, 8, 16)],
    "posit4sc8": [Fraction(n, 32) for n in (1, 2, 3, 4, 6, 8, 16)],
    "posit4e1": [Fraction(n, 16) for n in (1, 4, 8, 16, 32, 64, 256)],
    "posit4e2": [Fraction(n, 256) for n in (1, 16, 64, 256, 1024, 4096, 65536)],
    "e2m1": [Fraction(n, 2) for n in (1, 2, 3, 4, 6, 8, 12)],
    "nf4": [Fraction(n, 128) for n in (10, 20, 31, 43, 56, 71, 92, 127)],
    "int8": [Fraction(n, 128) for n in range(1, 128)],
}
SHIFT = {"fixp4": 3, "posit4": 2, "posit4sc4": 4, "posit4sc8": 5, "posit4e1": 4, "posit4e2": 8, "e2m1": 1, "nf4": 7,
         "int8": 7}  # fmt: skip
UNUSED = {"fixp4": (), "nf4": (), "int8": (128,)}  # of the others code 8
NF4 = [  # arXiv 2305.14314, appendix E
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]  # fmt: skip
ONE = np.ones(1)


def values(name: str) -> dict[int, Fraction]:
    """Code -> value of the codes that may be emitted."""
    positive = POSITIVE[name]
    found = {0: Fraction(0)} | dict(enumerate(positive, start=1))
    if name == "nf4":
        return found | {16 - n: Fraction(-v, 128) for n, v in enumerate((12, 23, 36, 50, 67, 88, 127), start=1)}
    if name == "e2m1":  # sign and magnitude
        return found | {8 + code: -value for code, value in enumerate(positive, start=1)}
    codes = 256 if name == "int8" else 16
    eight = {8: Fraction(-1)} if name == "fixp4" else {}
    return found | eight | {codes - code: -value for code, value in enumerate(positive, start=1)}


def nearest(name: str, x: Fraction) -> int:
    """The rule as the sentence says it: nearest value, a tie to the even code."""
    table = values(name)
    return min(table, key=lambda code: (abs(table[code] - x), code % 2))


def points(name: str) -> list[Fraction]:
    """All values, all midpoints, all of them a hair lower and higher, a fine grid, and far beyond both ends."""
    levels = sorted(values(name).values())
    middle = [(a + b) / 2 for a, b in pairwise(levels)]
    hair = Fraction(1, 2**40)
    grid = [levels[-1] * Fraction(n, 1024) for n in range(-1300, 1301)]
    far = [sign * levels[-1] * 10**k for sign in (1, -1) for k in (1, 9)]
    return [v + d for v in levels + middle for d in (-hair, 0, hair)] + grid + far


def test_there_are_these_formats_and_no_other():
    assert list(CODEBOOKS) == list(POSITIVE)


@pytest.mark.parametrize("name", POSITIVE)
def test_every_code_has_its_exact_value(name):
    book = codebook(name)
    assert book.shift == SHIFT[name]
    assert (len(book.levels), book.bits) == ((256, 8) if name == "int8" else (16, 4))
    assert book.unused == UNUSED.get(name, (8,))
    assert book.levels[0] == 0
    for code, value in values(name).items():
        assert Fraction(book.levels[code], 2**book.shift) == value
        assert Fraction(float(book.values[code])) == value
    assert [code for code in range(1 << book.bits) if np.isnan(book.values[code])] == list(book.unused)


@pytest.mark.parametrize("name", POSITIVE)
def test_a_weight_becomes_the_nearest_code_and_a_tie_the_even_one(name):
    xs = points(name)
    codes = codebook(name).encode(np.array([[float(x) for x in xs]]), ONE)
    assert all(Fraction(float(x)) == x for x in xs)
    assert codes[0].tolist() == [nearest(name, x) for x in xs]
    assert codes.dtype == np.uint8


@pytest.mark.parametrize("name", POSITIVE)
def test_beyond_the_largest_level_it_saturates(name):
    codes = codebook(name).encode(np.array([[1e30, np.inf, -1e30, -np.inf]]), ONE)
    ends = {"fixp4": [7, 7, 8, 8], "e2m1": [7, 7, 15, 15], "nf4": [8, 8, 9, 9], "int8": [127, 127, 129, 129]}
    assert codes.tolist() == [ends.get(name, [7, 7, 9, 9])]


@pytest.mark.parametrize("name", POSITIVE)
def test_decode_then_encode_is_the_identity_on_every_channel(name):
    codes = np.array([sorted(values(name))] * 5, np.uint8)[:, :, None, None]
    scale = np.array([1.0, 0.5, 3.0, 1e-6, 7e8])
    book = codebook(name)
    np.testing.assert_array_equal(book.encode(book.decode(codes, scale), scale), codes)


@pytest.mark.parametrize("name", POSITIVE)
def test_each_output_channel_has_its_own_scale(name):
    xs = [Fraction(n, 16) for n in range(-40, 41)]
    scales = [Fraction(1), Fraction(4), Fraction(1, 32), Fraction(3)]  # 3 * x is exact, and so is its quotient by 3
    w = np.array([[float(x * scale) for x in xs] for scale in scales], np.float32)
    codes = codebook(name).encode(w, np.array([float(s) for s in scales]))
    np.testing.assert_array_equal(codes, [[nearest(name, x) for x in xs]] * len(scales))


@given(
    name=st.sampled_from(list(POSITIVE)),
    w=st.lists(st.floats(allow_nan=False, width=32), min_size=1, max_size=20),
    scale=st.floats(1e-6, 1e6),
)
def test_no_weight_ever_becomes_an_unused_code_and_errors_stay_within_half_a_gap(name, w, scale):
    codes = codebook(name).encode(np.array([w], np.float32), np.array([scale]))[0]
    table = values(name)
    assert set(codes.tolist()) <= set(table)
    levels = sorted(table.values())
    for x, code in zip(w, codes.tolist(), strict=True):
        u = Fraction(float(np.float64(np.float32(x)) / scale)) if np.isfinite(x) else None
        if u is not None and levels[0] <= u <= levels[-1]:
            below, above = max(v for v in levels if v <= u), min(v for v in levels if v >= u)
            assert abs(u - table[code]) <= (above - below) / 2


def test_nf4_is_the_published_quantiles_in_127ths():
    levels = sorted(codebook("nf4").levels)
    assert levels == [round(127 * value) for value in NF4]


def test_levels_of_ones_own_are_sixteen_of_8_bits_and_begin_with_0():
    levels = (0, *range(1, 9), *range(-7, 0))
    assert learned(levels) == Codebook("lut4", levels, 7)
    for wrong in (levels[:15], (*levels, 5), (1, *levels[1:]), (*levels[:15], 128), (*levels[:15], -128)):
        with pytest.raises(PlanError, match="expected 16 levels from -127 to 127, the first one 0"):
            learned(wrong)


def test_an_unknown_format_is_named_with_the_known_ones():
    with pytest.raises(PlanError, match=r"unknown weight format 'int4'. Known formats: fixp4, posit4, posit4sc4"):
        codebook("int4")
