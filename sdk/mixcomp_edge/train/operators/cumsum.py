"""cumsum."""

from __future__ import annotations

from torch import Tensor

from mixcomp_edge.operators.cumsum import CumSum
from mixcomp_edge.train.operators.forms import activate, forward


@forward.register
def _(node: CumSum, inputs: list[Tensor]) -> Tensor:
    return activate(inputs[0].cumsum(1), node.activation)
