"""Steps and scales from what a network computes: the best among a grid of clipping points, by squared error or by
entropy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.numerics import Codebook
from mixcomp_edge.train.method.histogram import FAR, Histogram, usual_peak

Floats = NDArray[np.floating]

CLIPS = np.geomspace(1.1 / 11**3, 1.1, 238)  # of the largest magnitude


def activation_step(seen: Histogram, low: int, high: int, depth: float | None = None) -> float:
    """Step of the uniform grid low..high with the least squared error on the values seen. Its zero point is 0, or with
    a depth what `zero_points` says."""
    x, count = seen.values()
    peak = float(np.abs(x).max(initial=0.0)) if depth is None else float(x.max(initial=0.0)) + depth
    if peak == 0.0:
        return 1.0 / max(high, 1)
    steps, codes = CLIPS[:, None] * peak / high, np.arange(low, high + 1)
    if depth is not None:
        codes = codes - zero_points(depth, steps, high)  # (S, K)
    ends = np.searchsorted(x, (codes[..., :-1] + 0.5) * steps)  # (S, K - 1): where the values of each code end

    def by_code(amount: Floats) -> Floats:
        """(S, K): the sum of each step's and code's share of the amounts (B,)."""
        total = np.concatenate([[0.0], np.cumsum(amount)])
        return np.diff(total[ends], axis=1, prepend=0.0, append=total[-1])

    # sum (x - y)^2 for y = code * step, less the sum of x^2, which is the same for all
    errors = np.sum((codes * steps) ** 2.0 * by_code(1.0 * count) - 2 * codes * steps * by_code(count * x), axis=1)
    return float(steps[int(np.argmin(errors)), 0])


def zero_points(depth: float, steps: Floats, high: int) -> NDArray[np.int64]:
    """Zero points of grids 0..high with these steps that reach down to -depth."""
    return np.clip(np.rint(depth / steps), 0, high).astype(np.int64)


def input_range(x: NDArray[np.float32], high: int = 255) -> tuple[float, int]:
    """(step, zero point) of the u8 grid from min(x, 0) to max(x, 0), x (N, ...), with 0.0 on it. Outliers of a few
    samples leave the others a sixteenth of the range at least. Raw pixels 0..255 get step 1."""
    rows = x.reshape(len(x), -1)
    low_value, high_value = -_reach(-rows.min(axis=1)), _reach(rows.max(axis=1))
    step = (high_value - low_value) / high or 1.0
    return step, int(np.clip(np.rint(-low_value / step), 0, high))


def _reach(peaks: NDArray[np.float32]) -> float:
    return min(max(float(peaks.max()), 0.0), FAR * usual_peak(peaks))


def weight_scale(
    w: NDArray[np.float32], book: Codebook, *, per_channel: bool, method: str = "mse", pow2: bool = False
) -> NDArray[np.float64]:
    """Scale (O,) or (1,) of w (O, ...): what 1.0 of the codebook stands for.

    method: mse, the least squared error (learned steps start there too); entropy, the most even use of the codes;
    max, the largest |w|; std, the standard deviation. pow2: only powers of two; max rounds up, std to the nearest.
    A channel of zeros takes the layer's largest scale; no channel goes below a ten-thousandth of it, which keeps its
    bias within int32."""
    rows = w.reshape(len(w) if per_channel else 1, -1).astype(np.float64)
    if method in ("max", "std"):
        size = _filled(np.abs(rows).max(axis=1) if method == "max" else rows.std(axis=1))
        if pow2:
            size = np.exp2(np.ceil(np.log2(size)) if method == "max" else np.rint(np.log2(size)))
        return size
    peak = _filled(np.abs(rows).max(axis=1))
    values = book.sorted_values
    if rows.shape[1] == 1 and not pow2:  # a lone weight is the outermost level of its sign, exactly
        return peak / np.where(rows[:, 0] < 0, -values[0], values[-1])
    badness = _unevenness if method == "entropy" else _squared_error
    best, scale = np.full(len(rows), np.inf), peak.copy()
    # A scale maps the codebook's largest level to `ratio` times the largest weight.
    for ratio in np.geomspace(0.02, 8.0, 240) if method == "entropy" else np.geomspace(0.2, 8.0, 160):
        trial = ratio * peak / float(values[-1])
        if pow2:
            trial = np.exp2(np.rint(np.log2(trial)))
        bad = badness(rows, trial[:, None], values)
        better = bad < best
        best, scale = np.where(better, bad, best), np.where(better, trial, scale)
    return scale


def choose_codebook(
    w: NDArray[np.float32], books: tuple[Codebook, ...], *, per_channel: bool, method: str, pow2: bool
) -> Codebook:
    """The one with the least squared error of w under its own scale; the first of equal ones."""
    errors = []
    for book in books if len(books) > 1 else ():
        scale = weight_scale(w, book, per_channel=per_channel, method=method, pow2=pow2)
        errors.append(float(np.sum((book.decode(book.encode(w, scale), scale) - w) ** 2)))
    return books[int(np.argmin(np.round(np.divide(errors, max(errors) or 1.0), 9)))] if errors else books[0]


def _filled(size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sizes (R,) without zeros and without any far below the largest."""
    largest = float(size.max()) or 1.0
    return np.where(size == 0.0, largest, np.maximum(size, 1e-4 * largest))


def _nearest(rows: NDArray[np.float64], scale: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.searchsorted((values[:-1] + values[1:]) / 2, rows / scale)


def _squared_error(
    rows: NDArray[np.float64], scale: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(R,) for rows (R, N) under scales (R, 1)."""
    return np.sum((values[_nearest(rows, scale, values)] * scale - rows) ** 2, axis=1)


def _unevenness(
    rows: NDArray[np.float64], scale: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(R,) minus the entropy of each row's code histogram, in bits; of equal entropies the smaller error is better."""
    index, count = _nearest(rows, scale, values), len(values)
    flat = index + count * np.arange(len(rows))[:, None]
    share = np.bincount(flat.ravel(), minlength=count * len(rows)).reshape(len(rows), count) / rows.shape[1]
    entropy = -np.sum(share * np.log2(np.where(share > 0, share, 1.0)), axis=1)
    error = np.sum((values[index] * scale - rows) ** 2, axis=1) / np.maximum(np.sum(rows**2, axis=1), 1e-300)
    return 1e-6 * error - entropy
