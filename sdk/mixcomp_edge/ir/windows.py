"""Operators that slide a window over (H, W): its shape, its rules, and what it meets. A value (W, C) is one row: what
holds for (1, W, C) holds for it, in C too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir.bounds import MAX_DIMENSION, MAX_ELEMENTS
from mixcomp_edge.ir.graph import Node, Shape, Window
from mixcomp_edge.ir.nodes import Value


def plane(shape: Shape) -> tuple[int, int, int]:
    """(H, W, C) of a shape; (W, C) is one row."""
    height, width, channels = (1, *shape) if len(shape) == 2 else shape
    return height, width, channels


def planes(x: NDArray[Any]) -> NDArray[Any]:
    """Values (N, H, W, C) or (N, W, C) as (N, H, W, C)."""
    return x[:, None] if x.ndim == 3 else x


def check_window(node: Node, window: Window, shape: Shape) -> None:
    """GraphError where the window has a size that C has no room for, or the input is neither (H, W, C) nor (W, C)."""
    if len(shape) not in (2, 3):
        raise GraphError(f"{node.name}: needs an input (H, W, C) or (W, C), got {shape}.")
    across = (window.kernel[0], window.stride[0], window.dilation[0], *window.padding[::2])
    if len(shape) == 2 and across != (1, 1, 1, 0, 0):
        raise GraphError(f"{node.name}: {window} leaves the one row of {shape}.")
    if min(window.kernel + window.stride + window.dilation) < 1 or min(window.padding) < 0:
        raise GraphError(f"{node.name}: kernel, stride and dilation must be at least 1, padding at least 0: {window}.")
    if max(window.kernel + window.stride + window.dilation + window.padding) > MAX_DIMENSION:
        raise GraphError(f"{node.name}: {window} leaves 1 to {MAX_DIMENSION}.")


def windowed_shape(node: Node, window: Window, shape: Shape, channels: int) -> Shape:
    """The output's shape, for an input (H, W, C) or (W, C) and so many output channels."""
    (height, width, depth), (top, left, bottom, right) = plane(shape), window.padding
    padded = (top + height + bottom) * (left + width + right) * depth
    if padded > MAX_ELEMENTS:
        raise GraphError(f"{node.name}: its input has {padded} elements with padding, more than {MAX_ELEMENTS}.")
    return (*window.output_size(height, width), channels)[-len(shape) :]


def pooled_shape(node: Node, window: Window, shape: Shape) -> Shape:
    """The output's shape of a pooling, each window of which holds at least one element that is not padding."""
    check_window(node, window, shape)
    pooled = windowed_shape(node, window, shape, shape[-1])
    for axis in (0, 1):
        stride, dilation = window.stride[axis], window.dilation[axis]
        first = np.arange(max(plane(pooled)[axis], 0)) * stride - window.padding[axis]  # where each window starts
        tap = -(np.minimum(first, 0) // dilation)  # the first tap at 0 or above
        if np.any(tap >= window.kernel[axis]) or np.any(first + tap * dilation >= plane(shape)[axis]):
            raise GraphError(f"{node.name}: a pooling window would lie in the padding alone: {window}.")
    return pooled


def taps(x: NDArray[Any], window: Window, size: tuple[int, int], fill: int) -> Iterator[NDArray[Any]]:
    """For each kernel position in row-major order, the (N, OH, OW, C) elements of x (N, H, W, C) that it meets."""
    (kh, kw), (sh, sw), (dh, dw), (top, left, _, _) = window.kernel, window.stride, window.dilation, window.padding
    oh, ow = size
    bottom = max(0, (oh - 1) * sh + (kh - 1) * dh + 1 - top - x.shape[1])
    right = max(0, (ow - 1) * sw + (kw - 1) * dw + 1 - left - x.shape[2])
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    for i in range(kh):
        for j in range(kw):
            rows = slice(i * dh, i * dh + (oh - 1) * sh + 1, sh)
            columns = slice(j * dw, j * dw + (ow - 1) * sw + 1, sw)
            yield padded[:, rows, columns, :]


def met(x: Value, window: Window, place: tuple[int, ...], fill: int) -> Value:
    """(KH*KW, C) the elements of one input x, (H, W, C) or (W, C), under the window at an output's place there."""
    row, column, _ = plane(place)
    return np.array([tap[0, row, column] for tap in taps(planes(x[None]), window, (row + 1, column + 1), fill)])
