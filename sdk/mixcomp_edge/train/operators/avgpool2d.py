"""avgpool2d."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.avgpool2d import AvgPool2d
from mixcomp_edge.train.operators.forms import forward, planes, shaped


@forward.register
def _(node: AvgPool2d, inputs: list[Tensor]) -> Tensor:
    x, window = planes(inputs[0]), node.window
    top, left, bottom, right = window.padding
    if (top, left) != (bottom, right):
        raise NotImplementedError("asymmetric average pooling")
    y = F.avg_pool2d(x, window.kernel, window.stride, (top, left), count_include_pad=node.count_include_pad)
    return shaped(y, node)
