"""Means over seeds with their 95 % interval, of figures and of differences paired by seed."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import mean, stdev

# Student's t, two-sided 95 %, by the number of values (one more than the degrees of freedom)
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


def half_width(values: Sequence[float]) -> float | None:
    """Half of the 95 % interval of the mean; None for a single value."""
    return None if len(values) < 2 else T95[len(values)] * stdev(values) / sqrt(len(values))


def points(values: Sequence[float], *, signed: bool = False) -> str:
    """Shares 0..1 as percent, or signed differences as points: mean, and ± half of the interval."""
    text = f"{100 * mean(values):+.2f}" if signed else f"{100 * mean(values):.2f}"
    half = half_width(values)
    return text if half is None else f"{text} ± {100 * half:.2f}"


def paired(a: dict[int, float], b: dict[int, float]) -> list[float]:
    """a - b by seed, for the seeds that both have."""
    return [a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())]
