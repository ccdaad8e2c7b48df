"""mul, blend, masked, minimum and maximum."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.operators.blend import Blend, Masked, Maximum, Minimum
from mixcomp_edge.operators.mul import Mul
from mixcomp_edge.train.operators.forms import activate, forward


@forward.register
def _(node: Mul, inputs: list[Tensor]) -> Tensor:
    return activate(inputs[0] * inputs[1], node.activation)


@forward.register
def _(node: Blend, inputs: list[Tensor]) -> Tensor:
    a, b = (float(factor) * x for factor, x in zip(node.factors, inputs, strict=True))
    return activate(a + b, node.activation)


@forward.register
def _(node: Minimum, inputs: list[Tensor]) -> Tensor:
    return activate(torch.minimum(*inputs), node.activation)


@forward.register
def _(node: Masked, inputs: list[Tensor]) -> Tensor:
    x, mask = inputs
    return torch.where(mask < 0, x + node.least if node.adds else torch.full_like(x, node.least), x)


@forward.register
def _(node: Maximum, inputs: list[Tensor]) -> Tensor:
    return activate(torch.maximum(*inputs), node.activation)
