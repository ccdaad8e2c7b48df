"""What gradient passes through a rounding to uneven levels: stand-ins for the slope of a staircase, which is zero
almost everywhere and infinite at its steps.

Each takes u between its neighbouring levels low < high, all in units of the codebook, and gives dQ/du; d = high - low
and t = (u - middle) / d lies in -1/2 .. 1/2, 0 at the threshold. Over one interval a slope should average 1, because
that is what Q gains on u there."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Estimator = Callable[[Tensor, Tensor, Tensor], Tensor]


def straight(u: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """1: the rounding is looked through (straight-through estimator)."""
    return torch.ones_like(u)


def tanh(u: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Q = middle + d/2 tanh(5 t): slope 2.5 sech^2(5 t), 2.5 at the threshold, 0.07 at a level, mean tanh(2.5)."""
    d = high - low
    return 2.5 / torch.cosh(5.0 * (u - (low + high) / 2) / d).square()


def tanh_as_printed(u: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The letter of arXiv 2312.02210: amplitude 2/d, centre (high - low)/2. Q = c + 2/d tanh(5/d (u - d/2)).

    Its slope 10/d^2 sech^2 is centred on the threshold only between 0 and the first positive level; elsewhere the
    gradient nearly vanishes, and at the threshold it is 4/d^2 times that of `tanh`."""
    d = high - low
    return 10.0 / d.square() / torch.cosh(5.0 * (u - d / 2) / d).square()


def linear(u: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Falls linearly from 2 at the threshold to 0 at the levels; mean 1."""
    return 2.0 - 4.0 * ((u - (low + high) / 2) / (high - low)).abs()


ESTIMATORS: dict[str, Estimator] = {
    "straight": straight, "tanh": tanh, "tanh_as_printed": tanh_as_printed, "linear": linear,
}  # fmt: skip


def slope(name: str, u: Tensor, values: Tensor) -> Tensor:
    """dQ/du of the named estimator for any u; 0 beyond the outermost of the levels `values` (L,), which rise."""
    above = torch.bucketize(u, values).clamp_(1, len(values) - 1)
    inside = (u >= values[0]) & (u <= values[-1])
    return ESTIMATORS[name](u, values[above - 1], values[above]) * inside
