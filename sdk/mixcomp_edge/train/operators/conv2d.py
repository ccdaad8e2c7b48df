"""conv2d and conv2d_add."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.conv2d import Conv2d
from mixcomp_edge.train.operators.forms import activate, forward, partly_padded, planes, shaped


@forward.register
def _(node: Conv2d, inputs: list[Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    x, padding = partly_padded(planes(inputs[0]), node.window)
    y = shaped(F.conv2d(x, weight, bias, node.window.stride, padding, node.window.dilation, node.groups), node)
    return activate(y + inputs[1] if len(inputs) == 2 else y, node.activation)
