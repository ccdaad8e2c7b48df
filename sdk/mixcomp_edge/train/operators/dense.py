"""dense."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.ir.types import QType
from mixcomp_edge.operators.dense import Dense, QDense
from mixcomp_edge.train.operators.forms import activate, exact, finish, forward, integer, multiplier


@forward.register
def _(node: Dense, inputs: list[Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    return activate(F.linear(inputs[0].flatten(1), weight, bias), node.activation)


@integer.register
def _(node: QDense, inputs: list[Tensor], types: list[QType]) -> Tensor:
    dtype, weights = exact(node, types[0]), node.weights
    weight, bias = torch.from_numpy(weights.levels).to(dtype), torch.from_numpy(weights.bias).to(dtype)
    acc = F.linear(inputs[0].flatten(1).to(dtype), weight, bias)
    return finish(node, acc, multiplier(weights.requant), weights.requant.shift)
