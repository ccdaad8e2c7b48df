"""concat."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.ir.types import QType
from mixcomp_edge.operators.concat import Concat, QConcat
from mixcomp_edge.train.operators.forms import finish, forward, integer, multiplier


@forward.register
def _(node: Concat, inputs: list[Tensor]) -> Tensor:
    return torch.cat(inputs, dim=1 if node.axis == len(node.shape) - 1 else node.axis + 2)


@integer.register
def _(node: QConcat, inputs: list[Tensor], types: list[QType]) -> Tensor:
    parts = [
        finish(node, x - type_.zero_point, multiplier(requant), requant.shift)
        for x, type_, requant in zip(inputs, types, node.requants, strict=True)
    ]
    return torch.cat(parts, dim=1 + node.axis)
