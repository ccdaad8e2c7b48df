"""arg_max."""

from __future__ import annotations

from torch import Tensor

from mixcomp_edge.operators.arg_max import ArgMax
from mixcomp_edge.train.operators.forms import dims_of, forward


@forward.register
def _(node: ArgMax, inputs: list[Tensor]) -> Tensor:
    (dim,) = dims_of(node.axes, len(node.shape))
    return inputs[0].argmax(dim, keepdim=True).to(inputs[0])
