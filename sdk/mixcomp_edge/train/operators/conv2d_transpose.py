"""conv2d_transpose."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.conv2d_transpose import Conv2dTranspose
from mixcomp_edge.train.operators.forms import activate, forward, planes, shaped


@forward.register
def _(node: Conv2dTranspose, inputs: list[Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    """All that x reaches, then what is asked for of it; what lies beyond holds the bias alone."""
    x, groups = planes(inputs[0]), node.groups
    w = weight.reshape(groups, -1, *weight.shape[1:]).transpose(1, 2).flatten(0, 1)  # (I, O / groups, KH, KW)
    y = F.conv_transpose2d(x, w, None, node.window.stride, groups=groups, dilation=node.window.dilation)
    top, left, _, _ = node.window.padding
    ends = (-left, left + node.made[1] - y.shape[3], -top, top + node.made[0] - y.shape[2])
    return activate(shaped(F.pad(y, ends) + bias.reshape(-1, 1, 1), node), node.activation)
