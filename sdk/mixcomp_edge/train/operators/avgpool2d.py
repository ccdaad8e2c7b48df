"""avgpool2d."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.ir.graph import Window
from mixcomp_edge.ir.types import QType
from mixcomp_edge.operators.avgpool2d import AvgPool2d, QAvgPool2d
from mixcomp_edge.train.operators.forms import finish, forward, integer, multiplier
from mixcomp_edge.train.operators.windows import first, last, padded


@forward.register
def _(node: AvgPool2d, inputs: list[Tensor]) -> Tensor:
    (x,), window = inputs, node.window
    top, left, bottom, right = window.padding
    if (top, left) != (bottom, right):
        raise NotImplementedError("asymmetric average pooling")
    return F.avg_pool2d(x, window.kernel, window.stride, (top, left), count_include_pad=node.count_include_pad)


@integer.register
def _(node: QAvgPool2d, inputs: list[Tensor], types: list[QType]) -> Tensor:
    x = first(inputs[0]) - types[0].zero_point
    factor = multiplier(node.requant)
    if len(factor) > 1:
        inside = _window_sums(torch.ones_like(x[:1, :1]), node.window).long()
        factor = last(factor[inside - 1])
    return finish(node, last(_window_sums(x, node.window)), factor, node.requant.shift)


def _window_sums(x: Tensor, window: Window) -> Tensor:
    """(N, C, OH, OW) sums over each window of x (N, C, H, W), zero padded: a depthwise convolution with ones."""
    channels = x.shape[1]
    ones = torch.ones(channels, 1, *window.kernel, dtype=torch.float64)
    return F.conv2d(padded(x, window, 0.0).double(), ones, None, window.stride, 0, window.dilation, channels)
