"""Behind a softmax of codes: the table of exponentials, SPEC.md 4.11, and the logarithm of their sum, 4.25."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ONE = 1 << 15  # in the table


def exponentials(scale: float, entries: int = 256) -> NDArray[np.uint16]:
    """(entries,): round(2**15 * exp(-d * scale)) for d steps below the largest code; scale is a step's real value."""
    return np.rint(2.0**15 * np.exp(-np.arange(entries) * scale)).astype(np.uint16)


def log2(sums: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """2**bits * log2(sum / ONE), rounded down but for what 31 bits lose; ONE <= sum < 2**31. SPEC.md 4.25

    A number from 1 to 2, squared, reaches 2 where its logarithm reaches 1/2: one bit after the other."""
    mantissa, result = sums.copy(), np.full_like(sums, 15)
    for shift in (8, 4, 2, 1):
        small = mantissa < 1 << (31 - shift)
        mantissa[small] <<= shift
        result[small] -= shift
    for _ in range(bits):
        mantissa = mantissa * mantissa >> 30  # 1 is 2**30
        bit = mantissa >> 31
        mantissa >>= bit
        result = 2 * result + bit
    return result
