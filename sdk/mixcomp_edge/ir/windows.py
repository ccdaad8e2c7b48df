"""Operators that slide a window over (H, W): its shape, its rules, and what it meets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir.bounds import MAX_DIMENSION, MAX_ELEMENTS
from mixcomp_edge.ir.graph import Node, Shape, Window
from mixcomp_edge.ir.nodes import Value


def check_window(node: Node, window: Window, shape: Shape) -> None:
    """GraphError where the window has a size that C has no room for, or the input (H, W, C) is none."""
    if len(shape) != 3:
        raise GraphError(f"{node.name}: needs an input (H, W, C), got {shape}.")
    if min(window.kernel + window.stride + window.dilation) < 1 or min(window.padding) < 0:
        raise GraphError(f"{node.name}: kernel, stride and dilation must be at least 1, padding at least 0: {window}.")
    if max(window.kernel + window.stride + window.dilation + window.padding) > MAX_DIMENSION:
        raise GraphError(f"{node.name}: {window} leaves 1 to {MAX_DIMENSION}.")


def windowed_shape(node: Node, window: Window, shape: Shape, channels: int) -> Shape:
    """The output's shape, for an input (H, W, C) and so many output channels."""
    top, left, bottom, right = window.padding
    padded = (top + shape[0] + bottom) * (left + shape[1] + right) * shape[2]
    if padded > MAX_ELEMENTS:
        raise GraphError(f"{node.name}: its input has {padded} elements with padding, more than {MAX_ELEMENTS}.")
    return (*window.output_size(shape[0], shape[1]), channels)


def pooled_shape(node: Node, window: Window, shape: Shape) -> Shape:
    """The output's shape of a pooling, each window of which holds at least one element that is not padding."""
    check_window(node, window, shape)
    pooled = windowed_shape(node, window, shape, shape[2])
    for axis in (0, 1):
        stride, dilation = window.stride[axis], window.dilation[axis]
        first = np.arange(max(pooled[axis], 0)) * stride - window.padding[axis]  # where each window starts
        tap = -(np.minimum(first, 0) // dilation)  # the first tap at 0 or above
        if np.any(tap >= window.kernel[axis]) or np.any(first + tap * dilation >= shape[axis]):
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
    """(KH*KW, C) the elements of one input x (H, W, C) under the window at output row and column place[:2]."""
    row, column = place[:2]
    return np.array([tap[0, row, column] for tap in taps(x[None], window, (row + 1, column + 1), fill)])
