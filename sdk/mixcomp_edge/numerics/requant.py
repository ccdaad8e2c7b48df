"""From a wide accumulator back to a few bits: the integer form of `round(acc * scale)`. SPEC.md 3."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import LoweringError

MAX_SHIFT = 30


def q32(acc: NDArray[np.int64], multiplier: NDArray[np.int64], shift: int) -> NDArray[np.int64]:
    """((acc << shift) * multiplier + 2**31) >> 32, exact in int64 because |acc << shift| < 2**31."""
    return ((acc << shift) * multiplier + (1 << 31)) >> 32


def q32_parameters(scale: NDArray[np.float64]) -> tuple[NDArray[np.int32], int]:
    """Multipliers (C,) int32 and the common shift that make q32(acc, m, s) = acc * scale, rounded.

    scale (C,) > 0. The shift is the smallest for which every multiplier is below 2**31: a scale just under 1/2 would
    round to 2**31, which SMMULR takes as negative. Relative error of m: 2**-(32 - shift) / scale at most."""
    scale = np.asarray(scale, np.float64)
    if not np.all(np.isfinite(scale)) or np.any(scale <= 0):
        raise LoweringError("a requantizer needs finite scales above 0; a quantizer's step is broken.")
    for shift in range(MAX_SHIFT + 1 if np.all(scale < 2.0**31) else 0):
        multiplier = np.rint(scale * 2.0 ** (32 - shift))  # np.rint: ties to even
        if np.all(multiplier < 2**31):
            return multiplier.astype(np.int32), shift
    raise LoweringError(f"a requantizer's scale of {scale.max():.3g} is too large for 32 bits.")


def tflm(acc: NDArray[np.int64], multiplier: NDArray[np.int64], shift: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """TensorFlow Lite Micro's MultiplyByQuantizedMultiplier, double rounding.

    acc int32; multiplier 2**30 <= m < 2**31 (or 0); real scale = m * 2**(shift - 31); -31 <= shift <= 30.
    First round(acc * 2**left * m / 2**31), ties up by the added 2**30 (TFLM's nudge makes negative ties go up too),
    saturated to int32; then a shift right by -shift in which ties go away from zero."""
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift), 0)
    shifted = wrap_int32(acc << left)
    product = shifted * multiplier
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))  # C's division: towards zero
    high = np.minimum(high, 2**31 - 1)
    mask = (1 << right) - 1
    remainder = high & mask
    threshold = (mask >> 1) + (high < 0)
    return (high >> right) + (remainder > threshold)


def wrap_int32(value: NDArray[np.int64]) -> NDArray[np.int64]:
    """The low 32 bits, read as two's complement."""
    return ((value + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def tflm_parameters(scale: float) -> tuple[int, int]:
    """(multiplier, shift) for `tflm`: scale = multiplier * 2**(shift - 31), multiplier in [2**30, 2**31)."""
    if not np.isfinite(scale) or scale <= 0:
        raise LoweringError("a requantizer needs a finite scale above 0; a quantizer's step is broken.")
    mantissa, exponent = np.frexp(scale)
    multiplier = int(np.floor(float(mantissa) * 2**31 + 0.5))  # ties away from zero; exact: 53 bits hold the sum
    if multiplier == 2**31:
        multiplier, exponent = 2**30, exponent + 1
    if exponent > MAX_SHIFT:
        raise LoweringError(f"a requantizer's scale of {scale:.3g} is too large for 32 bits.")
    if exponent < -31:
        return 0, 0
    return multiplier, int(exponent)


def add_parameters(a_scale: float, b_scale: float, y_scale: float, a_peak: int, b_peak: int) -> tuple[int, int, int]:
    """(ma, mb, s) for SPEC.md 4.4. a_peak, b_peak: the largest |a - zero_point| of each input's type.

    The largest s in 1..30 for which a_peak*ma + b_peak*mb + 2**(s-1) < 2**31: no input can overflow int32."""
    for shift in range(30, 0, -1):
        ma, mb = (int(np.rint(scale / y_scale * 2.0**shift)) for scale in (a_scale, b_scale))
        if a_peak * ma + b_peak * mb + (1 << (shift - 1)) < 1 << 31:
            return ma, mb, shift
    raise LoweringError(
        f"add: input scales {a_scale:.3g} and {b_scale:.3g} are too large for the output scale {y_scale:.3g}."
    )
