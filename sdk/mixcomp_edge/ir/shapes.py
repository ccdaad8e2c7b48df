"""The shape that a node's inputs imply, for both graphs; a node that does not fit its inputs is a GraphError."""

from __future__ import annotations

from math import prod

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import ops, qops
from mixcomp_edge.ir.graph import Node, Shape, Window

MAX_DIMENSION = 65_535
MAX_ELEMENTS = 1 << 24  # of one tensor; 16 MB of RAM is beyond every Cortex-M
POOLS = (ops.AvgPool2d, ops.MaxPool2d, qops.AvgPool2d, qops.MaxPool2d)
WINDOWED = (ops.Conv2d, qops.Conv2d, qops.DwConv2d, *POOLS)


def output_shape(node: Node, shapes: list[Shape]) -> Shape:
    """The shape that the node's inputs imply."""
    if isinstance(node, WINDOWED):
        shape = _windowed_shape(node, node.window, shapes[0])
        if shapes[1:] and shapes[1] != shape:
            raise GraphError(f"{node.name}: the residual has shape {shapes[1]}, the convolution makes {shape}.")
        return shape
    if isinstance(node, ops.Dense | qops.Dense):
        return _dense_shape(node, shapes[0])
    if isinstance(node, ops.Add | qops.Add):
        if shapes[0] != shapes[1]:
            raise GraphError(f"{node.name}: adds shapes {shapes[0]} and {shapes[1]}; broadcasting is not supported.")
        return shapes[0]
    if isinstance(node, ops.Concat | qops.Concat):
        return _concat_shape(node, shapes)
    if isinstance(node, ops.Pad | qops.Pad):
        if not len(node.before) == len(node.after) == len(shapes[0]) or min(*node.before, *node.after, 0) < 0:
            raise GraphError(f"{node.name}: pads {node.before}, {node.after} do not fit shape {shapes[0]}.")
        return tuple(b + size + a for b, size, a in zip(node.before, shapes[0], node.after, strict=True))
    if isinstance(node, ops.Affine):
        if not node.gain.shape == node.offset.shape == shapes[0][-1:]:
            raise GraphError(f"{node.name}: gain {node.gain.shape}, offset {node.offset.shape} do not fit {shapes[0]}.")
        return shapes[0]
    if isinstance(node, ops.Reshape | qops.Reshape):
        if prod(node.shape) != prod(shapes[0]):
            raise GraphError(f"{node.name}: cannot view shape {shapes[0]} as {node.shape}.")
        return node.shape
    return shapes[0] if shapes else node.shape


def _windowed_shape(node: Node, window: Window, shape: Shape) -> Shape:
    if len(shape) != 3:
        raise GraphError(f"{node.name}: needs an input (H, W, C), got {shape}.")
    if min(window.kernel + window.stride + window.dilation) < 1 or min(window.padding) < 0:
        raise GraphError(f"{node.name}: kernel, stride and dilation must be at least 1, padding at least 0: {window}.")
    if max(window.kernel + window.stride + window.dilation + window.padding) > MAX_DIMENSION:
        raise GraphError(f"{node.name}: {window} leaves 1 to {MAX_DIMENSION}.")
    channels = shape[2]
    if isinstance(node, ops.Conv2d):
        out, kh, kw, group = node.weight.shape
        if (kh, kw) != window.kernel or group * node.groups != channels or out % node.groups or len(node.bias) != out:
            raise GraphError(f"{node.name}: weight {node.weight.shape}, {node.groups} groups do not fit input {shape}.")
        channels = out
    elif isinstance(node, qops.Conv2d):
        channels = _integer_conv_channels(node, shape)
    elif isinstance(node, qops.DwConv2d):
        channels = node.weights.codes.shape[1]
        if node.weights.codes.shape[0] != prod(window.kernel) or channels % shape[2]:
            raise GraphError(f"{node.name}: codes {node.weights.codes.shape} do not fit {window.kernel} on {shape}.")
    top, left, bottom, right = window.padding
    padded = (top + shape[0] + bottom) * (left + shape[1] + right) * shape[2]
    if padded > MAX_ELEMENTS:
        raise GraphError(f"{node.name}: its input has {padded} elements with padding, more than {MAX_ELEMENTS}.")
    size = window.output_size(shape[0], shape[1])
    if isinstance(node, POOLS) and not _windows_meet_input(window, shape, size):
        raise GraphError(f"{node.name}: a pooling window would lie in the padding alone: {window}.")
    return (*size, channels)


def _windows_meet_input(window: Window, shape: Shape, size: tuple[int, int]) -> bool:
    """Whether each window holds at least one element that is not padding."""
    for axis in (0, 1):
        stride, dilation = window.stride[axis], window.dilation[axis]
        first = np.arange(max(size[axis], 0)) * stride - window.padding[axis]  # where each window starts
        tap = -(np.minimum(first, 0) // dilation)  # the first tap at 0 or above
        if np.any(tap >= window.kernel[axis]) or np.any(first + tap * dilation >= shape[axis]):
            return False
    return True


def _integer_conv_channels(node: qops.Conv2d, shape: Shape) -> int:
    out = node.weights.codes.shape[0]
    if node.groups < 1 or shape[2] % node.groups or out % node.groups:
        raise GraphError(f"{node.name}: {node.groups} groups do not divide {shape[2]} inputs and {out} outputs.")
    if node.weights.codes.shape[1] != prod(node.window.kernel) * shape[2] // node.groups:
        raise GraphError(f"{node.name}: codes {node.weights.codes.shape} do not fit {node.window.kernel} on {shape}.")
    return out


def _dense_shape(node: ops.Dense | qops.Dense, shape: Shape) -> Shape:
    weight = node.weight if isinstance(node, ops.Dense) else node.weights.codes
    if prod(shape) != weight.shape[1]:
        raise GraphError(f"{node.name}: weights {weight.shape} do not fit an input of shape {shape}.")
    return (weight.shape[0],)


def _concat_shape(node: ops.Concat | qops.Concat, shapes: list[Shape]) -> Shape:
    first = shapes[0]
    if not 0 <= node.axis < len(first):
        raise GraphError(f"{node.name}: axis {node.axis} is not in shape {first}.")
    for shape in shapes:
        if len(shape) != len(first) or any(
            a != b for i, (a, b) in enumerate(zip(shape, first, strict=True)) if i != node.axis
        ):
            raise GraphError(f"{node.name}: cannot join shapes {shapes} along axis {node.axis}.")
    return (*first[: node.axis], sum(shape[node.axis] for shape in shapes), *first[node.axis + 1 :])
