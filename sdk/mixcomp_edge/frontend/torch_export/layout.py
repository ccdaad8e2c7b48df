"""What moves elements or leaves them alone: shapes, joins, padding, slices, casts."""

from __future__ import annotations

from math import prod

from torch import fx

from mixcomp_edge.frontend.torch_export.calls import BATCH, arguments, axis_of, channels_first, refused, shape_of
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.ir.graph import Window
from mixcomp_edge.operators.concat import Concat
from mixcomp_edge.operators.maxpool2d import MaxPool2d
from mixcomp_edge.operators.pad import Pad
from mixcomp_edge.operators.reshape import Reshape


@handles("cat.default", "concat.default", "concatenate.default")
def _cat(importer: Importer, node: fx.Node) -> None:
    tensors, dim = arguments(node, None, 0)
    inputs = [
        importer.alias.get(tensor) or importer.flash(node, tensor, importer.constant(node, tensor)).name
        for tensor in tensors
    ]
    axis = axis_of(dim, len(shape_of(node)) + 1)
    if axis < 0:
        raise refused(node, "a concatenation along the batch")
    name = importer.unique(node.name)
    importer.add(node, Concat(name=name, inputs=tuple(inputs), shape=shape_of(node), axis=axis))


@handles("flatten.using_ints", "view.default", "reshape.default", "_unsafe_view.default", "squeeze.dims", "squeeze.dim",
         "unsqueeze.default", "unflatten.int")  # fmt: skip
def _reshape(importer: Importer, node: fx.Node) -> None:
    source, shape = importer.source(node), shape_of(node)
    if shape == source.shape:
        importer.alias[node] = source.name
        return
    # Channels-last order equals PyTorch's when there is one channel or one position.
    same_order = all(size[-1] == prod(size) or size[-1] == 1 for size in (source.shape, shape))
    if not same_order and len(shape) != 1:
        raise refused(node, f"a reshape from {channels_first(source.shape)} to {channels_first(shape)}")
    importer.unary(node, Reshape, channels_first=not same_order)


@handles("pad.default", "constant_pad_nd.default")
def _pad(importer: Importer, node: fx.Node) -> None:
    source = importer.source(node)
    mode = (
        node.args[2] if str(node.target).removeprefix("aten.") == "pad.default" and len(node.args) > 2 else "constant"
    )
    value = node.args[-1] if isinstance(node.args[-1], float | int) else node.kwargs.get("value")
    if mode != "constant" or value not in (None, 0, 0.0):
        raise refused(node, f"padding with mode '{mode}' and value {value} (only zeros)")
    rank = len(source.shape) + 1
    before, after = [0] * (rank - 1), [0] * (rank - 1)
    pads = [int(p) for p in node.args[1]]  # type: ignore[union-attr, arg-type]
    for k in range(len(pads) // 2):  # PyTorch lists the last dimension first
        axis = axis_of(rank - 1 - k, rank)
        if axis < 0 or min(pads[2 * k], pads[2 * k + 1]) < 0:
            raise refused(node, "padding of the batch, or by a negative amount")
        before[axis], after[axis] = pads[2 * k], pads[2 * k + 1]
    if not any(pads):
        importer.alias[node] = source.name
        return
    importer.unary(node, Pad, before=tuple(before), after=tuple(after))


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
        importer.alias[node] = source.name
        return
    stride = (step, 1) if axis == 0 else (1, step)
    importer.unary(node, MaxPool2d, window=Window((1, 1), stride))


@handles("clone.default", "alias.default", "detach.default", "_to_copy.default", "type_as.default")
def _identity(importer: Importer, node: fx.Node) -> None:
    """Copies, and casts between float types, which only round."""
    importer.alias[node] = importer.source(node).name


@handles("expand.default")
def _expand(importer: Importer, node: fx.Node) -> None:
    if shape_of(node) != importer.source(node).shape:
        raise refused(node, "aten.expand to a larger value")
    importer.alias[node] = importer.source(node).name


@handles("permute.default")
def _permute(importer: Importer, node: fx.Node) -> None:
    order = [int(dim) % len(node.args[1]) for dim in node.args[1]]  # type: ignore[arg-type, union-attr]
    if order != sorted(order):
        raise refused(node, "the operator aten.permute is not supported")
    importer.alias[node] = importer.source(node).name


@handles("copy.default")
def _copy(importer: Importer, node: fx.Node) -> None:
    """y.copy_(x), y[...] = x: the value is x from now on."""
    if shape_of(node) != importer.source(node, 1).shape:
        raise refused(node, "a copy that repeats a value")
    importer.alias[node] = importer.source(node, 1).name


@handles("getitem")
def _item(importer: Importer, node: fx.Node) -> None:
    """Of a call with several results the first is what its handler made."""
    if node.args[1] != 0:
        raise refused(node, "reading a second result of a call")
    importer.alias[node] = importer.source(node).name
