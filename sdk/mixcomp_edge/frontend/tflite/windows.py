"""Convolutions, pooling, resizing and products of matrices of TensorFlow Lite in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.frontend.tflite.module import Call, file_order, module_order, tflite_operator

SAME = 0  # of the schema's Padding


def _padded(x: Tensor, call: Call, kernel: tuple[int, int], dilation: tuple[int, int], fill: float = 0.0) -> Tensor:
    """x with the padding that SAME asks for."""
    if call.get("padding") != SAME:
        return x
    pads: list[int] = []
    strides = (call.get("strideH"), call.get("strideW"))
    for size, k, s, d in reversed(list(zip(x.shape[2:], kernel, strides, dilation, strict=True))):
        total = max(0, (-(-size // s) - 1) * s + (k - 1) * d + 1 - size)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=fill) if any(pads) else x


def _even(x: Tensor, call: Call, kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """As `_padded`, but where it is the same on both sides it is left to the convolution."""
    padded = _padded(x, call, kernel, dilation)
    extra = [padded.shape[i] - x.shape[i] for i in (2, 3)]
    if any(e % 2 for e in extra):
        return padded, (0, 0)
    return x, (extra[0] // 2, extra[1] // 2)


@tflite_operator("CONV_2D", maps=True)
def _conv(call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """weight (O, KH, KW, I), grouped where I divides the channels."""
    dilation = (call.get("dilationHFactor", 1), call.get("dilationWFactor", 1))
    x, padding = _even(x, call, (weight.shape[1], weight.shape[2]), dilation)
    stride = (call.get("strideH"), call.get("strideW"))
    return F.conv2d(x, weight.permute(0, 3, 1, 2), bias, stride, padding, dilation, x.shape[1] // weight.shape[3])


@tflite_operator("DEPTHWISE_CONV_2D", maps=True)
def _depthwise(call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """weight (1, KH, KW, O)."""
    dilation = (call.get("dilationHFactor", 1), call.get("dilationWFactor", 1))
    x, padding = _even(x, call, (weight.shape[1], weight.shape[2]), dilation)
    stride = (call.get("strideH"), call.get("strideW"))
    return F.conv2d(x, weight.permute(3, 0, 1, 2), bias, stride, padding, dilation, x.shape[1])


@tflite_operator("TRANSPOSE_CONV", maps=True)
def _transposed(call: Call, shape: Any, weight: Tensor, x: Tensor, bias: Tensor | None = None) -> Tensor:
    """weight (O, KH, KW, I); the output's shape is an operand."""
    stride = (call.get("strideH"), call.get("strideW"))
    y = F.conv_transpose2d(x, weight.permute(3, 0, 1, 2), bias, stride)
    for axis, size in zip((2, 3), call.outputs[0].shape[1:3], strict=True):
        cut = y.shape[axis] - size
        if cut > 0:
            y = y.narrow(axis, cut // 2 if call.get("padding") == SAME else 0, size)
        elif cut < 0:
            y = F.pad(y, (0, -cut) if axis == 3 else (0, 0, 0, -cut))
    return y


@tflite_operator("AVERAGE_POOL_2D", maps=True)
def _average(call: Call, x: Tensor) -> Tensor:
    """Padding counts nothing."""
    kernel, stride = (call.get("filterHeight"), call.get("filterWidth")), (call.get("strideH"), call.get("strideW"))
    padded = _padded(x, call, kernel, (1, 1))
    if padded is x:
        return F.avg_pool2d(x, kernel, stride)
    extra = [padded.shape[i] - x.shape[i] for i in (2, 3)]
    if not any(e % 2 for e in extra):
        return F.avg_pool2d(x, kernel, stride, (extra[0] // 2, extra[1] // 2), count_include_pad=False)
    share = F.avg_pool2d(_padded(torch.ones_like(x[:1, :1]), call, kernel, (1, 1)), kernel, stride)
    return F.avg_pool2d(padded, kernel, stride) / share


@tflite_operator("MAX_POOL_2D", maps=True)
def _max(call: Call, x: Tensor) -> Tensor:
    kernel, stride = (call.get("filterHeight"), call.get("filterWidth")), (call.get("strideH"), call.get("strideW"))
    return F.max_pool2d(_padded(x, call, kernel, (1, 1), float("-inf")), kernel, stride)


@tflite_operator("L2_POOL_2D", maps=True)
def _root_mean_square(call: Call, x: Tensor) -> Tensor:
    return torch.sqrt(_average(call, x * x))


@tflite_operator("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", maps=True)
def _resize(call: Call, x: Tensor, size: Any) -> Tensor:
    target = [int(n) for n in size]
    corners, centers = bool(call.get("alignCorners", False)), bool(call.get("halfPixelCenters", False))
    grown = all(new % old == 0 for new, old in zip(target, x.shape[2:], strict=True))
    if call.operation.kind == "RESIZE_NEAREST_NEIGHBOR":
        if corners or (centers and not grown):
            raise call.refuse("corners or centers aligned")
        return F.interpolate(x, target, mode="nearest")
    if not corners and not centers:
        raise call.refuse("neither corners nor centers aligned")
    return F.interpolate(x, target, mode="bilinear", align_corners=corners)


@tflite_operator("FULLY_CONNECTED")
def _linear(call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """weight (O, I) over the last I elements of x, whatever their dimensions."""
    if call.is_data(1):
        raise call.refuse("weights that are computed")
    x = file_order(x, call.source)
    if x.shape[-1] != weight.shape[1]:
        x = x.flatten(1) if x[0].numel() == weight.shape[1] else x.reshape(len(x), -1, weight.shape[1])
    [out] = call.outputs
    y = F.linear(x, weight, bias)
    return module_order(y if y.shape[1:] == out.sample else y.reshape(len(x), *out.sample), out)


@tflite_operator("BATCH_MATMUL", maps=True)
def _matmul(call: Call, *operands: Tensor) -> Tensor:
    a, b = (
        x if slot is None or slot.value is not None else file_order(x, slot)
        for x, slot in zip(operands, call.inputs, strict=True)
    )
    a, b = (x.transpose(-1, -2) if call.get(name, False) else x for x, name in ((a, "adjX"), (b, "adjY")))
    return module_order(a @ b, call.outputs[0])
