"""Steps of a random network that move elements and compute nothing. Each is a function of a value (N, C, L) or
(N, C, H, W) and of settings; one that does not fit a value leaves it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

# axis: a dimension behind the batch; order: all of them in another order; groups: a divisor of C;
# start: an index along the axis; step, by: numbers, by of either sign
Settings = dict[str, Any]


def _cut(x: Tensor, s: Settings) -> Tensor:
    return x[(slice(None),) * s["axis"] + (slice(s["start"], None, s["step"]),)]


def _turned(x: Tensor, s: Settings) -> Tensor:
    """What lies from `start` on, then what lies before it."""
    if s["start"] == 0:
        return x
    return torch.cat([x.narrow(s["axis"], s["start"], x.shape[s["axis"]] - s["start"]),
                      x.narrow(s["axis"], 0, s["start"])], s["axis"])  # fmt: skip


def _shuffled(x: Tensor, s: Settings) -> Tensor:
    return x.unflatten(1, (s["groups"], -1)).transpose(1, 2).flatten(1, 2)


def _framed(x: Tensor, s: Settings) -> Tensor:
    """With a constant beside it."""
    edge = torch.linspace(-1, 1, x[0].select(s["axis"] - 1, 0).numel()).reshape(x[:1].select(s["axis"], 0).shape)
    return torch.cat([edge.unsqueeze(s["axis"]).expand(len(x), *[-1] * (x.dim() - 1)), x], s["axis"])


def _repeated(x: Tensor, s: Settings) -> Tensor:
    """One index of the axis in place of each, and a tile of the others."""
    return x.narrow(s["axis"], s["start"], 1).expand(x.shape) if s["step"] == 1 else x.repeat_interleave(2, s["axis"])


def _blocks(x: Tensor, s: Settings) -> Tensor:
    if x.dim() == 4 and x.shape[1] % 4 == 0:
        return F.pixel_shuffle(x, 2)
    fits = x.dim() == 4 and x.shape[2] % 2 == x.shape[3] % 2 == 0
    return F.pixel_unshuffle(x, 2) if fits else x


def _refolded(x: Tensor, s: Settings) -> Tensor:
    """Two dimensions as one, or one as two."""
    return x.flatten(*((1, 2) if s["step"] == 1 else (2, 3))) if x.dim() == 4 else x.unflatten(1, (-1, s["groups"]))


LAYOUTS: dict[str, Callable[[Tensor, Settings], Tensor]] = {
    "permuted": lambda x, s: x.permute(0, *s["order"]),
    "flipped": lambda x, s: x.flip(s["order"][: s["step"]]),
    "rolled": lambda x, s: x.roll(s["by"], s["axis"]),
    "cut": _cut,
    "turned": _turned,
    "shuffled": _shuffled,
    "stacked": lambda x, s: torch.stack([x, x.flip(s["axis"])], s["axis"]).flatten(s["axis"], s["axis"] + 1),
    "dealt": lambda x, s: torch.stack(x.unbind(s["axis"]), s["order"][0]),
    "framed": _framed,
    "repeated": _repeated,
    "blocks": _blocks,
    "refolded": _refolded,
    "reshaped": lambda x, s: x.transpose(1, s["axis"]).reshape(x.shape),
}
