"""NormalFloat: levels that a normal distribution uses evenly (Dettmers et al., arXiv 2305.14314, section 3 and its
reference code), as integers of 8 bits."""

from __future__ import annotations

from fractions import Fraction
from statistics import NormalDist

OUTERMOST = 1 - (Fraction(1, 32) + Fraction(1, 30)) / 2  # the quantile that becomes 1.0: the mean of both sides' tails


def table() -> list[Fraction | None]:
    """Values of codes 0..15 of nf4, in 127ths of 127/128: 0, eight above it that rise, seven below it that rise."""

    def side(count: int) -> list[float]:
        """The quantiles from 0 (without it) to 1, `count` of them, evenly apart in probability."""
        steps = [Fraction(1, 2) + (OUTERMOST - Fraction(1, 2)) * Fraction(i, count) for i in range(1, count + 1)]
        return [NormalDist().inv_cdf(float(p)) / NormalDist().inv_cdf(float(OUTERMOST)) for p in steps]

    levels = [0, *(round(127 * q) for q in side(8)), *(-round(127 * q) for q in reversed(side(7)))]
    return [Fraction(level, 128) for level in levels]
