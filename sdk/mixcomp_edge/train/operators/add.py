"""add."""

from __future__ import annotations

from torch import Tensor

from mixcomp_edge.ir.types import QType
from mixcomp_edge.operators.add import Add, QAdd
from mixcomp_edge.train.operators.forms import activate, forward, integer


@forward.register
def _(node: Add, inputs: list[Tensor]) -> Tensor:
    a, b = inputs
    return activate(a + b, node.activation)


@integer.register
def _(node: QAdd, inputs: list[Tensor], types: list[QType]) -> Tensor:
    a, b = (x.double() - type_.zero_point for x, type_ in zip(inputs, types, strict=True))
    acc = (a * node.a_multiplier + b * node.b_multiplier + float(1 << (node.shift - 1))) / float(1 << node.shift)
    return (acc.floor() + node.type.zero_point).clamp(node.type.low, node.type.high).float()
