"""avgpool2d."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.avgpool2d import AvgPool2d
from mixcomp_edge.train.operators.forms import forward, planes, shaped


@forward.register
def _(node: AvgPool2d, inputs: list[Tensor]) -> Tensor:
    x, window = planes(inputs[0]), node.window
    top, left, bottom, right = window.padding
    if (top, left) == (bottom, right):
        include, divisor = node.count_include_pad, node.divisor
        return shaped(F.avg_pool2d(x, window.kernel, window.stride, (top, left), False, include, divisor), node)

    def sums(v: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(v, (left, right, top, bottom)), window.kernel, window.stride, divisor_override=1)

    inside = prod(window.kernel) if node.count_include_pad else sums(torch.ones_like(x[:1, :1]))
    return shaped(sums(x) / (node.divisor or inside), node)
