"""Steps of a random network that have no weights of their own and go over dimensions: reductions, softmaxes, norms,
products of matrices, attention. Each is a function of a value (N, C, L) or (N, C, H, W) and of settings."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Settings = dict[str, Any]  # dims: some dimensions behind the batch, in order; groups: a divisor of C


def _gains(*shape: int) -> tuple[Tensor, Tensor]:
    """Of every sign and size, and offsets."""
    count = prod(shape)
    return torch.linspace(-1.5, 2, count).reshape(shape), torch.linspace(1, -1, count).reshape(shape)


def _layer_norm(x: Tensor, s: Settings) -> Tensor:
    shape = tuple(x.shape[-len(s["dims"]) :])
    return F.layer_norm(x, shape, *_gains(*shape))


def _group_norm(x: Tensor, s: Settings) -> Tensor:
    return F.group_norm(x, s["groups"], *_gains(x.shape[1]))


def _channel_norm(x: Tensor, s: Settings) -> Tensor:
    return F.layer_norm(x.movedim(1, -1), x.shape[1:2], *_gains(x.shape[1])).movedim(-1, 1)


def _rms_norm(x: Tensor, s: Settings) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], _gains(x.shape[-1])[0], 1e-3)


SEQUENCES: dict[str, Callable[[Tensor, Settings], Tensor]] = {
    "mean": lambda x, s: x.mean(s["dims"], keepdim=True),
    "sum": lambda x, s: x.sum(s["dims"], keepdim=True),
    "largest": lambda x, s: x.amax(s["dims"], keepdim=True),
    "least": lambda x, s: x.amin(s["dims"], keepdim=True),
    "norm": lambda x, s: torch.linalg.vector_norm(x, 2, s["dims"], keepdim=True),
    "softmax": lambda x, s: F.softmax(x, s["dims"][0]),
    "log_softmax": lambda x, s: F.log_softmax(x, s["dims"][0]),
    "cumsum": lambda x, s: x.cumsum(s["dims"][0]),
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "channel_norm": _channel_norm,
    "rms_norm": _rms_norm,
    "normalize": lambda x, s: F.normalize(x, dim=s["dims"][0]),
    "product": lambda x, s: x @ x.transpose(-1, -2),
    "attention": lambda x, s: F.scaled_dot_product_attention(x, x, x),
    "turned attention": lambda x, s: F.scaled_dot_product_attention(*[x.transpose(1, -1)] * 3).transpose(1, -1),
}
