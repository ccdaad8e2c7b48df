"""A ReLU of its own, and the rescale that it becomes."""

from __future__ import annotations

from torch import Tensor

from mixcomp_edge.ir.types import QType
from mixcomp_edge.operators.rescale import QRescale, Relu
from mixcomp_edge.train.operators.forms import activate, finish, forward, integer, multiplier


@forward.register
def _(node: Relu, inputs: list[Tensor]) -> Tensor:
    return activate(inputs[0], node.activation)


@integer.register
def _(node: QRescale, inputs: list[Tensor], types: list[QType]) -> Tensor:
    return finish(node, inputs[0] - types[0].zero_point, multiplier(node.requant), node.requant.shift)
