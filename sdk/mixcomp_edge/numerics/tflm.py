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
SUM_BITS = 12  # before the point of a sum of exponentials
# exp(-1/8), and a third, as gemmlowp has them in Q0.31; exp(-2**k) for k = -2 … 4
EXP_EIGHTH, THIRD = 1895147668, 715827883
EXP_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
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


def exponentials(scale: float, count: int) -> Integers:
    """(count,) exp of minus 0, 1, 2, ... steps in Q0.31; scale: of a step, a float32. Too far below they count as 0."""
    factor = min(scale * 2.0 ** (31 - DIFFERENCE_BITS), TOP)
    multiplier, shift = tflm_parameters(factor)
    least = -np.floor((2.0**DIFFERENCE_BITS - 1) * 2.0 ** (31 - DIFFERENCE_BITS) / 2.0**shift)
    d = -np.arange(count)
    counts = d >= least
    return np.where(counts, _exp(_high(np.where(counts, d, 0) << shift, multiplier)), 0)


def softmax(x: Integers, scale: float) -> Integers:
    """0 … 256 for probabilities over the last axis; scale: of a step of x, a float32."""
    d = x.max(axis=-1, keepdims=True) - x
    e = exponentials(scale, int(d.max()) + 1)[d]
    inverse, above = _reciprocal(_shifted(e, SUM_BITS).sum(axis=-1, keepdims=True))
    return _shifted(_high(inverse, e), above + 31 - 8)


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
    leading = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)  # exact: total is below 2**31
    fraction = (total << leading) - (1 << 31)
    whole = fraction + TOP
    half = np.where(whole >= 0, (whole + 1) // 2, -((1 - whole) // 2))
    y = DIVISION_START + _high(half, DIVISION_SLOPE)
    for _ in range(3):
        y = y + _bounded(_high(y, (1 << 29) - _high(half, y)) << 2)
    return _bounded(y << 1), SUM_BITS - leading


def places(size: int, made: int, *, aligned: bool, centred: bool) -> NDArray[np.int32]:
    """(made,) where RESIZE_BILINEAR of an axis of `size` elements looks, in 1/1024: multiples of a step that is rounded
    to 1/1024, from the first element (aligned: to the last) or from the middle of a step less half an element."""
    steps, more = (size - 1, made - 1) if aligned and made > 1 else (size, made)
    step = (1024 * steps + more // 2) // more
    found = step * np.arange(made) + (step // 2 - 512 if centred else 0)
    return np.maximum(found, 0).astype(np.int32)
