"""transpose."""

from __future__ import annotations

from torch import Tensor

from mixcomp_edge.operators.transpose import Transpose
from mixcomp_edge.train.operators.forms import forward, stored, unstored


@forward.register
def _(node: Transpose, inputs: list[Tensor]) -> Tensor:
    return unstored(stored(inputs[0]).permute(0, *(1 + axis for axis in node.axes)))
