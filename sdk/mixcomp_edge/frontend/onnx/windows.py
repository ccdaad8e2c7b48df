"""Poolings, resizing, and the padding of windows."""

from __future__ import annotations

from math import ceil
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.frontend.onnx.calls import Call, integers, onnx_operator

MAX_POOLS = {1: F.max_pool1d, 2: F.max_pool2d}


def padding_of(call: Call, size: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """Elements before and behind each axis of a window, as stated or as auto_pad asks for."""
    n, auto = len(kernel), call.get("auto_pad", "NOTSET")
    if auto in ("NOTSET", "VALID"):
        pads = list(call.get("pads", [0] * 2 * n)) if auto == "NOTSET" else [0] * 2 * n
        return pads[:n], pads[n:]
    stride, dilation = call.get("strides", [1] * n), call.get("dilations", [1] * n)
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    total = [max(0, (ceil(w / s) - 1) * s + span - w) for w, s, span in zip(size, stride, spans, strict=True)]
    low, high = [t // 2 for t in total], [t - t // 2 for t in total]
    return (low, high) if auto == "SAME_UPPER" else (high, low)


def padded(call: Call, x: Tensor, kernel: tuple[int, ...], fill: float = 0.0) -> tuple[Tensor, list[int]]:
    """x with what is uneven in its padding, and the even padding that is left to the operator."""
    before, behind = padding_of(call, tuple(x.shape[2:]), kernel)
    if before == behind:
        return x, before
    return _filled(x, before, behind, fill), [0] * len(kernel)


def _filled(x: Tensor, before: list[int], behind: list[int], fill: float) -> Tensor:
    pairs = zip(reversed(before), reversed(behind), strict=True)
    return F.pad(x, [amount for pair in pairs for amount in pair], value=fill)


@onnx_operator("MaxPool")
def _max_pool(call: Call, x: Tensor) -> Tensor:
    kernel = tuple(call.get("kernel_shape"))
    if len(kernel) not in MAX_POOLS or len(call.operation.outputs) > 1:
        raise call.refuse(f"{len(kernel)} dimensions" if len(kernel) not in MAX_POOLS else "indices")
    x, padding = padded(call, x, kernel, float("-inf"))
    ones = [1] * len(kernel)
    stride, dilation = call.get("strides", ones), call.get("dilations", ones)
    return MAX_POOLS[len(kernel)](x, kernel, stride, padding, dilation, bool(call.get("ceil_mode", 0)))


@onnx_operator("AveragePool")
def _average_pool(call: Call, x: Tensor) -> Tensor:
    kernel = tuple(call.get("kernel_shape"))
    if len(kernel) not in (1, 2) or any(d != 1 for d in call.get("dilations", [1])):
        raise call.refuse("dilation" if len(kernel) in (1, 2) else f"{len(kernel)} dimensions")
    pool = F.avg_pool1d if len(kernel) == 1 else F.avg_pool2d
    counts_padding, up = bool(call.get("count_include_pad", 0)), bool(call.get("ceil_mode", 0))
    stride = call.get("strides", [1] * len(kernel))
    before, behind = padding_of(call, tuple(x.shape[2:]), kernel)
    if before == behind:
        return pool(x, kernel, stride, before, up, counts_padding)
    y = pool(_filled(x, before, behind, 0.0), kernel, stride, 0, up)
    if counts_padding:
        return y
    share = pool(_filled(torch.ones_like(x[:1, :1]), before, behind, 0.0), kernel, stride, 0, up)
    return y / share


@onnx_operator("GlobalAveragePool")
def _global_average(call: Call, x: Tensor) -> Tensor:
    return x.mean(tuple(range(2, x.dim())), keepdim=True)


@onnx_operator("GlobalMaxPool")
def _global_max(call: Call, x: Tensor) -> Tensor:
    return x.amax(tuple(range(2, x.dim())), keepdim=True)


@onnx_operator("Resize", "Upsample", settings=True)
def _resize(call: Call, x: Tensor, *operands: Any) -> Tensor:
    """Where torch takes its samples at the same places. Its rule knows sizes only, so a factor must give whole ones."""
    old = call.operation.kind == "Upsample" or call.opset < 11  # Upsample(x, scales); Resize(x, scales)
    where = "asymmetric" if old else call.get("coordinate_transformation_mode", "half_pixel")
    mode, rounding = call.get("mode", "nearest"), "floor" if old else call.get("nearest_mode", "round_prefer_floor")
    target = _target(call, x, (operands[0] if operands else call.get("scales"), None) if old else _scales(operands))
    grown = all(new % size == 0 for new, size in zip(target, x.shape[2:], strict=True))
    if mode == "nearest":
        if (where, rounding) != ("asymmetric", "floor") and not (
            grown and where in ("half_pixel", "half_pixel_symmetric") and rounding.startswith("round")
        ):
            raise call.refuse(f"nearest neighbours by {where}, {rounding}")
        return F.interpolate(x, target, mode="nearest")
    shrunk_to_one = where == "pytorch_half_pixel" and 1 in target
    if mode != "linear" or where not in ("half_pixel", "pytorch_half_pixel", "align_corners") or shrunk_to_one:
        raise call.refuse(f"mode {mode} by {where}")
    mode = "linear" if x.dim() == 3 else "bilinear"
    return F.interpolate(x, target, mode=mode, align_corners=where == "align_corners")


def _scales(operands: tuple[Any, ...]) -> tuple[Any, Any]:
    """(scales, sizes) of a Resize(x, roi, scales, sizes), of which one is given."""
    scales, sizes = (*operands[1:], None, None)[:2]
    return scales, sizes if sizes is not None and len(sizes) else None


def _target(call: Call, x: Tensor, given: tuple[Any, Any]) -> list[int]:
    """Size of each position axis of what Resize makes."""
    scales, sizes = given
    size: list[float] = [float(n) for n in x.shape]
    for i, axis in enumerate(integers(call.get("axes", range(x.dim())))):
        size[axis] = int(sizes[i]) if sizes is not None else size[axis] * float(scales[i])
    whole = [round(n) for n in size]
    if whole[:2] != list(x.shape[:2]):
        raise call.refuse("scales over the batch or the channels")
    if any(abs(n - w) > 1e-4 * w for n, w in zip(size, whole, strict=True)):
        raise call.refuse("a factor that gives no whole size")
    if call.get("antialias", 0) or call.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise call.refuse("antialias or an aspect ratio to keep")
    return whole[2:]
