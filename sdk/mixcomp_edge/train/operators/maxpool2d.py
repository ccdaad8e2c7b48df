"""maxpool2d."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.maxpool2d import MaxPool2d
from mixcomp_edge.train.operators.forms import forward, partly_padded, planes, shaped


@forward.register
def _(node: MaxPool2d, inputs: list[Tensor]) -> Tensor:
    x, padding = partly_padded(planes(inputs[0]), node.window, float("-inf"))
    return shaped(F.max_pool2d(x, node.window.kernel, node.window.stride, padding, node.window.dilation), node)
