"""Arithmetic, and functions of one value."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.frontend.onnx.calls import Call, onnx_operator, tensors

UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "Relu": F.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "HardSwish": F.hardswish, "Mish": F.mish,
    "Softplus": F.softplus, "Softsign": F.softsign, "Neg": torch.neg, "Abs": torch.abs, "Exp": torch.exp,
    "Log": torch.log, "Sqrt": torch.sqrt, "Reciprocal": torch.reciprocal, "Erf": torch.erf, "Sin": torch.sin,
    "Cos": torch.cos, "Floor": torch.floor, "Ceil": torch.ceil, "Round": torch.round, "Sign": torch.sign,
    "Tan": torch.tan, "Asin": torch.asin, "Acos": torch.acos, "Atan": torch.atan, "Sinh": torch.sinh,
    "Cosh": torch.cosh, "Asinh": torch.asinh, "Acosh": torch.acosh, "Atanh": torch.atanh,
}  # fmt: skip
ROUNDINGS = ("QuantizeLinear", "DequantizeLinear")
BINARY: dict[str, Callable[[Any, Any], Tensor]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Div": operator.truediv,
    "Pow": operator.pow,
    "Greater": operator.gt,
    "GreaterOrEqual": operator.ge,
    "Less": operator.lt,
    "LessOrEqual": operator.le,
    "Equal": operator.eq,
}


@onnx_operator(*UNARY)
def _unary(call: Call, x: Tensor) -> Tensor:
    return UNARY[call.operation.kind](x)


@onnx_operator(*BINARY)
def _binary(call: Call, a: Any, b: Any) -> Tensor:
    a, b = tensors(a, b)
    return BINARY[call.operation.kind](a, b)


@onnx_operator("Where")
def _where(call: Call, chosen: Any, a: Any, b: Any) -> Tensor:
    a, b = tensors(a, b)
    result: Tensor = torch.where(torch.as_tensor(chosen), a, b)
    return result


@onnx_operator("Sum", "Mean")
def _sum(call: Call, *operands: Any) -> Tensor:
    total = reduce(lambda a, b: a + b, tensors(*operands))
    return total / len(operands) if call.operation.kind == "Mean" else total


@onnx_operator("Mod")
def _mod(call: Call, a: Any, b: Any) -> Tensor:
    a, b = tensors(a, b)
    result: Tensor = torch.fmod(a, b) if call.get("fmod", 0) else torch.remainder(a, b)
    return result


@onnx_operator("Swish")
def _swish(call: Call, x: Tensor) -> Tensor:
    alpha = call.get("alpha", 1.0)
    return F.silu(x) if alpha == 1.0 else x * torch.sigmoid(alpha * x)


@onnx_operator("Min", "Max")
def _extreme(call: Call, *operands: Any) -> Tensor:
    choose = torch.minimum if call.operation.kind == "Min" else torch.maximum
    return reduce(choose, (torch.as_tensor(operand) for operand in tensors(*operands)))


@onnx_operator("Clip")
def _clip(call: Call, x: Tensor, low: Any = None, high: Any = None) -> Tensor:
    bounds = [call.get(name) if value is None else float(value) for name, value in (("min", low), ("max", high))]
    if bounds == [0.0, None]:
        return F.relu(x)
    return F.relu6(x) if bounds == [0.0, 6.0] else torch.clamp(x, *bounds)


@onnx_operator("LeakyRelu")
def _leaky_relu(call: Call, x: Tensor) -> Tensor:
    return F.leaky_relu(x, call.get("alpha", 0.01))


@onnx_operator("Elu", "Celu")
def _elu(call: Call, x: Tensor) -> Tensor:
    return (F.elu if call.operation.kind == "Elu" else F.celu)(x, call.get("alpha", 1.0))


@onnx_operator("Selu")
def _selu(call: Call, x: Tensor) -> Tensor:
    if abs(call.get("alpha", 1.6732632) - 1.6732632) > 1e-5 or abs(call.get("gamma", 1.050701) - 1.050701) > 1e-5:
        raise call.refuse("other factors than the usual ones")
    return F.selu(x)


@onnx_operator("HardSigmoid")
def _hard_sigmoid(call: Call, x: Tensor) -> Tensor:
    alpha, beta = call.get("alpha", 0.2), call.get("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return F.hardsigmoid(x)
    return torch.clamp(x * alpha + beta, 0.0, 1.0)


@onnx_operator("Gelu")
def _gelu(call: Call, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=call.get("approximate", "none"))


@onnx_operator("ThresholdedRelu")
def _thresholded(call: Call, x: Tensor) -> Tensor:
    return F.threshold(x, call.get("alpha", 1.0), 0.0)


@onnx_operator("Shrink")
def _shrink(call: Call, x: Tensor) -> Tensor:
    bias, threshold = call.get("bias", 0.0), call.get("lambd", 0.5)
    if bias not in (0.0, threshold):
        raise call.refuse(f"bias {bias}")
    return F.softshrink(x, threshold) if bias else F.hardshrink(x, threshold)


@onnx_operator("PRelu")
def _prelu(call: Call, x: Tensor, slope: Any) -> Tensor:
    """The slope broadcasts from the right: one number, or (C, 1, 1) for one a channel."""
    slope = torch.as_tensor(slope)
    if slope.numel() not in (1, x.shape[1]) or (slope.numel() > 1 and slope.dim() != x.dim() - 1 and x.dim() != 2):
        raise call.refuse(f"a slope of shape {tuple(slope.shape)}")
    return F.prelu(x, slope.reshape(-1))


@onnx_operator("Softmax", "LogSoftmax")
def _softmax(call: Call, x: Tensor) -> Tensor:
    """Before opset 13 over all dimensions from the axis on, taken together."""
    function = torch.softmax if call.operation.kind == "Softmax" else torch.log_softmax
    axis = call.get("axis", -1 if call.opset >= 13 else 1) % x.dim()
    if call.opset >= 13 or axis == x.dim() - 1:
        return function(x, axis)
    return function(x.flatten(axis), -1).reshape(x.shape)


@onnx_operator(*ROUNDINGS)
def _rounding(call: Call, x: Any, scale: Any, *zero: Any) -> Tensor:
    """The integers of a quantized file stand for real numbers; here they stay these, unrounded. What is constant has
    been worked out before."""
    if not isinstance(x, Tensor):
        raise call.refuse("integers that are computed of no data")
    return x


@onnx_operator("Identity", "Cast", "Dropout")
def _identity(call: Call, x: Tensor, *rest: Any) -> Tensor:
    if call.operation.kind == "Cast" and call.get("to") not in (1, 10, 11, 16):  # floats of 32, 16, 64 bits, bfloat16
        raise call.refuse("a type that is no float")
    if call.operation.kind == "Dropout" and len(rest) > 1 and rest[1] is not None and np.any(rest[1]):
        raise call.refuse("training_mode", "export the model in eval mode")
    return x
