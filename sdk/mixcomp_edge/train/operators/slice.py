"""slice."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.operators.slice import Slice
from mixcomp_edge.train.operators.forms import dims_of, forward


@forward.register
def _(node: Slice, inputs: list[Tensor]) -> Tensor:
    (y,), rank = inputs, len(node.shape)
    dims = dims_of(tuple(range(rank)), rank)
    for dim, start, step, size in zip(dims, node.start, node.step, node.shape, strict=True):
        if (start, step, size) != (0, 1, y.shape[dim]):
            y = y.index_select(dim, start + step * torch.arange(size, device=y.device))
    return y
