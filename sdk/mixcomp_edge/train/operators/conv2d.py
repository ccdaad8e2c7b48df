"""conv2d and conv2d_add."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.ir.types import QType
from mixcomp_edge.operators.conv2d import Conv2d, QConv2d, QConv2dAdd
from mixcomp_edge.train.operators.forms import activate, finish, forward, integer, multiplier
from mixcomp_edge.train.operators.windows import convolve, partly_padded


@forward.register
def _(node: Conv2d, inputs: list[Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    x, padding = partly_padded(inputs[0], node.window)
    y = F.conv2d(x, weight, bias, node.window.stride, padding, node.window.dilation, node.groups)
    return activate(y + inputs[1] if len(inputs) == 2 else y, node.activation)


@integer.register
def _(node: QConv2d, inputs: list[Tensor], types: list[QType]) -> Tensor:
    return _integer(node, inputs[0], types[0], 0)


@integer.register
def _(node: QConv2dAdd, inputs: list[Tensor], types: list[QType]) -> Tensor:
    steps = (inputs[1] - types[1].zero_point).to(torch.int64)
    return _integer(node, inputs[0], types[0], steps * (1 << node.residual_shift) * node.residual_multiplier)


def _integer(node: QConv2d, x: Tensor, type_: QType, residual: Tensor | int) -> Tensor:
    (kh, kw), out, requant = node.window.kernel, node.shape[2], node.weights.requant
    kernel = torch.from_numpy(node.weights.levels.reshape(out, kh, kw, -1)).permute(0, 3, 1, 2)
    acc = convolve(node, x, type_, kernel, node.groups)
    return finish(node, acc, multiplier(requant), requant.shift, residual)
