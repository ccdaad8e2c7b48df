"""dwconv2d; its float form is a conv2d's."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.ir.types import QType
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.train.operators.forms import finish, integer, multiplier
from mixcomp_edge.train.operators.windows import convolve


@integer.register
def _(node: QDwConv2d, inputs: list[Tensor], types: list[QType]) -> Tensor:
    (kh, kw), requant = node.window.kernel, node.weights.requant
    kernel = torch.from_numpy(node.weights.levels.T.reshape(node.shape[2], 1, kh, kw).copy())
    acc = convolve(node, inputs[0], types[0], kernel, inputs[0].shape[3])
    return finish(node, acc, multiplier(requant), requant.shift)
