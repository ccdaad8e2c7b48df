"""What each operation of TensorFlow Lite is in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.frontend.blocks import depth_to_space, space_to_depth
from mixcomp_edge.frontend.tflite.module import Call, channels_first, channels_last, tflite_operator

SAME = 0  # of the schema's Padding


def _axis(axis: int, rank: int) -> int:
    """A dimension of the file's as the module has it."""
    axis %= rank
    return axis if rank != 4 or axis == 0 else {1: 2, 2: 3, 3: 1}[axis]


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


@tflite_operator("CONV_2D")
def _conv(call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """weight (O, KH, KW, I), grouped where I divides the channels."""
    dilation = (call.get("dilationHFactor", 1), call.get("dilationWFactor", 1))
    x, padding = _even(x, call, (weight.shape[1], weight.shape[2]), dilation)
    stride = (call.get("strideH"), call.get("strideW"))
    return F.conv2d(x, weight.permute(0, 3, 1, 2), bias, stride, padding, dilation, x.shape[1] // weight.shape[3])


@tflite_operator("DEPTHWISE_CONV_2D")
def _depthwise(call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """weight (1, KH, KW, O)."""
    dilation = (call.get("dilationHFactor", 1), call.get("dilationWFactor", 1))
    x, padding = _even(x, call, (weight.shape[1], weight.shape[2]), dilation)
    stride = (call.get("strideH"), call.get("strideW"))
    return F.conv2d(x, weight.permute(3, 0, 1, 2), bias, stride, padding, dilation, x.shape[1])


@tflite_operator("TRANSPOSE_CONV")
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


@tflite_operator("FULLY_CONNECTED")
def _linear(call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    x = channels_last(x)
    if not call.get("keepNumDims", False):
        x = x.reshape(x.shape[0], -1) if x.dim() > 2 and x[0].numel() == weight.shape[1] else x
    if x.dim() > 2 and not call.get("keepNumDims", False):
        raise call.refuse(f"an input of shape {tuple(x.shape)}")
    return channels_first(F.linear(x, weight, bias))


@tflite_operator("AVERAGE_POOL_2D")
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


@tflite_operator("MAX_POOL_2D")
def _max(call: Call, x: Tensor) -> Tensor:
    kernel, stride = (call.get("filterHeight"), call.get("filterWidth")), (call.get("strideH"), call.get("strideW"))
    return F.max_pool2d(_padded(x, call, kernel, (1, 1), float("-inf")), kernel, stride)


REDUCTIONS: dict[str, Callable[[Tensor, tuple[int, ...]], Tensor]] = {
    "MEAN": lambda x, axes: x.mean(axes, keepdim=True),
    "SUM": lambda x, axes: x.sum(axes, keepdim=True),
    "REDUCE_MAX": lambda x, axes: x.amax(axes, keepdim=True),
    "REDUCE_MIN": lambda x, axes: x.amin(axes, keepdim=True),
}


@tflite_operator(*REDUCTIONS)
def _reduce(call: Call, x: Tensor, axes: Any) -> Tensor:
    given = [int(axis) % x.dim() for axis in np.asarray(axes).reshape(-1)]
    y = REDUCTIONS[call.operation.kind](x, tuple(_axis(axis, x.dim()) for axis in given))
    if call.get("keepDims", False):
        return y
    kept = [size for i, size in enumerate(channels_last(y).shape) if i not in given]
    return channels_first(channels_last(y).reshape(kept))


BINARY: dict[str, Callable[[Any, Any], Tensor]] = {
    "ADD": lambda a, b: a + b,
    "SUB": lambda a, b: a - b,
    "MUL": lambda a, b: a * b,
    "DIV": lambda a, b: a / b,
    "POW": lambda a, b: a**b,
    "MAXIMUM": torch.maximum,
    "MINIMUM": torch.minimum,
    "SQUARED_DIFFERENCE": lambda a, b: (a - b) ** 2,
}


@tflite_operator(*BINARY)
def _binary(call: Call, a: Any, b: Any) -> Tensor:
    """Constants broadcast from the file's last dimension, the channels."""
    rank = max(len(slot.shape) for slot in call.inputs if slot is not None)
    values = []
    for operand, slot in zip((a, b), call.inputs, strict=True):
        value = torch.as_tensor(operand)
        if slot is not None and slot.value is not None:
            value = channels_first(value.reshape((1,) * (rank - value.dim()) + tuple(value.shape)))
        values.append(value)
    return BINARY[call.operation.kind](*values)


UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "RELU": F.relu, "RELU6": F.relu6, "RELU_N1_TO_1": lambda x: x.clamp(-1, 1), "RELU_0_TO_1": lambda x: x.clamp(0, 1),
    "LOGISTIC": torch.sigmoid, "TANH": torch.tanh, "HARD_SWISH": F.hardswish, "ELU": F.elu, "ABS": torch.abs,
    "EXP": torch.exp, "LOG": torch.log, "SQRT": torch.sqrt, "RSQRT": torch.rsqrt, "NEG": torch.neg,
    "SQUARE": torch.square, "SIN": torch.sin, "COS": torch.cos, "FLOOR": torch.floor, "CEIL": torch.ceil,
    "ROUND": torch.round, "QUANTIZE": lambda x: x, "DEQUANTIZE": lambda x: x,
}  # fmt: skip


@tflite_operator(*UNARY)
def _unary(call: Call, x: Tensor) -> Tensor:
    return UNARY[call.operation.kind](x)


@tflite_operator("GELU")
def _gelu(call: Call, x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh" if call.get("approximate", False) else "none")


@tflite_operator("LEAKY_RELU")
def _leaky(call: Call, x: Tensor) -> Tensor:
    return F.leaky_relu(x, call.get("alpha"))


@tflite_operator("PRELU")
def _prelu(call: Call, x: Tensor, slope: Any) -> Tensor:
    slope = torch.as_tensor(slope)
    if slope.numel() not in (1, slope.shape[-1]):
        raise call.refuse(f"a slope of shape {tuple(slope.shape)}")
    return F.prelu(x, slope.reshape(-1))


@tflite_operator("SOFTMAX", "LOG_SOFTMAX")
def _softmax(call: Call, x: Tensor) -> Tensor:
    axis = _axis(-1, x.dim())
    if call.operation.kind == "LOG_SOFTMAX":
        return torch.log_softmax(x, axis)
    beta = call.get("beta", 1.0)
    return torch.softmax(x if beta == 1.0 else x * beta, axis)


@tflite_operator("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def _reshape(call: Call, x: Tensor, *rest: Any) -> Tensor:
    """The file's shape behind the batch."""
    shape = call.outputs[0].shape
    whole = channels_last(x)
    if not shape or shape[0] != 1:
        raise call.refuse(f"a result of shape {shape}, which mixes the samples")
    return channels_first(whole.flatten(1) if len(shape) == 2 else whole.reshape(whole.shape[0], *shape[1:]))


@tflite_operator("TRANSPOSE")
def _transpose(call: Call, x: Tensor, order: Any) -> Tensor:
    return channels_first(channels_last(x).permute([int(i) for i in order]))


@tflite_operator("PAD", "PADV2", "MIRROR_PAD")
def _pad(call: Call, x: Tensor, pads: Any, value: Any = None) -> Tensor:
    amounts = np.asarray(pads).reshape(-1, 2)
    ordered = [amounts[i] for i in ((0, 3, 1, 2) if x.dim() == 4 else range(x.dim()))]
    flat = [int(n) for pair in reversed(ordered[1:]) for n in pair]
    if ordered[0].any():
        raise call.refuse("padding of the samples")
    if call.operation.kind == "MIRROR_PAD":
        if call.get("mode") != 0 or ordered[1].any():  # REFLECT over positions
            raise call.refuse("a symmetric mirror, or one of channels")
        return F.pad(x, flat[:4], "reflect")
    return F.pad(x, flat, value=0.0 if value is None else float(np.asarray(value).reshape(())))


@tflite_operator("CONCATENATION")
def _concatenation(call: Call, *operands: Any) -> Tensor:
    rank = len(call.outputs[0].shape)
    values = [
        channels_first(torch.as_tensor(operand)) if slot is not None and slot.value is not None else operand
        for operand, slot in zip(operands, call.inputs, strict=True)
    ]
    count = max(value.shape[0] for value in values)
    values = [value.expand(count, *value.shape[1:]) if len(value) < count else value for value in values]
    return torch.cat(values, _axis(call.get("axis"), rank))


@tflite_operator("SPLIT")
def _split(call: Call, axis: Any, x: Tensor) -> tuple[Tensor, ...]:
    at = _axis(int(np.asarray(axis).reshape(())), x.dim())
    return torch.split(x, x.shape[at] // call.get("numSplits"), at)


@tflite_operator("SPLIT_V")
def _split_sizes(call: Call, x: Tensor, sizes: Any, axis: Any) -> tuple[Tensor, ...]:
    return torch.split(x, [int(n) for n in sizes], _axis(int(np.asarray(axis).reshape(())), x.dim()))


@tflite_operator("SLICE")
def _slice(call: Call, x: Tensor, begin: Any, size: Any) -> Tensor:
    for axis, (start, count) in enumerate(zip(begin, size, strict=True)):
        at = _axis(axis, x.dim())
        if axis and (start or count not in (-1, x.shape[at])):
            x = x.narrow(at, int(start), x.shape[at] - int(start) if count < 0 else int(count))
    return x


@tflite_operator("STRIDED_SLICE")
def _strided_slice(call: Call, x: Tensor, begin: Any, end: Any, strides: Any) -> Tensor:
    if call.get("ellipsisMask", 0) or call.get("newAxisMask", 0) or min(strides) < 1:
        raise call.refuse("an ellipsis, a new axis or a negative step")
    y = channels_last(x)
    for axis, (start, stop, step) in enumerate(zip(begin, end, strides, strict=True)):
        bit = 1 << axis
        low = None if call.get("beginMask", 0) & bit else int(start)
        high = None if call.get("endMask", 0) & bit else int(stop)
        if call.get("shrinkAxisMask", 0) & bit:
            low, high = int(start), int(start) + 1 or None
        if axis:
            window = [slice(None)] * axis + [slice(low, high, int(step))]
            y = y[tuple(window)]
    shrunk = [axis for axis in range(1, y.dim()) if call.get("shrinkAxisMask", 0) & (1 << axis)]
    return channels_first(y.squeeze(tuple(shrunk)) if shrunk else y)


@tflite_operator("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR")
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


@tflite_operator("DEPTH_TO_SPACE", "SPACE_TO_DEPTH")
def _blocks(call: Call, x: Tensor) -> Tensor:
    function = depth_to_space if call.operation.kind == "DEPTH_TO_SPACE" else space_to_depth
    return function(x, call.get("blockSize"))


@tflite_operator("BATCH_MATMUL")
def _matmul(call: Call, a: Tensor, b: Tensor) -> Tensor:
    a, b = channels_last(a), channels_last(b)
    a = a.transpose(-1, -2) if call.get("adjX", False) else a
    return channels_first(a @ (b.transpose(-1, -2) if call.get("adjY", False) else b))


@tflite_operator("ARG_MAX")
def _argmax(call: Call, x: Tensor, axis: Any) -> Tensor:
    return torch.argmax(x, _axis(int(np.asarray(axis).reshape(())), x.dim()))
