"""TensorFlow Lite Micro's arithmetic: requantizing by real factors, means, and the softmax of gemmlowp's fixed-point
numbers. All in int64, equal to the bit to its C++."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.numerics.requant import tflm, tflm_parameters

Integers = NDArray[np.int64]
TOP = 2**31 - 1
DIFFERENCE_BITS = 5  # before the point of a scaled difference
MAX_SUMMED = 4095  # exponentials that a sum holds
SUM_BITS = 12  # before the point of a sum of exponentials
# exp(-1/8), and a third, as gemmlowp has them in Q0.31; exp(-2**k) for k = -2 … 4
EXP_EIGHTH, THIRD = 1895147668, 715827883
EXP_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
LOG_2, ROOT_HALF, FOURTH_ROOT_HALF = 1488522236, 1518500250, 1805811301  # in Q0.31
# 11/240 g; 2/g - g, 1/20 g, 1/4 g for g the fourth root of 2
ABOVE, BELOW = 117049297, (1057819769, 127690142, 638450708)
DIVISION_START, DIVISION_SLOPE = 1515870810, -1010580540  # 48/17 and -32/17 in Q2.29


@dataclass(frozen=True, eq=False)
class Factors:
    """By which accumulators (..., C) are multiplied, rounding twice: multiplier, shift (1,) or (C,)."""

    multiplier: Integers
    shift: Integers

    @classmethod
    def of(cls, real: NDArray[np.float64] | float) -> Factors:
        """The nearest ones to real numbers, one or one a channel; what is not above 0 counts as 0."""
        parameters = [tflm_parameters(float(f)) if f > 0 else (0, 0) for f in np.atleast_1d(real)]
        multiplier, shift = np.array(parameters, np.int64).T
        return cls(multiplier, shift)

    def over(self, count: int) -> Factors:
        """One over a count, which goes into the multiplier, rounded down."""
        (multiplier,), (shift,) = self.multiplier.tolist(), self.shift.tolist()
        bits = min(count.bit_length() - 1, 32, 31 + shift)
        return Factors(np.array([(multiplier << bits) // count]), np.array([shift - bits]))

    def times(self, acc: Integers) -> Integers:
        return tflm(acc, self.multiplier, self.shift)

    @property
    def words(self) -> list[int]:
        """A multiplier and its shift, of each."""
        return [int(word) for pair in zip(self.multiplier, self.shift, strict=True) for word in pair]


def mean(total: Integers, count: Integers | int) -> Integers:
    """Ties go away from zero."""
    size = (np.abs(total) + count // 2) // count
    return np.where(total > 0, size, -size)


def difference(scale: float) -> tuple[int, int, int]:
    """(multiplier, shift, least): what makes Q5.26 of a difference in steps of that scale, the least that counts."""
    multiplier, shift = tflm_parameters(min(scale * 2.0 ** (31 - DIFFERENCE_BITS), TOP))
    return multiplier, shift, -int((2.0**DIFFERENCE_BITS - 1) * 2.0 ** (31 - DIFFERENCE_BITS) / 2.0**shift)


def exponentials(scale: float, count: int) -> Integers:
    """(count,) exp of minus 0, 1, 2, ... steps in Q0.31; scale: of a step, a float32. Too far below they count as 0."""
    multiplier, shift, least = difference(scale)
    d = -np.arange(count)
    counts = d >= least
    return np.where(counts, _exp(_high(np.where(counts, d, 0) << shift, multiplier)), 0)


def softmax(x: Integers, scale: float) -> Integers:
    """0 … 256 for probabilities over the last axis; scale: of a step of x, a float32."""
    d = x.max(axis=-1, keepdims=True) - x
    e = exponentials(scale, int(d.max()) + 1)[d]
    inverse, above = _reciprocal(_shifted(e, SUM_BITS).sum(axis=-1, keepdims=True))
    return _shifted(_high(inverse, e), above + 31 - 8)


def log_softmax(x: Integers, scale: float) -> Integers:
    """-128 … 127, sixteenths below 0 with 127 for 0, over the last axis; scale: of a step of x, a float32."""
    multiplier, shift, least = difference(scale)
    step, reverse = (Factors(np.array([m]), np.array([s])) for m, s in ((multiplier, shift), back(scale)))
    d = x - x.max(axis=-1, keepdims=True)
    e = exponentials(scale, int(-d.min()) + 1)[-d]
    logarithm = _logarithm(_shifted(e, SUM_BITS).sum(axis=-1, keepdims=True))
    counts = d > np.maximum(least - 1, reverse.times(logarithm - TOP - 1))
    y = _shifted(step.times(np.where(counts, d, 0)) - logarithm, 31 - DIFFERENCE_BITS - 4) + 127
    return np.where(counts, np.clip(y, -128, 127), -128)


def back(scale: float) -> tuple[int, int]:
    """(multiplier, shift) of the steps that a number in Q5.26 is."""
    multiplier, shift, _ = difference(scale)
    return tflm_parameters(2.0 ** (31 - shift) / multiplier)


def _logarithm(total: Integers) -> Integers:
    """Of Q12.19, at least 1, in Q5.26: of two mantissas, one of total and one of total times the root of a half, the
    smaller one; its logarithm by a fraction of polynomials around the fourth root of a half, with the power of two."""
    leading = _leading(total)
    of_a = _bounded(_high(_bounded(total << (leading - 1)), ROOT_HALF) << 1)
    power_a = _bounded((SUM_BITS - leading) << 25) + (1 << 23)
    room = _leading(_high(total, ROOT_HALF)) - 1
    of_b, power_b = _bounded(total << room), _bounded((SUM_BITS - room) << 25) - (1 << 23)
    r, power = np.minimum(of_a, of_b), np.maximum(power_a, power_b)
    p, q = (r + FOURTH_ROOT_HALF + 1) // 2, 2 * (r - FOURTH_ROOT_HALF)
    q2 = _high(q, q)
    above = _high(q, r) + _high(_high(q, q2), ABOVE)
    below = _high(p, BELOW[0] + q + _high(q2, BELOW[1])) + _high(q, BELOW[2])
    part = _high(_shifted(above, DIFFERENCE_BITS + 1), _newton((below + TOP + 1) // 2))
    return _bounded((_high(power, LOG_2) + part) << 1)


def _leading(x: Integers) -> Integers:
    """Zeros before the first one of a number of 32 bits, exact in doubles."""
    return 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)


def _high(a: Integers, b: Integers | int) -> Integers:
    """Saturating rounding doubling high multiply."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    return np.minimum(np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31)), TOP)


