"""Poolings, and the means that are poolings."""

from __future__ import annotations

from typing import Any

from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, axis_of, pair, refused, shape_of
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.ir.graph import Window
from mixcomp_edge.ir.windows import plane, pooled_shape
from mixcomp_edge.operators.avgpool2d import AvgPool2d
from mixcomp_edge.operators.maxpool2d import MaxPool2d
from mixcomp_edge.operators.reshape import Reshape


def _pool_window(importer: Importer, node: fx.Node, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    source, y = importer.source(node), shape_of(node)
    vertical, horizontal = pair(padding, y, across=0)
    pads = (vertical, horizontal, vertical, horizontal)
    window = Window(pair(kernel, y), pair(stride or kernel, y), pair(dilation, y), pads)
    if pooled_shape(source, window, source.shape) != y:
        raise refused(node, "a pooling with ceil_mode")
    return window


@handles("max_pool1d.default", "max_pool2d.default")
def _max_pool(importer: Importer, node: fx.Node) -> None:
    _, kernel, stride, padding, dilation, _ = arguments(node, None, None, [], 0, 1, False)
    importer.unary(node, MaxPool2d, window=_pool_window(importer, node, kernel, stride, padding, dilation))


@handles("avg_pool1d.default", "avg_pool2d.default")
def _avg_pool(importer: Importer, node: fx.Node) -> None:
    _, kernel, stride, padding, _, include, divisor = arguments(node, None, None, [], 0, False, True, None)
    if divisor is not None:
        raise refused(node, "an average pooling with divisor_override")
    window = _pool_window(importer, node, kernel, stride, padding, 1)
    importer.unary(node, AvgPool2d, window=window, count_include_pad=bool(include))


@handles("adaptive_avg_pool1d.default", "adaptive_avg_pool2d.default")
def _adaptive_pool(importer: Importer, node: fx.Node) -> None:
    (height, width, _), (rows, columns, _) = plane(importer.source(node).shape), plane(shape_of(node))
    if height % rows or width % columns:
        raise refused(node, f"an adaptive pooling from {height}x{width} to {rows}x{columns}")
    kernel = (height // rows, width // columns)
    importer.unary(node, AvgPool2d, window=Window(kernel, kernel))


@handles("mean.dim")
def _mean(importer: Importer, node: fx.Node) -> None:
    """A mean over all positions: a pooling over the whole map, then the shape that keepdim asks for."""
    source = importer.source(node)
    _, dims, keepdim = arguments(node, None, None, False)
    rank = len(source.shape)
    if rank not in (2, 3) or sorted(axis_of(int(dim), rank + 1) for dim in dims) != [*range(rank - 1)]:
        raise refused(node, "a mean over other axes than all positions of (N, C, L) or (N, C, H, W)")
    height, width, channels = plane(source.shape)
    window, shape = Window((height, width), (height, width)), (1, 1, channels)[-rank:]
    pool = AvgPool2d(name=importer.unique(node.name), inputs=(source.name,), shape=shape, window=window)
    importer.add(node, pool)
    if not keepdim:
        name = importer.unique(f"{node.name}_flat")
        importer.add(node, Reshape(name=name, inputs=(pool.name,), shape=(channels,)))
