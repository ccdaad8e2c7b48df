"""More samples out of few, where a teacher says what each is worth: it needs no label that still fits. What a network
takes is not known here (pictures, spectra, rows of a table, tokens), so nothing is mirrored, shifted or added up: every
number of a new sample is one of an old sample, in its place."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.train.samples import Samples, count, each


def with_patches(x: Samples, generator: torch.Generator) -> Samples:
    """x (N, C, ...), several inputs alike: half of the samples get a box of another of the batch, over all channels
    (CutMix, arXiv 1905.04899). Of samples without places, (N, C), the box is a run of features. Draws from the given
    generator alone."""
    samples = count(x)
    order = torch.randperm(samples, generator=generator)
    chosen = torch.rand(samples, generator=generator) < 0.5
    mixed = tuple(torch.where(_boxes(part, generator) & _over(chosen, part), part[order], part) for part in each(x))
    return mixed if isinstance(x, tuple) else mixed[0]


def _boxes(x: Tensor, generator: torch.Generator) -> Tensor:
    """(N, 1, ...) or (N, C), bool: a box in each sample, whose share of the places is even in 0 to 1."""
    samples, axes = len(x), range(2, x.dim()) if x.dim() > 2 else range(1, 2)
    share = torch.rand(samples, 1, generator=generator) ** (1 / len(axes))  # along each axis
    inside = torch.ones(samples, *[1] * (x.dim() - 1), dtype=torch.bool)
    for axis in axes:
        size = x.shape[axis]
        start = torch.rand(samples, 1, generator=generator) * (1 - share) * size
        place = torch.arange(size) + 0.5
        along = (place >= start) & (place < start + share * size)  # (N, size)
        inside = inside & along.reshape(samples, *[size if i == axis else 1 for i in range(1, x.dim())])
    return inside


def _over(chosen: Tensor, x: Tensor) -> Tensor:
    return chosen.reshape(-1, *[1] * (x.dim() - 1))
