"""Integer rounding against exact fractions and against plain transcriptions of the definitions."""

import itertools
import json
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mixcomp_edge.errors import LoweringError
from mixcomp_edge.numerics.requant import add_parameters, q32, q32_parameters, tflm, tflm_parameters

CASES = json.loads((Path(__file__).parents[2] / "vectors" / "q32.json").read_text())["cases"]
TOP, BOTTOM = 2**31 - 1, -(2**31)
NEAR_POWERS = {sign * (2**n + d) for n in range(32) for d in (-1, 0, 1) for sign in (1, -1)}
EDGES = sorted(v for v in NEAR_POWERS | {0x55555555, -0x55555555} if BOTTOM <= v <= TOP)
MULTIPLIERS = [0, 1, 2, 3, 2**16, 2**30 - 1, 2**30, 2**30 + 1, 0x55555555, 2**31 - 2, TOP]
scales = st.floats(2.0**-40, 2.0**28)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['acc']}*{case['m']}<<{case['s']}")
def test_the_table_requantizes(case):
    acc, m = np.array([case["acc"]]), np.array([case["m"]])
    assert q32(acc, m, case["s"]).tolist() == [case["y"]]
    assert floor(Fraction(case["acc"] * case["m"] * 2 ** case["s"], 2**32) + Fraction(1, 2)) == case["y"]


@pytest.mark.parametrize("s", range(31))
def test_q32_rounds_the_exact_product_half_up_at_every_edge(s):
    fitting = [acc for acc in EDGES if BOTTOM <= acc * 2**s <= TOP]
    for m in MULTIPLIERS:
        result = q32(np.array(fitting, np.int64), np.array([m], np.int64), s)
        assert result.tolist() == [floor(Fraction(acc * m, 2 ** (32 - s)) + Fraction(1, 2)) for acc in fitting], m


@given(scale=st.lists(scales, min_size=1, max_size=6))
def test_q32_parameters_are_the_rounded_scales_under_the_smallest_shift(scale):
    multiplier, shift = q32_parameters(np.array(scale))
    assert multiplier.dtype == np.int32
    assert multiplier.tolist() == [round(Fraction(v) * 2 ** (32 - shift)) for v in scale]  # ties to even
    assert max(multiplier.tolist()) <= TOP
    assert shift == 0 or max(round(Fraction(v) * 2 ** (33 - shift)) for v in scale) > TOP


def test_a_scale_just_under_a_power_of_two_takes_the_next_shift():
    for power in range(-1, 28):
        under = np.nextafter(2.0**power, 0)  # its m would round to 2**31
        assert q32_parameters(np.array([under])) == (np.array([2**30], np.int32), power + 2)
    fits = (2**31 - 1) / 2**32
    assert q32_parameters(np.array([fits])) == (np.array([TOP], np.int32), 0)


def test_the_multipliers_of_a_layer_share_the_shift_of_the_largest():
    multiplier, shift = q32_parameters(np.array([2.0**-10, 3.0]))
    assert (multiplier.tolist(), shift) == ([2**19, 3 * 2**29], 3)


def test_a_tiny_scale_becomes_zero_and_not_an_error():
    assert q32_parameters(np.array([1e-300])) == (np.array([0], np.int32), 0)


@pytest.mark.parametrize("scale", [0.0, -0.1, np.nan, np.inf, -np.inf])
def test_a_scale_that_is_not_a_positive_number_is_refused(scale):
    with pytest.raises(LoweringError, match="needs finite scales above 0"):
        q32_parameters(np.array([0.5, scale]))
    with pytest.raises(LoweringError, match="needs a finite scale above 0"):
        tflm_parameters(scale)


def test_a_scale_too_large_for_32_bits_is_refused_and_the_largest_is_not():
    assert q32_parameters(np.array([2.0**29 - 0.5]))[1] == 30
    for scale in (2.0**29, 1e30, 1e308):
        with pytest.raises(LoweringError, match="too large for 32 bits"):
            q32_parameters(np.array([0.1, scale]))


# gemmlowp's fixedpoint.h and TFLM's common.cc, in plain integers


def doubling_high_mul(a: int, b: int) -> int:
    if a == b == BOTTOM:
        return TOP
    ab = a * b
    nudged = ab + (1 << 30 if ab >= 0 else 1 - (1 << 30))
    return abs(nudged) // 2**31 * (1 if nudged >= 0 else -1)


def divide_by_power(x: int, exponent: int) -> int:
    mask = 2**exponent - 1
    remainder = x & mask
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if remainder > threshold else 0)


def multiply_by_quantized_multiplier(x: int, m: int, shift: int) -> int:
    shifted = x << max(shift, 0)
    shifted = (shifted + 2**31) % 2**32 - 2**31  # int32 wraps, as the machine does
    return divide_by_power(doubling_high_mul(shifted, m), max(-shift, 0))


def half_up(x: Fraction) -> int:
    return floor(x + Fraction(1, 2))


def half_away(x: Fraction) -> int:
    return half_up(x) if x >= 0 else -half_up(-x)


