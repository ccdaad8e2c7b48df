"""normalize."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.operators.normalize import Normalize
from mixcomp_edge.train.operators.forms import activate, forward, terms


@forward.register
def _(node: Normalize, inputs: list[Tensor]) -> Tensor:
    centred, root = _parts(node, inputs[0])
    gain, offset = _parameters(node, centred)
    return activate(_put_back(centred / root * gain + offset, inputs[0]), node.activation)


@terms.register
def _(node: Normalize, inputs: list[Tensor], sizes: list[Tensor]) -> Tensor:
    """Where the mean takes nearly all of x away, what rounding leaves is as large as a part of x."""
    _, root = _parts(node, inputs[0])
    size, dims = _viewed(node, sizes[0])
    if node.centred:
        size = size + size.mean(dims, keepdim=True)
    gain, offset = _parameters(node, size)
    return _put_back(size / root * gain.abs() + offset.abs(), inputs[0])


def _viewed(node: Normalize, x: Tensor) -> tuple[Tensor, list[int]]:
    """x (N, C, ...) as the node's view of it, and the dimensions that it goes over."""
    return x.movedim(1, -1).reshape(-1, *node.view), [axis + 1 for axis in node.axes]


def _put_back(viewed: Tensor, x: Tensor) -> Tensor:
    return viewed.reshape(x.movedim(1, -1).shape).movedim(-1, 1)


def _parts(node: Normalize, x: Tensor) -> tuple[Tensor, Tensor]:
    """The dividend and the divisor."""
    x, dims = _viewed(node, x)
    if node.centred:
        x = x - x.mean(dims, keepdim=True)
    return x, ((x * x).mean(dims, keepdim=True) + node.eps).sqrt().clamp_min(node.least * node.count**-0.5)


def _parameters(node: Normalize, like: Tensor) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(v).to(like).reshape(node.parameter_view) for v in (node.gain, node.offset))
