"""add."""

from __future__ import annotations

from torch import Tensor

from mixcomp_edge.operators.add import Add
from mixcomp_edge.train.operators.forms import activate, forward


@forward.register
def _(node: Add, inputs: list[Tensor]) -> Tensor:
    a, b = inputs
    return activate(a + b, node.activation)
