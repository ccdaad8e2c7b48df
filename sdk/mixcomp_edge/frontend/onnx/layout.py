"""What moves elements or leaves them alone, and sums along axes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.frontend.blocks import depth_to_space, space_to_depth
from mixcomp_edge.frontend.onnx.calls import Call, integers, onnx_operator, tensors

END = 1 << 31  # files write "to the end" as the largest number of 32 or 64 bits
PADDING = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


@onnx_operator("Flatten")
def _flatten(call: Call, x: Tensor) -> Tensor:
    axis = call.get("axis", 1)
    axis = axis + x.dim() if axis < 0 else axis
    return x.flatten(1) if axis == 1 else x.reshape(prod(x.shape[:axis]), -1)


@onnx_operator("Reshape")
def _reshape(call: Call, x: Tensor, shape: Any = None) -> Tensor:
    """A batch that is frozen into the file's constants gives way to that of x, which stays in front."""
    target = integers(call.get("shape") if shape is None else shape)
    if not call.get("allowzero", 0):
        target = [x.shape[i] if size == 0 else size for i, size in enumerate(target)]
    frozen = shape is None or 1 in call.constant
    frozen = frozen and bool(target) and x.shape[0] not in (call.batch, target[0])
    if frozen and target[0] > 0 and target[0] % call.batch == 0:
        known = prod(size for size in target if size > 0)
        if -1 in target or known * x.shape[0] == x.numel() * call.batch:
            target[0] = target[0] // call.batch * x.shape[0]
    if len(target) == 2 and x.dim() > 2 and target[0] in (-1, x.shape[0]) and target[1] in (-1, prod(x.shape[1:])):
        return x.flatten(1)
    return x.reshape(target)


@onnx_operator("Transpose")
def _transpose(call: Call, x: Tensor) -> Tensor:
    return x.permute(call.get("perm", list(range(x.dim()))[::-1]))


@onnx_operator("Squeeze")
def _squeeze(call: Call, x: Tensor, axes: Any = None) -> Tensor:
    axes = call.get("axes") if axes is None else axes
    if axes is None:  # all of size one, but never the batch
        axes = [i for i, size in enumerate(x.shape) if size == 1 and i > 0]
    return x.squeeze(tuple(integers(axes)))


@onnx_operator("Unsqueeze")
def _unsqueeze(call: Call, x: Tensor, axes: Any = None) -> Tensor:
    places = integers(call.get("axes") if axes is None else axes)
    for place in sorted(p % (x.dim() + len(places)) for p in places):
        x = x.unsqueeze(place)
    return x


@onnx_operator("Concat")
def _concat(call: Call, *operands: Any) -> Tensor:
    return torch.cat(tensors(*operands), call.get("axis", 1))


@onnx_operator("Expand")
def _expand(call: Call, x: Tensor, shape: Any) -> Tensor:
    full = np.broadcast_shapes(tuple(x.shape), tuple(integers(shape)))
    return x.expand(full)


@onnx_operator("Tile")
def _tile(call: Call, x: Tensor, repeats: Any) -> Tensor:
    return x.repeat(integers(repeats))


@onnx_operator("Pad")
def _pad(call: Call, x: Tensor, pads: Any = None, value: Any = None, axes: Any = None) -> Tensor:
    amounts = integers(call.get("pads") if pads is None else pads)
    n = len(amounts) // 2
    places = [axis % x.dim() for axis in integers(axes)] if axes is not None else list(range(n))
    before, behind = [0] * x.dim(), [0] * x.dim()
    for i, axis in enumerate(places):
        before[axis], behind[axis] = amounts[i], amounts[n + i]
    first = next((i for i in range(x.dim()) if before[i] or behind[i]), x.dim())
    if first == x.dim():
        return x
    mode = PADDING.get(call.get("mode", "constant"))
    if mode is None:
        raise call.refuse(f"mode {call.get('mode')}")
    flat = [amount for i in reversed(range(first, x.dim())) for amount in (before[i], behind[i])]
    if mode != "constant":
        return F.pad(x, flat, mode)
    return F.pad(x, flat, mode, call.get("value", 0.0) if value is None else float(value))


