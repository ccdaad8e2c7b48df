"""Poolings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, pair, shape_of
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.ir.graph import Node, Window
from mixcomp_edge.ir.windows import plane
from mixcomp_edge.operators.adaptive2d import AdaptiveAvg2d, AdaptiveMax2d, spans
from mixcomp_edge.operators.avgpool2d import AvgPool2d
from mixcomp_edge.operators.maxpool2d import MaxPool2d
from mixcomp_edge.operators.pad import Pad


def _pool_window(importer: Importer, node: fx.Node, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    """The window, with so much padding at the end that the last one of ceil_mode fits."""
    (height, width, _), y = plane(importer.source(node).shape), shape_of(node)
    before, kernel = pair(padding, y, across=0), pair(kernel, y)
    stride, dilation = pair(stride, y) if stride else kernel, pair(dilation, y)
    axes = zip((height, width), plane(y), before, kernel, stride, dilation, strict=False)
    after = [max(p, (n - 1) * s + (k - 1) * d + 1 - p - size) for size, n, p, k, s, d in axes]
    return Window(kernel, stride, dilation, (*before, after[0], after[1]))


@handles("max_pool1d.default", "max_pool2d.default", "max_pool1d_with_indices.default",
         "max_pool2d_with_indices.default")  # fmt: skip
def _max_pool(importer: Importer, node: fx.Node) -> None:
    """Of the ones with indices the values; who reads the indices is refused."""
    _, kernel, stride, padding, dilation, _ = arguments(node, None, None, [], 0, 1, False)
    importer.unary(node, MaxPool2d, window=_pool_window(importer, node, kernel, stride, padding, dilation))


@handles("avg_pool1d.default", "avg_pool2d.default")
def _avg_pool(importer: Importer, node: fx.Node) -> None:
    """The last window of ceil_mode may lie beyond the padding. Then not all divisors are the kernel's size: the padding
    becomes elements, and each window is divided by how many it holds."""
    _, kernel, stride, padding, _, include, divisor = arguments(node, None, None, [], 0, False, True, None)
    source, window = importer.source(node), _pool_window(importer, node, kernel, stride, padding, 1)
    top, left, bottom, right = window.padding
    beyond = (bottom - top, right - left)
    if include and not divisor and any(beyond):
        include = False
        if top or left:
            before = (top, left, 0)[-len(source.shape) :]
            shape = tuple(n + 2 * b for n, b in zip(source.shape, before, strict=True))
            name = importer.unique(f"{node.name}_pad")
            source = Pad(name=name, inputs=(source.name,), shape=shape, before=before, after=before)
            importer.nodes[name] = source
            window = replace(window, padding=(0, 0, *beyond))
    pool = AvgPool2d(
        name=importer.unique(node.name),
        inputs=(source.name,),
        shape=shape_of(node),
        window=window,
        count_include_pad=bool(include),
        divisor=divisor,
    )
    importer.add(node, pool)


@handles("adaptive_avg_pool1d.default", "adaptive_avg_pool2d.default")
def _adaptive_average(importer: Importer, node: fx.Node) -> None:
    _adaptive(importer, node, AvgPool2d, AdaptiveAvg2d)


@handles("adaptive_max_pool1d.default", "adaptive_max_pool2d.default")
def _adaptive_maximum(importer: Importer, node: fx.Node) -> None:
    _adaptive(importer, node, MaxPool2d, AdaptiveMax2d)


def _adaptive(importer: Importer, node: fx.Node, even: Callable[..., Node], uneven: Callable[..., Node]) -> None:
    """A pooling as any other where all windows have one size and one distance."""
    read, made = plane(importer.source(node).shape)[:2], plane(shape_of(node))[:2]
    window = _even_windows(read, made)
    if window is None:
        importer.unary(node, uneven, read=read, made=made)
    else:
        importer.unary(node, even, window=window)


def _even_windows(read: tuple[int, int], made: tuple[int, int]) -> Window | None:
    kernel: list[int] = []
    stride: list[int] = []
    for size, out in zip(read, made, strict=True):
        first, end = spans(size, out).T
        lengths, steps = {*(end - first).tolist()}, {*np.diff(first).tolist()}
        if len(lengths) > 1 or len(steps) > 1 or steps == {0}:
            return None
        kernel += lengths
        stride += steps or lengths
    return Window((kernel[0], kernel[1]), (stride[0], stride[1]))