def _shifted(x: Integers, bits: Integers | int) -> Integers:
    """x / 2**bits, ties away from zero."""
    mask = (np.int64(1) << bits) - 1
    return (x >> bits) + ((x & mask) > (mask >> 1) + (x < 0))


def _bounded(x: Integers) -> Integers:
    return np.clip(x, -TOP - 1, TOP)


def _exp(a: Integers) -> Integers:
    """Q5.26 at most 0 to Q0.31: exp around -1/8 by its series, times exp of each power of two in what is left."""
    quarter = 1 << 24
    near = (a & (quarter - 1)) - quarter  # -1/4 <= near < 0
    x = _bounded(near << DIFFERENCE_BITS) + (1 << 28)
    x2 = _high(x, x)
    x3, x4 = _high(x2, x), _high(x2, x2)
    series = _shifted(_high(_shifted(x4, 2) + x3, THIRD) + x2, 1)
    result = EXP_EIGHTH + _high(x + series, EXP_EIGHTH)
    for i, power in enumerate(EXP_POWERS):
        result = np.where((near - a) & (quarter << i), _high(result, power), result)
    return np.where(a == 0, TOP, result)


def _reciprocal(total: Integers) -> tuple[Integers, Integers]:
    """(1 / total's mantissa in Q0.31, by Newton; bits that total lies above 1)."""
    leading = _leading(total)
    fraction = (total << leading) - (1 << 31)
    whole = fraction + TOP
    return _newton(np.where(whole >= 0, (whole + 1) // 2, -((1 - whole) // 2))), SUM_BITS - leading


def _newton(half: Integers) -> Integers:
    """1 / (2 half) in Q0.31 of half in Q0.31, 1/2 to 1."""
    y = DIVISION_START + _high(half, DIVISION_SLOPE)
    for _ in range(3):
        y = y + _bounded(_high(y, (1 << 29) - _high(half, y)) << 2)
    return _bounded(y << 1)


def places(size: int, made: int, *, aligned: bool, centred: bool) -> NDArray[np.int32]:
    """(made,) where RESIZE_BILINEAR of an axis of `size` elements looks, in 1/1024: multiples of a step that is rounded
    to 1/1024, from the first element (aligned: to the last) or from the middle of a step less half an element."""
    steps, more = (size - 1, made - 1) if aligned and made > 1 else (size, made)
    step = (1024 * steps + more // 2) // more
    found = step * np.arange(made) + (step // 2 - 512 if centred else 0)
    return np.maximum(found, 0).astype(np.int32)