@pytest.mark.parametrize("shift", range(-31, 31))
def test_tflm_equals_the_reference_code_at_every_edge(shift):
    for m in (0, 2**30, 2**30 + 1, 0x55555555, TOP - 1, TOP):
        expected = [multiply_by_quantized_multiplier(acc, m, shift) for acc in EDGES]
        assert tflm(np.array(EDGES, np.int64), np.array([m], np.int64), shift).tolist() == expected


@pytest.mark.parametrize("shift", range(-31, 31))
def test_tflm_is_two_roundings_of_the_exact_product(shift):
    fitting = [acc for acc in EDGES if BOTTOM <= acc * 2 ** max(shift, 0) <= TOP]
    for m in (2**30, 0x55555555, TOP):
        product = [Fraction(acc * 2 ** max(shift, 0) * m, 2**31) for acc in fitting]
        expected = [half_away(Fraction(half_up(p), 2 ** max(-shift, 0))) for p in product]
        assert tflm(np.array(fitting, np.int64), np.array([m], np.int64), shift).tolist() == expected


def test_tflm_saturates_where_the_doubled_product_leaves_int32():
    assert tflm(np.array([BOTTOM]), np.array([BOTTOM]), 0).tolist() == [TOP]
    assert tflm(np.array([BOTTOM]), np.array([TOP]), 0).tolist() == [-TOP]
    assert tflm(np.array([2**30]), np.array([TOP]), 1).tolist() == [-TOP]  # the shift wraps first


@given(acc=st.integers(BOTTOM, TOP), m=st.integers(2**30, TOP), shift=st.integers(-31, 30))
def test_tflm_equals_the_reference_code_anywhere(acc, m, shift):
    assert tflm(np.array([acc]), np.array([m]), shift).tolist() == [multiply_by_quantized_multiplier(acc, m, shift)]


@given(scale=st.floats(2.0**-32, 2.0**29))
def test_tflm_parameters_name_the_nearest_multiplier_in_the_upper_half(scale):
    m, shift = tflm_parameters(scale)
    assert 2**30 <= m <= TOP
    assert -31 <= shift <= 30
    exact = Fraction(scale) * Fraction(2) ** (31 - shift)
    assert abs(m - exact) <= Fraction(1, 2)


def test_tflm_parameters_at_the_edges():
    assert tflm_parameters(1.0) == (2**30, 1)
    assert tflm_parameters(0.75) == (3 * 2**29, 0)
    assert tflm_parameters(float(np.nextafter(1.0, 0))) == (2**30, 1)  # its multiplier would be 2**31
    assert tflm_parameters(2.0**-32) == (2**30, -31)
    assert tflm_parameters(2.0**-33) == (0, 0)  # smaller than any int32 can show
    assert tflm_parameters(1e-300) == (0, 0)


def test_tflm_parameters_round_a_tie_away_from_zero_as_tensorflow_does():
    """QuantizeMultiplier calls std::round: half away from zero, not to even."""
    assert tflm_parameters((2**31 - 2**30 + 0.5) / 2**31) == (2**30 + 1, 0)
    assert tflm_parameters((2**30 + 1.5) / 2**31) == (2**30 + 2, 0)


def test_tflm_parameters_refuse_a_scale_whose_shift_tflm_does_not_take():
    """`tflm` takes shifts up to 30: 2**30 and more would ask for 31."""
    assert tflm_parameters(2.0**30 - 1)[1] == 30
    with pytest.raises(LoweringError):
        tflm_parameters(2.0**30)


peaks = st.sampled_from([7, 8, 15, 127, 128, 200, 255])


def total(ma: int, mb: int, s: int, a_peak: int, b_peak: int) -> int:
    return a_peak * ma + b_peak * mb + 2 ** (s - 1)


@given(a=st.floats(1e-6, 1e5), b=st.floats(1e-6, 1e5), y=st.floats(1e-3, 1e3), a_peak=peaks, b_peak=peaks)
@settings(max_examples=300)
def test_add_takes_the_largest_shift_that_no_input_can_overflow(a, b, y, a_peak, b_peak):
    def multipliers(s: int) -> tuple[int, int]:
        return tuple(round(Fraction(v / y) * 2**s) for v in (a, b))

    assume(total(*multipliers(1), 1, a_peak, b_peak) <= TOP)
    ma, mb, s = add_parameters(a, b, y, a_peak, b_peak)
    assert 1 <= s <= 30
    assert (ma, mb) == multipliers(s)
    assert total(ma, mb, s, a_peak, b_peak) <= TOP
    assert s == 30 or total(*multipliers(s + 1), s + 1, a_peak, b_peak) > TOP
    for p, q in itertools.product((-a_peak, a_peak), (-b_peak, b_peak)):
        assert BOTTOM <= p * ma + q * mb + 2 ** (s - 1) <= TOP


def test_add_reaches_the_bound_exactly_or_stays_one_below():
    ma, mb, s = add_parameters(1.0, 1.0, 1.0, 1, 1)
    assert (ma, mb, s) == (2**29, 2**29, 29)  # 2 * 2**30 + 2**29 is beyond int32


def test_add_refuses_scales_that_no_shift_can_hold():
    with pytest.raises(LoweringError, match=r"input scales 1e\+09 and 1 are too large for the output scale 0.001"):
        add_parameters(1e9, 1.0, 1e-3, 255, 255)
