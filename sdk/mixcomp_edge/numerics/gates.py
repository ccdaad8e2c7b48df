"""Sigmoid and hyperbolic tangent of 16-bit integers, by one table with straight lines between its entries. SPEC.md 4.29

What they read is in steps of 2**-12, what they give in steps of 2**-15. Against the real functions of what they read
sigmoid is off by at most 6.6e-5, tanh by 1.4e-4: a 59th of a step of 8 bits of either."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IN_BITS, OUT_BITS = 12, 15  # behind the point
ONE = 1 << OUT_BITS
HALF_WORD = 1 << 15  # of 16 bits
STATE_STEP = 2.0**-OUT_BITS  # of a layer's states as its value, whatever they hold
PLACE_BITS = 8  # a step of the table, 1/16, is 256 steps of what is read

Int = NDArray[np.int64]

SIGMOIDS: Int = np.rint(ONE / (1 + np.exp(-np.arange(257) / 16))).astype(np.int64)  # of 0, 1/16, … 16


def clamp16(v: Int) -> Int:
    return np.clip(v, -HALF_WORD, HALF_WORD - 1)


def sigmoid(u: Int) -> Int:
    """0 … 2**15, of u in -2**15 … 2**15 - 1."""
    right = _right(np.abs(u))
    return np.where(u < 0, ONE - right, right)


def tanh(u: Int) -> Int:
    """2 sigmoid(2u) - 1: -2**15 … 2**15."""
    right = 2 * _right(np.minimum(2 * np.abs(u), (1 << 16) - 1)) - ONE
    return np.where(u < 0, -right, right)


def _right(a: Int) -> Int:
    """The sigmoid of a in 0 … 2**16 - 1."""
    i, part = a >> PLACE_BITS, a & ((1 << PLACE_BITS) - 1)
    return SIGMOIDS[i] + (((SIGMOIDS[i + 1] - SIGMOIDS[i]) * part + (1 << (PLACE_BITS - 1))) >> PLACE_BITS)
