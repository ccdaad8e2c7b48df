"""Layers with weights, and the batch norm behind them."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, pair, refused, shape_of
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.orders import placed
from mixcomp_edge.frontend.torch_export.values import Operand, Stored
from mixcomp_edge.ir.graph import Window
from mixcomp_edge.ir.nodes import Floats
from mixcomp_edge.ir.windows import plane
from mixcomp_edge.operators.conv2d import Conv2d
from mixcomp_edge.operators.conv2d_transpose import Conv2dTranspose
from mixcomp_edge.operators.dense import Dense


@handles("conv1d.default", "conv1d.padding", "conv2d.default", "conv2d.padding")
def _convolution(importer: Importer, node: fx.Node) -> None:
    _, weight, bias, stride, padding, dilation, groups = arguments(node, None, None, None, 1, 0, 1, 1)
    w, shape = importer.tensor(weight), shape_of(node)
    if w is None:
        raise refused(node, "a convolution whose weight is computed")
    w = w.reshape(*w.shape[:2], -1, w.shape[-1])  # (O, C / groups, KH, KW)
    kernel, dilation = (w.shape[2], w.shape[3]), pair(dilation, shape)
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pads = (total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2)
    else:
        vertical, horizontal = (0, 0) if padding == "valid" else pair(padding, shape, across=0)
        pads = (vertical, horizontal, vertical, horizontal)
    b = importer.tensor(bias)
    importer.add(
        node,
        Conv2d(
            name=importer.layer_name(node, weight),
            inputs=(importer.source(node).name,),
            shape=shape,
            weight=np.ascontiguousarray(w.transpose(0, 2, 3, 1)),
            bias=np.zeros(len(w), np.float32) if b is None else b,
            window=Window(kernel, pair(stride, shape), dilation, pads),
            groups=int(groups),
        ),
    )


@handles("conv_transpose1d.default", "conv_transpose2d.input")
def _transposed(importer: Importer, node: fx.Node) -> None:
    """torch's weight is (I, O / groups, KH, KW). output_padding says how many of the last outputs belong to y."""
    _, weight, bias, stride, padding, _, groups, dilation = arguments(node, None, None, None, 1, 0, 0, 1, 1)
    w, shape, source = importer.tensor(weight), shape_of(node), importer.source(node)
    if w is None:
        raise refused(node, "a transposed convolution whose weight is computed")
    w = w.reshape(groups, -1, w.shape[1], *(1, *w.shape[2:])[-2:])  # (groups, I / groups, O / groups, KH, KW)
    w = w.transpose(0, 2, 3, 4, 1).reshape(shape[-1], *w.shape[3:], -1)
    b = importer.tensor(bias)
    importer.add(
        node,
        Conv2dTranspose(
            name=importer.layer_name(node, weight),
            inputs=(source.name,),
            shape=shape,
            weight=np.ascontiguousarray(w),
            bias=np.zeros(len(w), np.float32) if b is None else b,
            window=Window(
                (w.shape[1], w.shape[2]),
                pair(stride, shape),
                pair(dilation, shape),
                (*pair(padding, shape, across=0), 0, 0),
            ),
            groups=int(groups),
            read=plane(source.shape)[:2],
            made=plane(shape)[:2],
        ),
    )


@handles("linear.default")
def _linear(importer: Importer, node: fx.Node) -> None:
    """Its columns take the order in which the elements of its input lie: to flatten a map costs nothing."""
    _, weight, bias = arguments(node, None, None, None)
    w, b, stored = importer.tensor(weight), importer.tensor(bias), importer.stored(node)
    if w is None:
        raise refused(node, "a linear layer whose weight is computed")
    bias_or_zero = np.zeros(len(w), np.float32) if b is None else b
    name = importer.layer_name(node, weight)
    if stored.placement.dims[0] != (0,) or len(stored.placement.dims) != 2:
        return positionwise(importer, node, name, w, bias_or_zero)
    columns = stored.placement.columns(1)
    source = importer.shaped(importer.nodes[stored.node], (len(columns),), stored.call)
    w = np.ascontiguousarray(w[:, columns])
    dense = Dense(name=name, inputs=(source.name,), shape=shape_of(node), weight=w, bias=bias_or_zero)
    return importer.add(node, dense)


def positionwise(importer: Importer, node: fx.Node, name: str, w: Floats, bias: Floats, index: Operand = 0) -> None:
    """A linear layer on the last dimension, at each position of the others: a 1x1 convolution over these as they lie,
    once the last lies innermost."""
    stored = importer.stored(node, index)
    last = len(stored.placement.dims) - 1
    if not stored.placement.is_innermost(last):
        shape, apart = stored.placement.shape, stored.placement.dims[0] == (0,)
        to = placed(shape, tuple(range(last))) if apart else stored.placement.with_innermost(last)
        stored = replace(stored, node=importer.brought(stored, to).name, placement=to)
    columns = stored.placement.columns(last)
    source = importer.nodes[stored.node]
    if len(source.shape) not in (2, 3) or source.shape[-1] != len(columns):
        source = importer.shaped(source, (prod(source.shape) // len(columns), len(columns)), stored.call)
    importer.nodes[name] = Conv2d(
        name=name, inputs=(source.name,), shape=(*source.shape[:-1], len(w)), bias=bias, window=Window((1, 1)),
        weight=np.ascontiguousarray(w[:, None, None, columns]),
    )  # fmt: skip
    importer.alias[node] = Stored(name, stored.placement.resized(last, len(w)), node.name)


@handles("_native_batch_norm_legit_no_training.default")
def _batch_norm(importer: Importer, node: fx.Node) -> None:
    _, gamma, beta, mean, variance, _, eps = arguments(node, None, None, None, None, None, 0.1, 1e-5)
    batch_norm(importer, node, gamma, beta, mean, variance, eps)


def batch_norm(importer: Importer, node: fx.Node, gamma: Any, beta: Any, mean: Any, variance: Any, eps: float) -> None:
    """Running statistics, and gains and offsets where there are some, as arithmetic with constants."""
    m, v = importer.tensor(mean), importer.tensor(variance)
    if m is None or v is None:
        raise refused(node, "a batch norm whose statistics are computed")
    gain = (1.0 if (g := importer.tensor(gamma)) is None else g) / np.sqrt(v.astype(np.float64) + eps)
    offset = (0.0 if (b := importer.tensor(beta)) is None else b) - m * gain
    path = importer.paths.get(mean.name, "").rpartition(".")[0]
    importer.affine(node, path or node.name, importer.stored(node), gain, offset)


@handles("_native_batch_norm_legit.no_stats", "_native_batch_norm_legit_functional.default")
def _batch_norm_of_the_batch(importer: Importer, node: fx.Node) -> None:
    remedy = "leave out training=True and track_running_stats=False, and train it once more"
    raise refused(
        node, "a batch norm without running statistics, which takes those of the batch in eval mode too", remedy
    )
