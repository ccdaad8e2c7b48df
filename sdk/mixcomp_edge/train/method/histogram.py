"""How often each number occurs among the values of a network: counts that do not depend on what came first.

A value falls into the bin of its nearest float of 12 significant bits, down to 2**-20 of the largest magnitude seen,
and below that to 0. As the largest grows, low bins join that of 0. So batches of any size, in any order, add up to the
same counts, and what is found from the counts alone is the same, too."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixcomp_edge.errors import TaskError

MANTISSA = 11  # bits that a bin keeps, beside the leading one
DROPPED = 23 - MANTISSA
BINS = 20 << MANTISSA  # of each sign: twenty octaves
MAGNITUDE = 0x7FFFFFFF  # of a float32's bits
CHUNK = 1 << 18  # elements counted at a time

FEW = 20  # one sample in so many may hold outliers,
FAR = 16.0  # which are so many times beyond the peaks of the others


def usual_peak(peaks: NDArray[np.floating]) -> float:
    """What all but one sample in FEW keep to, of the samples' peaks (N,); the largest one where that is not above 0."""
    ordered = np.sort(peaks)
    usual = float(ordered[-1 - len(ordered) // FEW])
    return usual if usual > 0.0 else max(float(ordered[-1]), 0.0)


class Histogram:
    """Of one value of the network, named for error messages."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.base = 0  # key of the largest magnitude that counts as 0
        self.counts = torch.zeros((2, BINS + 1), dtype=torch.int64)  # without a minus, with one
        self.peaks: list[float] = []  # largest magnitude of each sample

    def add(self, x: Tensor) -> None:
        """Counts every element of x (N, ...). TaskError for one that is not finite."""
        in_memory_order = [0, *sorted(range(1, x.dim()), key=lambda axis: -x.stride()[axis])]
        rows = x.detach().float().permute(in_memory_order).reshape(len(x), -1)
        least = rows.amin(1)
        peaks = torch.maximum(rows.amax(1), -least)
        wrong = torch.nonzero(~torch.isfinite(peaks))
        if len(wrong):
            raise TaskError(
                f"{self.name}: its value is not finite in the float model, on calibration sample "
                f"{len(self.peaks) + int(wrong[0])}. Look at the weights before it, and at that sample."
            )
        self.peaks += peaks.tolist()
        self._reach(int(_keys(peaks.max())))
        signed = bool((least < 0).any())
        count = max(1, CHUNK // rows.shape[1])
        for start in range(0, len(rows), count):
            part = rows[start : start + count]
            index = _keys(part).sub_(self.base).clamp_(min=0)
            if signed:
                index += (part < 0).int().mul_(BINS + 1)
            self.counts += torch.bincount(index.flatten(), minlength=2 * (BINS + 1)).reshape(2, -1)

    @property
    def negative(self) -> bool:
        """Whether a value was below 0."""
        return bool(self.counts[1].any())

    @property
    def depth(self) -> float:
        """How far its values reach below 0."""
        x, _ = self.values()
        return max(-float(x.min(initial=0.0)), 0.0)

    def values(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """(B,) the numbers that occurred, ascending, and (B,) how often. If there are outliers, what lies beyond the
        usual peak counts as that."""
        keys = np.arange(BINS + 1, dtype=np.int32) + self.base
        size = (keys << DROPPED).view(np.float32).astype(np.float64)
        size[0] = 0.0
        usual, largest = usual_peak(np.array(self.peaks)), max(self.peaks)
        top = _keys(torch.tensor(usual if largest > FAR * usual else largest)) << DROPPED
        size = np.minimum(size, float(top.view(torch.float32)))
        plus, minus = self.counts.numpy()
        x, count = np.concatenate([-size[::-1], size]), np.concatenate([minus[::-1], plus])
        return x[count > 0], count[count > 0]

    def _reach(self, key: int) -> None:
        """Moves the bins up until the highest holds this key."""
        rise = min(max(key - BINS, 0) - self.base, BINS)
        if rise <= 0:
            return
        moved = torch.zeros_like(self.counts)
        moved[:, 0] = self.counts[:, : rise + 1].sum(1)
        moved[:, 1 : BINS + 1 - rise] = self.counts[:, rise + 1 :]
        self.base, self.counts = max(key - BINS, 0), moved


def _keys(x: Tensor) -> Tensor:
    """The magnitudes of x as floats of MANTISSA + 1 significant bits, numbered in ascending order."""
    return (x.view(torch.int32) & MAGNITUDE).add_(1 << (DROPPED - 1)) >> DROPPED
