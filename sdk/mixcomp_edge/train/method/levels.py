"""Levels learned of a layer's weights: of all codebooks of sixteen bytes, one with a small squared error.

Lloyd's algorithm (IEEE Trans. Inf. Theory 28(2), 1982) with a scale a channel: each weight takes its nearest level,
each level becomes the mean of its weights, each scale the best for its channel, over and over. One level stays 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.numerics import Codebook, learned

ROUNDS = 40
LARGEST = 127


def learn_levels(w: NDArray[np.floating], start: Codebook, scale: NDArray[np.float64]) -> Codebook:
    """lut4 for w (O, ...); start and scale (O,) or (1,): where it begins."""
    rows = w.reshape(len(scale), -1).astype(np.float64)
    values = start.sorted_values
    zero = int(np.flatnonzero(values == 0)[0])
    for _ in range(ROUNDS):
        index = np.searchsorted((values[:-1] + values[1:]) / 2, rows / scale[:, None])
        weight = np.bincount(index.ravel(), (scale[:, None] ** 2 * np.ones_like(rows)).ravel(), len(values))
        sums = np.bincount(index.ravel(), (scale[:, None] * rows).ravel(), len(values))
        values = np.where(weight > 0, sums / np.where(weight > 0, weight, 1.0), values)
        values[zero] = 0.0
        values /= np.abs(values).max() or 1.0
        y = values[index]
        energy = np.sum(y**2, axis=1)
        scale = np.where(energy > 0, np.sum(y * rows, axis=1) / np.where(energy > 0, energy, 1.0), scale)
    rounded = np.rint(values * (LARGEST / np.abs(values).max())).astype(int).tolist()
    return learned((0, *rounded[zero + 1 :], *rounded[:zero]))
