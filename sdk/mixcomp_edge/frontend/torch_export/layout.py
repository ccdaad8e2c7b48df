"""What moves elements or leaves them alone: shapes, joins, slices, casts."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import BATCH, arguments, refused, torch_shape, unstorable, value_of
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.lifting import Lift
from mixcomp_edge.frontend.torch_export.orders import placed
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.operators.concat import Concat


@handles("cat.default", "concat.default", "concatenate.default", lift=Lift.ALONG)
def _cat(importer: Importer, node: fx.Node) -> None:
    tensors, dim = arguments(node, None, 0)
    axis = int(dim) % len(torch_shape(node))
    if axis == 0:
        raise refused(node, "a concatenation along the batch")
    operands = [
        tensor if tensor in importer.alias else importer.flash(node, tensor, importer.constant(node, tensor))
        for tensor in tensors
    ]
    importer.alias[node] = join(importer, node, [importer.stored(node, operand) for operand in operands], axis)


def join(importer: Importer, node: fx.Node, parts: list[Stored], dim: int) -> Stored:
    """Values side by side along a dimension, in the order in which the first lies."""
    order = importer.read(node, parts[0]).order
    inputs = [importer.source_as(node, part, order) for part in parts]
    axis = order.index(dim - 1)
    shape = (*inputs[0].shape[:axis], sum(source.shape[axis] for source in inputs), *inputs[0].shape[axis + 1 :])
    name, names = importer.unique(node.name), tuple(source.name for source in inputs)
    importer.nodes[name] = Concat(name=name, inputs=names, shape=shape, axis=axis)
    sizes = {d: shape[at] for at, d in enumerate(order)}
    whole = (BATCH, *(sizes[d] for d in range(len(order))))
    return Stored(name, placed(whole, order), node.name)


@handles("flatten.using_ints", "view.default", "reshape.default", "_unsafe_view.default", "squeeze.default",
         "squeeze.dims", "squeeze.dim", "unsqueeze.default", "unflatten.int")  # fmt: skip
def _reshape(importer: Importer, node: fx.Node) -> None:
    """Another note, where the elements lie so that the new dimensions can be told; else a copy in PyTorch's order."""
    importer.alias[node] = viewed(importer, node, importer.stored(node), torch_shape(node))


def viewed(importer: Importer, node: fx.Node, stored: Stored, shape: tuple[int, ...]) -> Stored:
    """A value in another shape, the batch first."""
    placement = stored.placement.reshaped(shape)
    if placement is None:
        before = stored.placement.shape
        plain = placed(before, tuple(range(len(before) - 1)))
        stored = replace(stored, node=importer.brought(stored, plain).name)
        placement = plain.reshaped(shape)
    if placement is None:
        raise refused(node, unstorable(shape))
    return replace(stored, placement=placement, call=node.name)


@handles("permute.default", "transpose.int", "t.default", "movedim.int", "movedim.intlist", "swapaxes.default",
         "swapdims.default", "moveaxis.int", "moveaxis.intlist", "mT", "adjoint.default")  # fmt: skip
def _permute(importer: Importer, node: fx.Node) -> None:
    """Another note: the dimensions as torch itself puts them for this call."""
    stored = importer.stored(node)
    told_apart = torch.empty(*range(len(stored.placement.dims)), device="meta")  # dimension d has size d
    dims = tuple(node.target(told_apart, *node.args[1:], **node.kwargs).shape)  # type: ignore[operator]
    importer.view(node, stored, stored.placement.permuted(dims))


@handles("_assert_tensor_metadata.default")
def _nothing(importer: Importer, node: fx.Node) -> None:
    """A check that torch.export adds to casts; it has no value."""


@handles("clone.default", "alias.default", "detach.default", "_to_copy.default", "type_as.default",
         "nan_to_num.default")  # fmt: skip
def _identity(importer: Importer, node: fx.Node) -> None:
    """Copies; casts between float types, which only round; what changes nothing in values that are finite."""
    importer.same(node)


@handles("fill.Scalar", "fill.Tensor",
         *(f"{name}.default" for name in ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"))
         )  # fmt: skip
def _filled(importer: Importer, node: fx.Node) -> None:
    """The value depends on a shape alone, and perhaps on a number."""
    read, *rest = node.args
    if any(source not in importer.constants for source in node.all_input_nodes if source is not read):
        raise refused(node, "filling with a number that is computed of the input")
    like = torch.empty(torch_shape(read), dtype=value_of(read).dtype)  # type: ignore[union-attr, arg-type]
    rest = fx.node.map_arg(rest, lambda source: importer.constants[source])
    importer.constants[node] = node.target(like, *rest, **node.kwargs)  # type: ignore[operator]


@handles("copy.default")
def _copy(importer: Importer, node: fx.Node) -> None:
    """y.copy_(x), y[...] = x: the value is x from now on."""
    if torch_shape(node) != importer.stored(node, 1).placement.shape:
        raise refused(node, "a copy that repeats a value")
    importer.same(node, 1)


@handles("getitem")
def _item(importer: Importer, node: fx.Node) -> None:
    """One of a call's several results; the only one of a call that has but one here."""
    call, index = node.args
    if isinstance(call, fx.Node) and call in importer.items:
        importer.alias[node] = importer.items[call][int(index)]  # type: ignore[arg-type]
    elif index != 0:
        raise refused(node, "reading a second result of a call")
    else:
        importer.same(node)
