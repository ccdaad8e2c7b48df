"""Masks that are known before the model runs: what a softmax leaves out, and other elements that are replaced. They are
written as a sum with very negative numbers, as masked_fill or where, or as the mask of an attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from mixcomp_edge.frontend.torch_export.calls import operator_of, refused
from mixcomp_edge.frontend.torch_export.importer import Importer
from mixcomp_edge.frontend.torch_export.orders import placed
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.ir.graph import Node
from mixcomp_edge.ir.nodes import Doubles
from mixcomp_edge.operators.add import Add
from mixcomp_edge.operators.blend import OPEN, Blend, Masked
from mixcomp_edge.operators.constant import Constant
from mixcomp_edge.operators.mul import Mul

OUT, FAR_OUT = -30.0, -1000.0  # what is added to leave an element out: exp of it is nothing
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
    reader = node.meta.get("lifted", node)
    while len(reader.users) == 1:
        (reader,) = reader.users
        if operator_of(reader) == "softmax":
            return True
        if operator_of(reader) not in THROUGH:
            break
    return False


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
    """The value without the elements that a softmax is to leave out."""
    limits = np.where(out, -OPEN, OPEN)
    return with_constant(
        importer, node, value, limits, lambda **common: Masked(**common, least=float(least), adds=adds), "mask"
    )


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
    read = importer.read(node, value)
    laid = np.ascontiguousarray(constant.transpose(read.order))
    held = Constant(name=importer.unique(f"{importer.place(node)}_{what}"), inputs=(), shape=laid.shape, values=laid)
    importer.nodes[held.name] = held
    made = make(name=importer.unique(node.name), inputs=(read.node.name, held.name), shape=read.node.shape)
    importer.nodes[made.name] = made
    return Stored(made.name, placed(value.placement.shape, read.order), node.name)
