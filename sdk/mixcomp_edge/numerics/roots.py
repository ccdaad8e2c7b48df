"""Square roots of integers, and their inverses, by exact integer steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def integer_sqrt(v: Integers) -> Integers:
    """The largest r with r * r <= v, for 0 <= v < 2**62: the float root is off by one at most."""
    root = np.sqrt(v.astype(np.float64)).astype(np.int64)
    root -= root * root > v
    return root + ((root + 1) * (root + 1) <= v)


def inverse_sqrt(v: Integers, bits: int) -> tuple[Integers, Integers]:
    """(r, t): 2**bits / sqrt(v) is r / 2**t to 2**-29 of itself, for 0 < v < 2**62; r is 0 for 0. SPEC.md 4.23

    2**60 <= v * 4**a < 2**62 has a root of 31 bits, and (2**61 - 1) over that is r, of 31 bits, too."""
    a = np.zeros_like(v)
    for step in (16, 8, 4, 2, 1):
        a += step * (v << 2 * a < 1 << (62 - 2 * step))
    scaled = np.maximum(v, 1) << 2 * np.minimum(a, 30)
    r = ((1 << 61) - 1) // integer_sqrt(scaled)
    return np.where(v == 0, 0, r), 61 - bits - np.minimum(a, 30)
