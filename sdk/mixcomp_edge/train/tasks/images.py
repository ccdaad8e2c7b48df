"""From stored pixels to what a network takes, and the variations that make a training set larger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.train.samples import take
from mixcomp_edge.train.task import Split

SAMPLE = 512  # training images for calibration
SAMPLE_SEED = 0


def sample(split: Split, count: int = SAMPLE) -> Any:
    """(count, *shape): samples of the split drawn with SAMPLE_SEED, in the split's order; of several inputs each."""
    chosen = np.random.default_rng(SAMPLE_SEED).permutation(len(split))[:count]
    return take(split.x, np.sort(chosen))


def raw_pixels(raw: NDArray[np.uint8]) -> Tensor:
    """(N, C, H, W) uint8 -> float32 0..255, which u8 with step 1 holds exactly."""
    return torch.from_numpy(raw.astype(np.float32))


@dataclass(frozen=True)
class Normalize:
    """(N, C, H, W) uint8 -> (x / 255 - mean) / std, channel by channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, raw: NDArray[np.uint8]) -> Tensor:
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
        return (raw_pixels(raw) / 255 - mean) / std

    def black(self) -> tuple[float, ...]:
        """What a pixel of 0 becomes, in each channel."""
        return tuple(-mean / std for mean, std in zip(self.mean, self.std, strict=True))


@dataclass(frozen=True)
class Augment:
    """Each image is shifted by up to `crop` pixels in both directions, with black moving in, and mirrored half of the
    time where `flip` allows. Draws from the given generator alone."""

    crop: int
    flip: bool
    black: tuple[float, ...] = (0.0,)  # in each channel, or in all

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """x (N, C, H, W) -> the same shape."""
        count, _, height, width = x.shape
        black = torch.tensor(self.black).view(1, -1, 1, 1)
        padded = F.pad(x - black, (self.crop,) * 4) + black  # (N, C, H + 2 crop, W + 2 crop)
        offsets = torch.randint(0, 2 * self.crop + 1, (2, count, 1), generator=generator)
        mirrored = torch.randint(0, 2, (count, 1), generator=generator, dtype=torch.bool)
        rows = offsets[0] + torch.arange(height)  # (N, H)
        columns = torch.arange(width).expand(count, width)
        if self.flip:
            columns = torch.where(mirrored, columns.flip(1), columns)
        columns = offsets[1] + columns  # (N, W)
        image = torch.arange(count).view(-1, 1, 1)
        moved = padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]]  # (N, H, W, C)
        return moved.permute(0, 3, 1, 2).contiguous()
