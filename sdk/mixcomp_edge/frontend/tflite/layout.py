"""What moves elements of TensorFlow Lite's tensors, in torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.frontend.blocks import depth_to_space, space_to_depth
from mixcomp_edge.frontend.tflite.module import (
    Call,
    aligned,
    dimension,
    file_order,
    module_dimension,
    module_order,
    tflite_operator,
)


def _result(call: Call, y: Tensor, index: int = 0) -> Tensor:
    """y, in the file's order behind N, as the module has the result of that index."""
    slot = call.outputs[index]
    return module_order(y if y.shape[1:] == slot.sample else y.reshape(len(y), *slot.sample), slot)


@tflite_operator("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def _reshape(call: Call, x: Tensor, *rest: Any) -> Tensor:
    return _result(call, file_order(x, call.source))


@tflite_operator("TRANSPOSE")
def _transpose(call: Call, x: Tensor, order: Any) -> Tensor:
    places = [dimension(call.source, int(axis)) for axis in order]
    return _result(call, file_order(x, call.source).permute(0, *(place for place in places if place)))


@tflite_operator("PAD", "PADV2", "MIRROR_PAD")
def _pad(call: Call, x: Tensor, pads: Any, value: Any = None) -> Tensor:
    amounts = np.asarray(pads).reshape(-1, 2)
    at = call.source.at
    if at is not None:
        if amounts[at].any():
            raise call.refuse("padding of the samples")
        amounts = np.delete(amounts, at, axis=0)
    ordered = amounts[[2, 0, 1]] if at == 0 and x.dim() == 4 else amounts
    flat = [int(n) for pair in reversed(ordered) for n in pair]
    if call.kind == "MIRROR_PAD":
        if call.get("mode") != 0 or ordered[0].any() or x.dim() != 4:  # REFLECT over positions
            raise call.refuse("a symmetric mirror, or one of channels")
        return F.pad(x, flat[:4], "reflect")
    return F.pad(x, flat, value=0.0 if value is None else float(np.asarray(value).reshape(())))


def _parts(call: Call, operands: tuple[Any, ...]) -> list[Tensor]:
    """Operands to be put beside each other, constants for as many samples as there are."""
    count = len(next(operand for index, operand in enumerate(operands) if call.is_data(index)))
    parts = []
    for operand, slot in zip(operands, call.inputs, strict=True):
        assert slot is not None
        if slot.value is not None:
            operand = torch.as_tensor(operand).reshape(1, *slot.sample).expand(count, *slot.sample)
            operand = module_order(operand, slot)
        parts.append(operand)
    return parts


@tflite_operator("CONCATENATION")
def _concatenation(call: Call, *operands: Any) -> Tensor:
    """Of operands that differ in one dimension: that of the samples is the same in all, or the last that they have."""
    axis, slots = call.get("axis") % len(call.outputs[0].shape), call.inputs
    if len({slot.at for slot in slots if slot is not None}) == 1 and call.source.at != axis:
        return _result(call, file_order(torch.cat(_parts(call, operands), module_dimension(call, axis)), call.source))
    parts = [
        file_order(part, slot).reshape(len(part), *slot.shape)
        for part, slot in zip(_parts(call, operands), slots, strict=True)
        if slot is not None
    ]
    return _result(call, torch.cat(parts, axis + 1))


@tflite_operator("PACK")
def _pack(call: Call, *operands: Any) -> Tensor:
    """Operands of one shape beside each other in a new dimension."""
    parts = _parts(call, operands)
    axis, at = call.get("axis", 0) % len(call.outputs[0].shape), call.source.at
    parts = [file_order(part, call.source) for part in parts]
    return _result(call, torch.stack(parts, axis if at is not None and at < axis else axis + 1))


@tflite_operator("UNPACK")
def _unpack(call: Call, x: Tensor) -> tuple[Tensor, ...]:
    y, place = file_order(x, call.source), dimension(call.source, call.get("axis", 0))
    return tuple(_result(call, part, index) for index, part in enumerate(y.unbind(place) if place else [y]))


@tflite_operator("SPLIT")
def _split(call: Call, axis: Any, x: Tensor) -> tuple[Tensor, ...]:
    place = dimension(call.source, int(np.asarray(axis).reshape(())))
    y = file_order(x, call.source)
    parts = torch.split(y, y.shape[place] // call.get("numSplits"), place) if place else [y]
    return tuple(_result(call, part, index) for index, part in enumerate(parts))


@tflite_operator("SPLIT_V")
def _split_sizes(call: Call, x: Tensor, sizes: Any, axis: Any) -> tuple[Tensor, ...]:
    place = dimension(call.source, int(np.asarray(axis).reshape(())))
    y = file_order(x, call.source)
    known = [int(n) for n in sizes]
    counts = [n if n >= 0 else y.shape[place] - sum(known) - 1 for n in known]
    return tuple(_result(call, part, i) for i, part in enumerate(torch.split(y, counts, place) if place else [y]))


@tflite_operator("SLICE")
def _slice(call: Call, x: Tensor, begin: Any, size: Any) -> Tensor:
    y = file_order(x, call.source)
    for axis, (start, count) in enumerate(zip(begin, size, strict=True)):
        place = dimension(call.source, axis)
        if place and (start or count not in (-1, y.shape[place])):
            y = y.narrow(place, int(start), y.shape[place] - int(start) if count < 0 else int(count))
    return _result(call, y)


@tflite_operator("STRIDED_SLICE")
def _strided_slice(call: Call, x: Tensor, begin: Any, end: Any, strides: Any) -> Tensor:
    """Masks have a bit for each entry: it leaves its beginning or end open, takes one element, stands for all
    dimensions that no other names, or for a new one."""
    masks = {name: call.get(f"{name}Mask", 0) for name in ("begin", "end", "shrinkAxis", "ellipsis", "newAxis")}
    entries = [{name for name, mask in masks.items() if mask & (1 << i)} for i in range(len(begin))]
    named = sum(not entry & {"ellipsis", "newAxis"} for entry in entries)
    y, axis = file_order(x, call.source), 0
    for entry, start, stop, step in zip(entries, begin, end, strides, strict=True):
        if "ellipsis" in entry:
            axis += len(call.source.shape) - named
        if entry & {"ellipsis", "newAxis"}:
            continue
        low, high = (None if "begin" in entry else int(start)), (None if "end" in entry else int(stop))
        window = slice(int(start), int(start) + 1 or None) if "shrinkAxis" in entry else slice(low, high, int(step))
        place = dimension(call.source, axis)
        if place:
            y = _window(y, place, window)
        axis += 1
    return _result(call, y)


def _window(y: Tensor, place: int, window: slice) -> Tensor:
    """y[window] of one dimension, with steps of either sign."""
    taken = range(y.shape[place])[window]
    if taken.step < 0 and len(taken):
        y, last = y.flip(place), y.shape[place] - 1
        taken = range(last - taken[0], last - taken[-1] + 1, -taken.step)
    return y[(*[slice(None)] * place, slice(taken.start, max(taken.stop, 0), abs(taken.step)))]


@tflite_operator("GATHER")
def _gather(call: Call, x: Any, index: Any) -> Tensor:
    """Rows of a table by tokens, or elements at constant places."""
    axis = call.get("axis", 0)
    if call.get("batchDims", 0) or (call.is_data(1) and (call.is_data(0) or axis or np.ndim(x) != 2)):
        raise call.refuse("an index that is computed, or one for each sample")
    if call.is_data(1):
        return _result(call, F.embedding(index, x))
    places, at = torch.tensor(np.asarray(index)), dimension(call.source, axis)
    if at == 0:
        raise call.refuse("an index of samples")
    y = torch.index_select(file_order(x, call.source), at, places.reshape(-1).long())
    return _result(call, y)


@tflite_operator("TILE")
def _tile(call: Call, x: Tensor, times: Any) -> Tensor:
    counts = [int(n) for n in times]
    shape = (len(x), *call.source.shape)  # that of the samples may grow, too, as it holds one
    at = call.source.at
    if at is None or counts[at] != 1:
        return _result(call, torch.tile(file_order(x, call.source).reshape(shape), (1, *counts)))
    return _result(call, torch.tile(file_order(x, call.source), (1, *counts[:at], *counts[at + 1 :])))


@tflite_operator("BROADCAST_TO")
def _broadcast(call: Call, x: Tensor, shape: Any) -> Tensor:
    [value] = aligned(call, x)
    [out] = call.outputs
    return module_order(file_order(value, out).expand(len(x), *out.sample), out)


@tflite_operator("REVERSE_V2")
def _reverse(call: Call, x: Tensor, axes: Any) -> Tensor:
    return x.flip([module_dimension(call, int(axis)) for axis in np.asarray(axes).reshape(-1)])


@tflite_operator("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", maps=True)
def _blocks(call: Call, x: Tensor) -> Tensor:
    function = depth_to_space if call.kind == "DEPTH_TO_SPACE" else space_to_depth
    return function(x, call.get("blockSize"))
