"""First guesses for the steps: the one with the least squared error among a grid of clipping points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.numerics import Codebook

CLIPS = np.geomspace(0.1, 1.1, 80)  # of the largest magnitude


def activation_step(x: NDArray[np.float32], low: int, high: int) -> float:
    """Step of the uniform grid low..high (zero point 0) with the least mean squared error on the sample x."""
    peak = float(np.abs(x).max(initial=0.0))
    if peak == 0.0:
        return 1.0 / max(high, 1)
    steps = CLIPS * peak / high
    errors = [np.mean((np.clip(np.rint(x / step), low, high) * step - x) ** 2) for step in steps]
    return float(steps[int(np.argmin(errors))])


def input_range(x: NDArray[np.float32], high: int = 255) -> tuple[float, int]:
    """(step, zero point) of the u8 grid from min(x, 0) to max(x, 0), with 0.0 on it. Raw pixels 0..255 get step 1."""
    low_value, high_value = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    step = (high_value - low_value) / high or 1.0
    return step, int(np.clip(np.rint(-low_value / step), 0, high))


def weight_scale(w: NDArray[np.float32], book: Codebook, *, per_channel: bool) -> NDArray[np.float64]:
    """Scale (O,) or (1,) with the least squared error of w (O, ...) in the codebook.

    A channel of zeros takes the layer's largest scale; no channel goes below a ten-thousandth of it, which keeps its
    bias within int32."""
    rows = w.reshape(len(w) if per_channel else 1, -1).astype(np.float64)
    peak = np.abs(rows).max(axis=1)
    largest = float(peak.max()) or 1.0
    peak = np.where(peak == 0.0, largest, np.maximum(peak, 1e-4 * largest))
    values = book.sorted_values
    candidates = np.geomspace(0.2, 8.0, 160)
    best, scale = np.full(len(rows), np.inf), peak.copy()
    midpoints = (values[:-1] + values[1:]) / 2
    # A scale maps the codebook's largest level to `ratio` times the largest weight.
    for ratio in candidates:
        trial = ratio * peak / float(values[-1])
        levels = values[np.searchsorted(midpoints, rows / trial[:, None])]
        error = np.sum((levels * trial[:, None] - rows) ** 2, axis=1)
        better = error < best
        best, scale = np.where(better, error, best), np.where(better, trial, scale)
    return scale
