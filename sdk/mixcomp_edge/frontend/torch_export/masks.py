"""Masks that are known before the model runs: what a softmax leaves out, and other elements that are replaced. They are
written as a sum with very negative numbers, as masked_fill or where, or as the mask of an attention."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from mixcomp_edge.frontend.torch_export.calls import operator_of, refused, value_of
from mixcomp_edge.frontend.torch_export.importer import Importer
from mixcomp_edge.frontend.torch_export.orders import placed
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.ir.graph import Node
from mixcomp_edge.ir.nodes import Doubles
from mixcomp_edge.operators.add import Add
from mixcomp_edge.operators.blend import NOTHING, OPEN, Blend, Masked
from mixcomp_edge.operators.constant import Constant
from mixcomp_edge.operators.mul import Mul

OUT, FAR_OUT = -30.0, -1000.0  # what is added to leave an element out: exp of it is nothing
MAXIMA = ("amax", "max")
THROUGH = ("view", "reshape", "_unsafe_view", "unsqueeze", "squeeze", "permute", "transpose", "clone", "alias",
           "detach", "_to_copy", "type_as", "add", "sub", "masked_fill", "where")  # fmt: skip


def is_mask(node: fx.Node, addend: Doubles) -> bool:
    """Whether a sum with these numbers leaves some elements out of the softmax behind it."""
    out = _out(addend)
    return bool(out.any() and not out.all()) and before_softmax(node)


def _out(addend: Doubles) -> Any:
    """Where numbers leave an element out: those below all doubt, or else the only one that is small enough. Others are
    a bias, however deep it goes."""
    out = addend <= FAR_OUT
    if not out.any():
        out = addend <= OUT
        out = out & (len({*addend[out].tolist()}) == 1)
    return out


def before_softmax(node: fx.Node) -> bool:
    """Whether nothing but a softmax reads the call's value, in whatever shape."""
    return _reader(node)[0] == "softmax"


def leaves_out(node: fx.Node) -> bool:
    """Whether very negative numbers in the call's value leave elements out: of a softmax or a maximum."""
    return _reader(node)[0] in ("softmax", *MAXIMA)


def _reader(node: fx.Node) -> tuple[str, int | None]:
    """What alone reads the call's value, in whatever shape, and the dimension along which it goes, where that is one of
    the value itself."""
    start = reader = node.meta.get("lifted", node)
    while len(reader.users) == 1:
        (reader,) = reader.users
        name, dims = operator_of(reader), reader.args[1:2]
        if name == "softmax" or (name in MAXIMA and dims):
            named = dims[0] if isinstance(dims[0], int) else None
            now, before = value_of(reader.args[0]), value_of(start)
            same = start is node and now is not None and before is not None and now.shape == before.shape
            return name, named if same else None
        if name not in THROUGH:
            break
    return "", None


def toward_reader(importer: Importer, node: fx.Node, value: Stored) -> Stored:
    """The value with the dimension innermost along which a softmax goes."""
    shape = value.placement.shape
    name, dim = _reader(node)
    if name != "softmax" or value.placement.dims[0] != (0,) or len(shape) < 2:
        return value
    last = (len(shape) - 1 if dim is None else dim % len(shape)) - 1
    order = (*(d for d in range(len(shape) - 1) if d != last), last)
    if last < 0 or (importer.nodes[value.node].shape[-1] == shape[1 + last] and value.placement.is_innermost(1 + last)):
        return value
    return Stored(importer.source_as(node, value, order).name, placed(shape, order), value.call)


def reach(node: fx.Node) -> float:
    """Of the call's value, how far below the largest number of a row its reader tells numbers apart."""
    return math.inf if _reader(node)[0] in MAXIMA else NOTHING


def with_mask(importer: Importer, node: fx.Node, value: Stored, addend: Doubles) -> Stored:
    """The value plus numbers that leave some of its elements out. addend: of the value's rank without the batch, in
    PyTorch's order; an axis of 1 repeats."""
    out = _out(addend)
    if not out.any():
        return _sum(importer, node, value, addend) if addend.any() else value
    least = {*addend[out].tolist()}
    if len(least) > 1:
        raise refused(node, "a mask of several numbers", "write -inf for each element that is left out")
    rest = np.where(out, 0.0, addend)
    if rest.any():
        value = _sum(importer, node, value, rest)
    return left_out(importer, node, value, out, least.pop(), adds=True)


def left_out(importer: Importer, node: fx.Node, value: Stored, out: Any, least: float, *, adds: bool) -> Stored:
    """The value without the elements that a softmax or a maximum is to leave out."""
    limits = np.where(out, -OPEN, OPEN)
    make = partial(Masked, least=float(least), adds=adds, reach=reach(node))
    return with_constant(importer, node, toward_reader(importer, node, value), limits, make, "mask")


def replaced(importer: Importer, node: fx.Node, value: Stored, where: Any, number: float) -> Stored:
    """The value with a number in some places."""
    value = with_constant(importer, node, value, np.where(where, 0.0, 1.0), Mul, "kept")
    return _sum(importer, node, value, np.where(where, number, 0.0)) if number else value


def attention_mask(mask: Tensor | None, causal: bool, queries: int, keys: int) -> Doubles | None:
    """What is added to the scores (..., queries, keys)."""
    if causal:
        mask = torch.ones(queries, keys, dtype=torch.bool).tril()
    if mask is None:
        return None
    if mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)
    return mask.double().numpy()


def _sum(importer: Importer, node: fx.Node, value: Stored, addend: Doubles) -> Stored:
    whole = addend.shape == value.placement.shape[1:]
    return with_constant(importer, node, value, addend, Add if whole else _blend, "bias")


def _blend(**common: Any) -> Blend:
    return Blend(**common, factors=np.ones(2))


def with_constant(
    importer: Importer, node: fx.Node, value: Stored, constant: Doubles, make: Callable[..., Node], what: str
) -> Stored:
    """Adds make(...) of the value as it lies and a constant in flash."""
    read = importer.lying(node, value)
    laid = np.ascontiguousarray(constant.transpose(read.order))
    held = Constant(name=importer.unique(f"{importer.place(node)}_{what}"), inputs=(), shape=laid.shape, values=laid)
    importer.nodes[held.name] = held
    made = make(name=importer.unique(node.name), inputs=(read.node.name, held.name), shape=read.node.shape)
    importer.nodes[made.name] = made
    return Stored(made.name, placed(value.placement.shape, read.order), node.name)
