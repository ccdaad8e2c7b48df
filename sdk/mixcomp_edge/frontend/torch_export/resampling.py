"""Rows and columns that torch chooses or computes: upsampling, and padding in all its modes. Which ones they are torch
itself says, when it is given a map whose elements are their own places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx
from torch.nn import functional as F

from mixcomp_edge.frontend.torch_export.calls import arguments, operator_of, refused
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import Doubles
from mixcomp_edge.ir.windows import plane
from mixcomp_edge.operators.gather import Gather
from mixcomp_edge.operators.pad import Pad
from mixcomp_edge.operators.resize import Resize

FILL = "pad with zeros, with -inf before a max pooling, or with mode 'reflect', 'replicate' or 'circular'"
Function = Callable[[Tensor], Tensor]


@handles("upsample_nearest1d.vec", "upsample_nearest2d.vec", "_upsample_nearest_exact1d.vec",
         "_upsample_nearest_exact2d.vec")  # fmt: skip
def _nearest(importer: Importer, node: fx.Node) -> None:
    _gather(importer, node, _as_called(node))


@handles("upsample_linear1d.vec", "upsample_bilinear2d.vec")
def _linear(importer: Importer, node: fx.Node) -> None:
    rows, columns = _places(importer.source(node).shape, _as_called(node))
    importer.unary(node, Resize, rows=rows, columns=columns)


@handles("pad.default", "constant_pad_nd.default")
def _pad(importer: Importer, node: fx.Node) -> None:
    """Padding by a negative amount takes rows and columns away, before there are zeros around what is left."""
    if operator_of(node) == "pad":
        _, amounts, mode, value = arguments(node, None, None, "constant", None)
    else:
        (_, amounts, value), mode = arguments(node, None, None, 0), "constant"
    pads, source = [int(amount) for amount in amounts], importer.source(node)
    if mode != "constant":
        _gather(importer, node, lambda x: F.pad(x, pads, mode))
        return None
    if any(pads) and value and not (value == -torch.inf and all(map(_is_max_pooling, node.users))):
        raise refused(node, f"padding with {value}", FILL)
    less = [min(amount, 0) for amount in pads]
    if any(less[2 * (len(source.shape) - 1) :]):
        raise refused(node, "padding of channels by a negative amount", "take them by slicing, x[:, a:b]")
    if any(less):
        source = _gather(importer, node, lambda x: F.pad(x, less), f"{node.name}_crop")
        pads = [max(amount, 0) for amount in pads]
    around = [*zip(pads[::2], pads[1::2], strict=True), *[(0, 0)] * len(source.shape)][: len(source.shape)]
    if any(pads[2 * len(around) :]):
        raise refused(node, "padding of the batch")
    if not any(pads):
        return None if any(less) else importer.same(node)
    *positions, channels = around  # the last position first
    before, after = zip(*reversed(positions), channels, strict=True)
    name, fill = importer.unique(node.name), float(value or 0.0)
    shape = tuple(b + n + a for b, n, a in zip(before, source.shape, after, strict=True))
    pad = Pad(name=name, inputs=(source.name,), shape=shape, before=before, after=after, fill=fill)
    return importer.add(node, pad)


def _is_max_pooling(node: fx.Node) -> bool:
    return operator_of(node).startswith("max_pool")


def _gather(importer: Importer, node: fx.Node, function: Function, name: str = "") -> Gather:
    """Adds the rows and columns that a function of the call's operand takes."""
    source = importer.source(node)
    if len(source.shape) not in (2, 3):
        raise refused(node, f"aten.{operator_of(node)} of a value without positions")
    try:
        rows, columns = _places(source.shape, function)
    except RuntimeError as error:  # torch does not take such a map: the channels or the batch are meant
        raise refused(node, f"aten.{operator_of(node)} along other axes than positions") from error
    gather = Gather(
        name=importer.unique(name or node.name),
        inputs=(source.name,),
        shape=(len(rows), len(columns), source.shape[-1])[-len(source.shape) :],
        rows=rows.astype(np.uint16),
        columns=columns.astype(np.uint16),
    )
    importer.add(node, gather)
    return gather


def _as_called(node: fx.Node) -> Function:
    call: Any = node.target
    return lambda x: call(x, *node.args[1:], **node.kwargs)


def _places(shape: Shape, function: Function) -> tuple[Doubles, Doubles]:
    """The row and the column of x (N, C, ...), channels last of `shape`, that each row and column of its result is."""
    height, width, _ = plane(shape)
    columns = torch.arange(width, dtype=torch.float64)
    if len(shape) == 2:
        return np.zeros(1), function(columns[None, None])[0, 0].numpy()
    rows = torch.arange(height, dtype=torch.float64)[:, None].expand(height, width)
    across = columns.expand(height, width)
    return function(rows[None, None])[0, 0, :, 0].numpy(), function(across[None, None])[0, 0, 0].numpy()
