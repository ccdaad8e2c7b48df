"""The values of a program on the way into a graph: which node has each, how it lies there, and how a handler reads it
in the order that it needs. What lies in another order is copied into it, once."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Any

from torch import fx

from mixcomp_edge.frontend.torch_export.calls import refused, torch_shape, unstorable
from mixcomp_edge.frontend.torch_export.orders import Order, Placement, canonical, moves, placed
from mixcomp_edge.ir.bounds import MAX_RANK
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Doubles
from mixcomp_edge.ir.verify import symbol
from mixcomp_edge.operators.constant import Constant
from mixcomp_edge.operators.reshape import Reshape
from mixcomp_edge.operators.transpose import Transpose

MAX_NAME = 88  # characters of a layer's name; the IR allows 96, and `unique` may add a number


@dataclass(frozen=True)
class Stored:
    """A value of the program: the elements of a node's value, in whatever shape that has, as the placement says.
    call: the name of what made it so."""

    node: str
    placement: Placement
    call: str


@dataclass(frozen=True)
class Read:
    """A node that has a value, and the order in which the value's dimensions are its axes."""

    node: Node
    order: Order


Operand = int | fx.Node | Stored  # its index in a call, or itself


class Values:
    """nodes: by name, in execution order. alias: where the value of each fx node lies; items: those of one with
    several."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.alias: dict[fx.Node, Stored] = {}
        self.items: dict[fx.Node, list[Stored]] = {}
        self.copies: dict[tuple[Any, ...], str] = {}  # reshapes and transpositions, by what they do

    def source(self, node: fx.Node, index: Operand = 0) -> Node:
        """The node that has the operand's value in the canonical order, channels last."""
        return self._ordered(self.stored(node, index), None, node)

    def source_as(self, node: fx.Node, index: Operand, order: Order) -> Node:
        """The same in the order that is asked for."""
        return self._ordered(self.stored(node, index), order, node)

    def read(self, node: fx.Node, index: Operand = 0) -> Read:
        """The operand as it lies, each dimension in one piece; in the canonical order where that is not so."""
        stored = self.stored(node, index)
        order = stored.placement.order or canonical(len(stored.placement.dims) - 1)
        return Read(self._ordered(stored, order, node), order)

    def lying(self, node: fx.Node, index: Operand = 0) -> Read:
        """The same, in PyTorch's order where it lies so, whatever else dimensions of 1 would allow."""
        stored = self.stored(node, index)
        shape, source = stored.placement.shape, self.nodes[stored.node]
        plain = tuple(range(len(shape) - 1))
        as_torch = source.shape == shape[1:] and stored.placement == placed(shape, plain)
        return Read(source, plain) if as_torch else self.read(node, index)

    def stored(self, node: fx.Node, index: Operand = 0) -> Stored:
        """Where the operand lies, and how."""
        if isinstance(index, Stored):
            return index
        argument = node.args[index] if isinstance(index, int) else index
        if not isinstance(argument, fx.Node) or argument not in self.alias:
            raise refused(node, f"operand {index} of {node.target} does not come from the input")
        return self.alias[argument]

    def brought(self, stored: Stored, to: Placement, shape: Shape | None = None) -> Node:
        """The node that has a value in another placement, under a shape of as many elements; None for any."""
        node = self.nodes[stored.node]
        for before, axes in moves(stored.placement, to):
            node = self._transposed(self.shaped(node, before, stored.call), axes, stored.call)
        return node if shape is None else self.shaped(node, shape, stored.call)

    def _ordered(self, stored: Stored, order: Order | None, reader: fx.Node) -> Node:
        shape = stored.placement.shape
        if stored.placement.dims[0] != (0,) or not 1 <= len(shape) <= 1 + MAX_RANK:
            raise refused(reader, f"reading {unstorable(shape)}")
        order = canonical(len(shape) - 1) if order is None else order
        return self.brought(stored, placed(shape, order), tuple(shape[1 + dim] for dim in order) or (1,))

    def shaped(self, node: Node, shape: Shape, call: str) -> Node:
        """The same elements under another shape; `call` names the reshape where one is needed."""
        if node.shape == shape:
            return node
        if isinstance(node, Constant):
            return self._constant(node, node.values.reshape(shape))
        return self.once(Reshape(name=self.unique(call), inputs=(node.name,), shape=shape), shape)

    def _transposed(self, node: Node, axes: tuple[int, ...], call: str) -> Node:
        if isinstance(node, Constant):
            return self._constant(node, node.values.transpose(axes))
        shape = tuple(node.shape[axis] for axis in axes)
        name = self.unique(f"{call}_transposed")
        return self.once(Transpose(name=name, inputs=(node.name,), shape=shape, axes=axes), axes)

    def _constant(self, node: Constant, values: Doubles) -> Node:
        """A constant as another is to lie: nothing moves when the model runs."""
        name = self.unique(node.name)
        return self.nodes.setdefault(name, replace(node, name=name, shape=values.shape, values=values.copy()))

    def once(self, node: Node, what: tuple[Any, ...]) -> Node:
        """The node itself, or an earlier one that does the same."""
        name = self.copies.setdefault((type(node), node.inputs, what), node.name)
        return self.nodes.setdefault(name, node)

    def add(self, fx_node: fx.Node, node: Node, order: Order | None = None) -> None:
        """Adds the node that has the call's value, stored in that order; in the canonical one where it is None."""
        shape = torch_shape(fx_node)
        placement = placed(shape, canonical(len(shape) - 1) if order is None else order)
        self.nodes[node.name] = node
        self.alias[fx_node] = Stored(node.name, placement, fx_node.name)

    def same(self, node: fx.Node, index: Operand = 0) -> None:
        """The call's value is its operand."""
        self.alias[node] = self.stored(node, index)

    def view(self, node: fx.Node, stored: Stored, placement: Placement) -> None:
        """The call's value is the elements of another as they lie, read in that placement."""
        self.alias[node] = replace(stored, placement=placement, call=node.name)

    def unique(self, name: str) -> str:
        """A legal name that no node has yet."""
        name = re.sub(r"[^A-Za-z0-9_.]", "_", name)
        name = name if re.match(r"[A-Za-z0-9_]", name) else f"_{name}"
        if len(name) > MAX_NAME:
            name = f"{name[: MAX_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        taken = {symbol(other) for other in self.nodes}
        candidate, count = name, 1
        while symbol(candidate) in taken:
            candidate, count = f"{name}_{count}", count + 1
        return candidate
