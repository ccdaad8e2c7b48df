"""Layers with weights, normalizations, and products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.frontend.onnx.calls import Call, onnx_operator, tensors
from mixcomp_edge.frontend.onnx.windows import padded

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d}


@onnx_operator("Conv")
def _conv(call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    kernel = tuple(weight.shape[2:])
    if len(kernel) not in CONVOLUTIONS:
        raise call.refuse(f"{len(kernel)} dimensions")
    ones = [1] * len(kernel)
    x, padding = padded(call, x, kernel)
    stride, dilation = call.get("strides", ones), call.get("dilations", ones)
    return CONVOLUTIONS[len(kernel)](x, weight, bias, stride, padding, dilation, call.get("group", 1))


@onnx_operator("ConvTranspose")
def _conv_transpose(call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    kernel = tuple(weight.shape[2:])
    n = len(kernel)
    if n not in TRANSPOSED:
        raise call.refuse(f"{n} dimensions")
    stride, dilation = call.get("strides", [1] * n), call.get("dilations", [1] * n)
    extra = list(call.get("output_padding", [0] * n))
    full = [(x.shape[2 + i] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 + extra[i] for i in range(n)]
    auto, shape = call.get("auto_pad", "NOTSET"), call.get("output_shape")
    if auto.startswith("SAME") and shape is None:
        shape = [x.shape[2 + i] * stride[i] for i in range(n)]
    if shape is not None:
        total = [size - wanted for size, wanted in zip(full, shape[-n:], strict=True)]
        less = [t // 2 if auto == "SAME_UPPER" else t - t // 2 for t in total]
        begin, end = less, [t - b for t, b in zip(total, less, strict=True)]
    else:
        pads = call.get("pads", [0] * 2 * n) if auto == "NOTSET" else [0] * 2 * n
        begin, end = list(pads[:n]), list(pads[n:])
    # Torch takes one amount from both sides; what the end gives up less is output padding.
    least = [min(b, e) for b, e in zip(begin, end, strict=True)]
    if begin != least or min(least) < 0:
        raise call.refuse(f"uneven padding {begin + end}")
    less_at_end = [e - b for b, e in zip(begin, end, strict=True)]
    y = TRANSPOSED[n](x, weight, bias, stride, least, extra, call.get("group", 1), dilation)
    for axis, cut in enumerate(less_at_end):
        y = y.narrow(2 + axis, 0, y.shape[2 + axis] - cut) if cut else y
    return y


def _prepare_gemm(call: Call, arrays: list[Any]) -> list[Any]:
    """Weights (O, I) and bias with alpha and beta in them."""
    if arrays[1] is None:
        raise call.refuse("a second operand that is computed")
    weight = arrays[1] if call.get("transB", 0) else arrays[1].T
    arrays[1] = np.ascontiguousarray(weight * np.asarray(call.get("alpha", 1.0), weight.dtype))
    if len(arrays) > 2 and arrays[2] is not None:
        bias = np.asarray(arrays[2]) * np.asarray(call.get("beta", 1.0), arrays[2].dtype)
        if bias.size not in (1, len(weight)):
            raise call.refuse(f"a bias of shape {bias.shape}")
        arrays[2] = np.array(np.broadcast_to(bias.reshape(-1), (len(weight),)))
    return arrays


@onnx_operator("Gemm", prepare=_prepare_gemm)
def _gemm(call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if call.get("transA", 0):
        raise call.refuse("transA")
    return F.linear(x, weight, bias)


def _prepare_matmul(call: Call, arrays: list[Any]) -> list[Any]:
    """A constant matrix on the right as the weights (O, I) of a linear layer."""
    if arrays[1] is not None and arrays[1].ndim == 2:
        arrays[1] = np.ascontiguousarray(arrays[1].T)
    return arrays


@onnx_operator("MatMul", prepare=_prepare_matmul)
def _matmul(call: Call, a: Any, b: Any) -> Tensor:
    a, b = tensors(a, b)
    return F.linear(a, b) if 1 in call.constant and b.dim() == 2 else torch.matmul(a, b)


@onnx_operator("BatchNormalization")
def _batch_norm(call: Call, x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    if call.get("training_mode", 0):
        raise call.refuse("training_mode", "export the model in eval mode")
    return F.batch_norm(x, mean, variance, gamma, beta, False, 0.0, call.get("epsilon", 1e-5))


@onnx_operator("InstanceNormalization")
def _instance_norm(call: Call, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return F.instance_norm(x, weight=gamma, bias=beta, eps=call.get("epsilon", 1e-5))


@onnx_operator("LayerNormalization")
def _layer_norm(call: Call, x: Tensor, gamma: Tensor, beta: Tensor | None = None) -> Tensor:
    axis = call.get("axis", -1) % x.dim()
    return F.layer_norm(x, tuple(x.shape[axis:]), gamma, beta, call.get("epsilon", 1e-5))


@onnx_operator("RMSNormalization")
def _rms_norm(call: Call, x: Tensor, gamma: Tensor) -> Tensor:
    axis = call.get("axis", -1) % x.dim()
    return F.rms_norm(x, tuple(x.shape[axis:]), gamma, call.get("epsilon", 1e-5))


@onnx_operator("LpNormalization")
def _lp_norm(call: Call, x: Tensor) -> Tensor:
    if call.get("p", 2) != 2:
        raise call.refuse(f"p = {call.get('p')}")
    return F.normalize(x, dim=call.get("axis", -1), eps=1e-12)


@onnx_operator("Einsum")
def _einsum(call: Call, *operands: Any) -> Tensor:
    return torch.einsum(call.get("equation").replace(" ", ""), *tensors(*operands))


@onnx_operator("GroupNormalization")
def _group_norm(call: Call, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    groups = int(call.get("num_groups"))
    if len(gamma) != x.shape[1]:  # before opset 21: one a group
        gamma, beta = (v.repeat_interleave(x.shape[1] // groups) for v in (gamma, beta))
    return F.group_norm(x, groups, gamma, beta, call.get("epsilon", 1e-5))


@onnx_operator("LRN")
def _local_response_norm(call: Call, x: Tensor) -> Tensor:
    alpha, beta, bias = call.get("alpha", 1e-4), call.get("beta", 0.75), call.get("bias", 1.0)
    return F.local_response_norm(x, call.get("size"), alpha, beta, bias)
