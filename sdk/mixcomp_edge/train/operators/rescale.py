"""A ReLU of its own, and the rescale that it becomes."""

from __future__ import annotations

from torch import Tensor

from mixcomp_edge.operators.rescale import Relu
from mixcomp_edge.train.operators.forms import activate, forward


@forward.register
def _(node: Relu, inputs: list[Tensor]) -> Tensor:
    return activate(inputs[0], node.activation)
