"""Functions of one or two values, choices, reductions and norms of TensorFlow Lite in torch."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.frontend.tflite.module import (
    Call,
    aligned,
    file_order,
    module_dimension,
    module_order,
    tflite_operator,
)

LEAST_SQUARE = 1e-6  # of TensorFlow Lite's L2 norm, below the root

BINARY: dict[str, Callable[[Any, Any], Tensor]] = {
    "ADD": operator.add,
    "SUB": operator.sub,
    "MUL": operator.mul,
    "DIV": operator.truediv,
    "POW": operator.pow,
    "FLOOR_DIV": lambda a, b: torch.floor(a / b),
    "FLOOR_MOD": operator.mod,
    "MAXIMUM": lambda a, b: a.clamp(min=b),
    "MINIMUM": lambda a, b: a.clamp(max=b),
    "SQUARED_DIFFERENCE": lambda a, b: (a - b) ** 2,
    "GREATER": operator.gt,
    "GREATER_EQUAL": operator.ge,
    "LESS": operator.lt,
    "LESS_EQUAL": operator.le,
    "EQUAL": operator.eq,
    "NOT_EQUAL": operator.ne,
    "LOGICAL_AND": operator.and_,
    "LOGICAL_OR": operator.or_,
}


@tflite_operator(*BINARY)
def _binary(call: Call, a: Any, b: Any) -> Tensor:
    a, b = aligned(call, a, b)
    if call.kind in ("MAXIMUM", "MINIMUM") and not isinstance(a, Tensor):
        a, b = b, a
    return BINARY[call.kind](a, b)


@tflite_operator("ADD_N")
def _sum(call: Call, *operands: Any) -> Tensor:
    first, *others = aligned(call, *operands)
    for value in others:
        first = first + value
    return first


@tflite_operator("SELECT", "SELECT_V2")
def _select(call: Call, *operands: Any) -> Tensor:
    return torch.where(*aligned(call, *operands))


@tflite_operator("CAST")
def _cast(call: Call, x: Tensor) -> Tensor:
    """Of a choice or of tokens to numbers, and between integers."""
    [out] = call.outputs
    if out.type == "FLOAT32":
        return x.float()
    if x.is_floating_point() or out.type not in ("INT32", "INT64"):
        raise call.refuse(f"{out.type} as its result")
    return x.long()


UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "RELU": F.relu, "RELU6": F.relu6, "RELU_N1_TO_1": lambda x: x.clamp(-1, 1), "RELU_0_TO_1": lambda x: x.clamp(0, 1),
    "LOGISTIC": torch.sigmoid, "TANH": torch.tanh, "HARD_SWISH": F.hardswish, "ELU": F.elu, "ABS": torch.abs,
    "EXP": torch.exp, "LOG": torch.log, "SQRT": torch.sqrt, "RSQRT": torch.rsqrt, "NEG": torch.neg,
    "SQUARE": torch.square, "SIN": torch.sin, "COS": torch.cos, "FLOOR": torch.floor, "CEIL": torch.ceil,
    "ROUND": torch.round, "SIGN": torch.sign, "LOGICAL_NOT": torch.logical_not,
    "QUANTIZE": lambda x: x, "DEQUANTIZE": lambda x: x,
}  # fmt: skip


@tflite_operator(*UNARY)
def _unary(call: Call, x: Tensor) -> Tensor:
    return UNARY[call.kind](x)


@tflite_operator("GELU")
def _gelu(call: Call, x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh" if call.get("approximate", False) else "none")


@tflite_operator("LEAKY_RELU")
def _leaky(call: Call, x: Tensor) -> Tensor:
    return F.leaky_relu(x, call.get("alpha"))


@tflite_operator("PRELU")
def _prelu(call: Call, x: Tensor, slope: Any) -> Tensor:
    """A slope for all, or for each channel of a row or a map, by torch's own; others by their meaning."""
    slope = torch.as_tensor(slope)
    of_channels = call.source.at == 0 and len(call.source.shape) in (2, 4) and slope.numel() == slope.shape[-1]
    if slope.numel() == 1 or of_channels:
        return F.prelu(x, slope.reshape(-1))
    x, slope = aligned(call, x, slope)
    return F.relu(x) - slope * F.relu(-x)


@tflite_operator("SOFTMAX", "LOG_SOFTMAX")
def _softmax(call: Call, x: Tensor) -> Tensor:
    axis = module_dimension(call, -1)
    if call.kind == "LOG_SOFTMAX":
        return torch.log_softmax(x, axis)
    beta = call.get("beta", 1.0)
    return torch.softmax(x if beta == 1.0 else x * beta, axis)


@tflite_operator("L2_NORMALIZATION")
def _unit(call: Call, x: Tensor) -> Tensor:
    squares = (x * x).sum(module_dimension(call, -1), keepdim=True)
    return x * torch.rsqrt(squares.clamp(min=LEAST_SQUARE))


REDUCTIONS: dict[str, Callable[[Tensor, tuple[int, ...]], Tensor]] = {
    "MEAN": lambda x, axes: x.mean(axes, keepdim=True),
    "SUM": lambda x, axes: x.sum(axes, keepdim=True),
    "REDUCE_MAX": lambda x, axes: x.amax(axes, keepdim=True),
    "REDUCE_MIN": lambda x, axes: x.amin(axes, keepdim=True),
}


@tflite_operator(*REDUCTIONS)
def _reduce(call: Call, x: Tensor, axes: Any) -> Tensor:
    y = REDUCTIONS[call.kind](x, tuple(module_dimension(call, int(axis)) for axis in np.asarray(axes).reshape(-1)))
    [out] = call.outputs
    if y.dim() == 1 + len(out.sample) and out.at == call.source.at:
        return y
    return module_order(file_order(y, call.source).reshape(len(x), *out.sample), out)


@tflite_operator("CUMSUM")
def _cumulate(call: Call, x: Tensor, axis: Any) -> Tensor:
    if call.get("exclusive", False) or call.get("reverse", False):
        raise call.refuse("exclusive or reverse sums")
    return torch.cumsum(x, module_dimension(call, int(np.asarray(axis).reshape(()))))


@tflite_operator("ARG_MAX")
def _argmax(call: Call, x: Tensor, axis: Any) -> Tensor:
    return torch.argmax(x, module_dimension(call, int(np.asarray(axis).reshape(()))))
