"""reshape."""

from __future__ import annotations

from torch import Tensor

from mixcomp_edge.operators.reshape import Reshape
from mixcomp_edge.train.operators.forms import forward, stored, unstored


@forward.register
def _(node: Reshape, inputs: list[Tensor]) -> Tensor:
    return unstored(stored(inputs[0]).reshape(len(inputs[0]), *node.shape))
