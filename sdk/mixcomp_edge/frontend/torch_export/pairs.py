"""Two values, or a value and a constant in flash, joined element by element: one repeats where it has size 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import fx

from mixcomp_edge.frontend.torch_export.importer import Importer
from mixcomp_edge.frontend.torch_export.orders import Order, canonical, placed
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.ir.graph import Node


def joined(
    importer: Importer, node: fx.Node, make: Callable[..., Node], a: Stored, b: Stored, order: Order | None = None
) -> Stored:
    """Adds what two values of one rank make: in that order, or as the first lies that nothing repeats, or channels last
    where both repeat."""
    if a.placement.shape == b.placement.shape:
        importer.pointwise(node, make, a, b)
        return importer.alias[node]
    shape = tuple(max(m, n) for m, n in zip(a.placement.shape, b.placement.shape, strict=True))
    whole = next((o for o in (a, b) if o.placement.shape == shape), None)
    if order is None:
        order = canonical(len(shape) - 1) if whole is None else importer.read(node, whole).order
    inputs = tuple(importer.source_as(node, operand, order).name for operand in (a, b))
    made = make(name=importer.unique(node.name), inputs=inputs, shape=tuple(shape[1 + dim] for dim in order))
    importer.nodes[made.name] = made
    return Stored(made.name, placed(shape, order), node.name)


def operand(importer: Importer, node: fx.Node, argument: Any) -> Stored:
    """A value that a call reads, or a constant in flash."""
    if argument in importer.alias:
        return importer.stored(node, argument)
    return importer.flash(node, argument, importer.constant(node, argument))