@onnx_operator("Slice")
def _slice(call: Call, x: Tensor, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None) -> Tensor:
    begin = integers(call.get("starts") if starts is None else starts)
    end = integers(call.get("ends") if ends is None else ends)
    axes = call.get("axes") if axes is None else axes
    places = list(range(len(begin))) if axes is None else integers(axes)
    strides = [1] * len(begin) if steps is None else integers(steps)
    for start, stop, axis, step in zip(begin, end, places, strides, strict=True):
        if step > 0:
            window = [slice(None)] * (axis % x.dim()) + [slice(start, None if stop >= END - 1 else stop, step)]
            x = x[tuple(window)]
        elif step == -1 and start in (-1, x.shape[axis] - 1) and stop < -x.shape[axis]:
            x = x.flip(axis)
        else:
            raise call.refuse(f"step {step}")
    return x


@onnx_operator("Split")
def _split(call: Call, x: Tensor, sizes: Any = None) -> tuple[Tensor, ...]:
    axis, sizes = call.get("axis", 0), call.get("split") if sizes is None else sizes
    if sizes is not None:
        return torch.split(x, integers(sizes), axis)
    return torch.split(x, -(-x.shape[axis] // len(call.operation.outputs)), axis)


@onnx_operator("Gather")
def _gather(call: Call, x: Tensor, index: Any) -> Tensor:
    axis = call.get("axis", 0)
    if isinstance(index, Tensor) and 0 in call.constant and axis == 0 and x.ndim == 2 and not index.is_floating_point():
        return F.embedding(index, x)
    if isinstance(index, Tensor) or not isinstance(x, Tensor):
        raise call.refuse("an index that is computed")
    index = np.asarray(index)
    if index.ndim == 0:
        return x.select(axis, int(index))
    axis %= x.ndim
    flat = torch.from_numpy(np.where(index < 0, index + x.shape[axis], index).ravel())
    taken = torch.index_select(x, axis, flat)
    return taken if index.ndim == 1 else taken.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


@onnx_operator("DepthToSpace")
def _depth_to_space(call: Call, x: Tensor) -> Tensor:
    function = F.pixel_shuffle if call.get("mode", "DCR") == "CRD" else depth_to_space
    return function(x, call.get("blocksize"))


@onnx_operator("SpaceToDepth")
def _space_to_depth(call: Call, x: Tensor) -> Tensor:
    function = F.pixel_unshuffle if call.get("mode", "DCR") == "CRD" else space_to_depth
    return function(x, call.get("blocksize"))


REDUCTIONS: dict[str, Callable[[Tensor, tuple[int, ...], bool], Tensor]] = {
    "ReduceMean": lambda x, axes, keep: x.mean(axes, keepdim=keep),
    "ReduceSum": lambda x, axes, keep: x.sum(axes, keepdim=keep),
    "ReduceMax": lambda x, axes, keep: x.amax(axes, keepdim=keep),
    "ReduceMin": lambda x, axes, keep: x.amin(axes, keepdim=keep),
    "ReduceL2": lambda x, axes, keep: torch.linalg.vector_norm(x, 2, axes, keepdim=keep),
    "ReduceSumSquare": lambda x, axes, keep: (x * x).sum(axes, keepdim=keep),
    "ReduceL1": lambda x, axes, keep: x.abs().sum(axes, keepdim=keep),
    "ReduceLogSumExp": lambda x, axes, keep: torch.logsumexp(x, axes, keepdim=keep),
}


@onnx_operator(*REDUCTIONS)
def _reduce(call: Call, x: Tensor, axes: Any = None) -> Tensor:
    axes = call.get("axes") if axes is None else axes
    if axes is None or not len(axes):
        if axes is not None and call.get("noop_with_empty_axes", 0):
            return x
        raise call.refuse("all axes, the batch among them,")
    return REDUCTIONS[call.operation.kind](x, tuple(integers(axes)), bool(call.get("keepdims", 1)))


@onnx_operator("ArgMax")
def _argmax(call: Call, x: Tensor) -> Tensor:
    if call.get("select_last_index", 0):
        raise call.refuse("select_last_index")
    return torch.argmax(x, call.get("axis", 0), keepdim=bool(call.get("keepdims", 1)))
