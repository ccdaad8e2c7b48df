"""What operators over windows share: the order of axes, padding, convolution."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.ir.graph import Window
from mixcomp_edge.ir.types import QType
from mixcomp_edge.operators.conv2d import QConv2d
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.train.operators.forms import exact


def first(x: Tensor) -> Tensor:
    """x (N, H, W, C) with its channels first."""
    return x.permute(0, 3, 1, 2)


def last(x: Tensor) -> Tensor:
    """x (N, C, H, W) with its channels last."""
    return x.permute(0, 2, 3, 1)


def padded(x: Tensor, window: Window, fill: float) -> Tensor:
    """x (N, C, H, W) with the window's padding."""
    top, left, bottom, right = window.padding
    return F.pad(x, (left, right, top, bottom), value=fill)


def partly_padded(x: Tensor, window: Window, fill: float = 0.0) -> tuple[Tensor, tuple[int, int]]:
    """x (N, C, H, W) with asymmetric padding applied, and the symmetric padding that is left to the operator."""
    top, left, bottom, right = window.padding
    return (x, (top, left)) if (top, left) == (bottom, right) else (padded(x, window, fill), (0, 0))


def convolve(node: QConv2d | QDwConv2d, x: Tensor, type_: QType, kernel: Tensor, groups: int) -> Tensor:
    """Accumulators (N, OH, OW, O) of x (N, H, W, C) and kernel (O, C / groups, KH, KW)."""
    dtype = exact(node, type_)
    filled = padded(first(x), node.window, float(type_.zero_point)).to(dtype)
    bias = torch.from_numpy(node.weights.bias).to(dtype)
    acc = F.conv2d(filled, kernel.to(dtype), bias, node.window.stride, 0, node.window.dilation, groups)
    return last(acc)
