"""maxpool2d."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.ir.types import QType
from mixcomp_edge.operators.maxpool2d import MaxPool2d, QMaxPool2d
from mixcomp_edge.train.operators.forms import forward, integer
from mixcomp_edge.train.operators.windows import first, last, padded, partly_padded


@forward.register
def _(node: MaxPool2d, inputs: list[Tensor]) -> Tensor:
    x, padding = partly_padded(inputs[0], node.window, float("-inf"))
    return F.max_pool2d(x, node.window.kernel, node.window.stride, padding, node.window.dilation)


@integer.register
def _(node: QMaxPool2d, inputs: list[Tensor], types: list[QType]) -> Tensor:
    x = padded(first(inputs[0]), node.window, float(types[0].low))
    return last(F.max_pool2d(x, node.window.kernel, node.window.stride, 0, node.window.dilation))
