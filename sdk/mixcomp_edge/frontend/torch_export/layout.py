"""What moves elements or leaves them alone: shapes, joins, slices, casts."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import BATCH, arguments, axis_of, refused, torch_shape, unstorable
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.orders import placed
from mixcomp_edge.ir.graph import Window
from mixcomp_edge.operators.concat import Concat
from mixcomp_edge.operators.maxpool2d import MaxPool2d


@handles("cat.default", "concat.default", "concatenate.default")
def _cat(importer: Importer, node: fx.Node) -> None:
    tensors, dim = arguments(node, None, 0)
    axis = int(dim) % len(torch_shape(node))
    if axis == 0:
        raise refused(node, "a concatenation along the batch")
    operands = [
        tensor if tensor in importer.alias else importer.flash(node, tensor, importer.constant(node, tensor))
        for tensor in tensors
    ]
    order = importer.read(node, operands[0]).order
    inputs = [importer.source_as(node, operand, order) for operand in operands]
    shape = tuple(torch_shape(node)[1 + dim] for dim in order)
    names = tuple(source.name for source in inputs)
    concat = Concat(name=importer.unique(node.name), inputs=names, shape=shape, axis=order.index(axis - 1))
    importer.add(node, concat, order)


@handles("flatten.using_ints", "view.default", "reshape.default", "_unsafe_view.default", "squeeze.default",
         "squeeze.dims", "squeeze.dim", "unsqueeze.default", "unflatten.int")  # fmt: skip
def _reshape(importer: Importer, node: fx.Node) -> None:
    """Another note, where the elements lie so that the new dimensions can be told; else a copy in PyTorch's order."""
    stored, shape = importer.stored(node), torch_shape(node)
    placement = stored.placement.reshaped(shape)
    if placement is None:
        before = stored.placement.shape
        plain = placed(before, tuple(range(len(before) - 1)))
        stored = replace(stored, node=importer.brought(stored, plain).name)
        placement = plain.reshaped(shape)
    if placement is None or placement.dims[0] != (0,):
        raise refused(node, unstorable(shape))
    importer.view(node, stored, placement)


@handles("permute.default", "transpose.int", "t.default", "movedim.int", "movedim.intlist", "swapaxes.default",
         "swapdims.default", "moveaxis.int", "moveaxis.intlist", "mT", "adjoint.default")  # fmt: skip
def _permute(importer: Importer, node: fx.Node) -> None:
    """Another note: the dimensions as torch itself puts them for this call."""
    stored = importer.stored(node)
    told_apart = torch.empty(*range(len(stored.placement.dims)), device="meta")  # dimension d has size d
    dims = tuple(node.target(told_apart, *node.args[1:], **node.kwargs).shape)  # type: ignore[operator]
    if dims[0] != 0:
        raise refused(node, unstorable(torch_shape(node)))
    importer.view(node, stored, stored.placement.permuted(dims))


@handles("_assert_tensor_metadata.default")
def _nothing(importer: Importer, node: fx.Node) -> None:
    """A check that torch.export adds to casts; it has no value."""


@handles("slice.Tensor")
def _slice(importer: Importer, node: fx.Node) -> None:
    """x[:, :, ::s]: the whole axis is nothing; a stride over H or W is a pooling over 1x1 windows."""
    source = importer.source(node)
    _, dim, start, end, step = arguments(node, None, 0, None, None, 1)
    rank = len(source.shape) + 1
    axis = axis_of(dim, rank)
    size = BATCH if axis < 0 else source.shape[axis]
    if (start or 0) != 0 or (end is not None and end < size) or (step != 1 and (rank != 4 or axis not in (0, 1))):
        raise refused(node, "a slice other than a stride over H or W")
    if step == 1:
        return importer.same(node)
    stride = (step, 1) if axis == 0 else (1, step)
    return importer.unary(node, MaxPool2d, window=Window((1, 1), stride))


@handles("clone.default", "alias.default", "detach.default", "_to_copy.default", "type_as.default")
def _identity(importer: Importer, node: fx.Node) -> None:
    """Copies, and casts between float types, which only round."""
    importer.same(node)


@handles("expand.default")
def _expand(importer: Importer, node: fx.Node) -> None:
    if torch_shape(node) != importer.stored(node).placement.shape:
        raise refused(node, "aten.expand to a larger value")
    importer.same(node)


@handles("copy.default")
def _copy(importer: Importer, node: fx.Node) -> None:
    """y.copy_(x), y[...] = x: the value is x from now on."""
    if torch_shape(node) != importer.stored(node, 1).placement.shape:
        raise refused(node, "a copy that repeats a value")
    importer.same(node, 1)


@handles("getitem")
def _item(importer: Importer, node: fx.Node) -> None:
    """Of a call with several results the first is what its handler made."""
    if node.args[1] != 0:
        raise refused(node, "reading a second result of a call")
    importer.same(node)
