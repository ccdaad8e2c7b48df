"""dense."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.dense import Dense
from mixcomp_edge.train.operators.forms import activate, forward


@forward.register
def _(node: Dense, inputs: list[Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    return activate(F.linear(inputs[0].flatten(1), weight, bias), node.activation)
