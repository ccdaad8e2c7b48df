"""matmul."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.operators.matmul import MatMul
from mixcomp_edge.train.operators.forms import activate, forward


@forward.register
def _(node: MatMul, inputs: list[Tensor]) -> Tensor:
    product = torch.einsum(node.subscripts, *(x.movedim(1, -1) for x in inputs))
    return activate(node.factor * product.movedim(-1, 1), node.activation)
