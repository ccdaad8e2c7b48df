"""reduce_sum, reduce_max and reduce_norm."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.operators.reduce import ReduceMax, ReduceNorm, ReduceSum
from mixcomp_edge.train.operators.forms import activate, dims_of, forward


@forward.register
def _(node: ReduceSum, inputs: list[Tensor]) -> Tensor:
    combine = torch.mean if node.mean else torch.sum
    return activate(combine(inputs[0], dims_of(node.axes, len(node.shape)), keepdim=True), node.activation)


@forward.register
def _(node: ReduceMax, inputs: list[Tensor]) -> Tensor:
    pick = torch.amin if node.least else torch.amax
    return pick(inputs[0], dims_of(node.axes, len(node.shape)), keepdim=True)


@forward.register
def _(node: ReduceNorm, inputs: list[Tensor]) -> Tensor:
    return torch.linalg.vector_norm(inputs[0], 2, dims_of(node.axes, len(node.shape)), keepdim=True)
