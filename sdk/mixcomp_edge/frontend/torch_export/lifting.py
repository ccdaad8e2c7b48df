"""Calls on values whose samples are no first dimension of their own: sequences (T, N, F), the heads of an attention
(N * H, T, D), one number a sample (N). Such a call is made with the samples apart instead, on (N, T, 1, F),
(N, H, T, D) or (N, 1): what a dimension holds beside the samples stays where it is, behind a new first one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx

from mixcomp_edge.frontend.torch_export.calls import BATCH, operator_of, refused, torch_shape, unstorable, value_of
from mixcomp_edge.frontend.torch_export.orders import Placement

if TYPE_CHECKING:
    from mixcomp_edge.frontend.torch_export.importer import Importer

DIMS = ("dim", "dims")  # the arguments that name dimensions
APART = "each sample is computed by itself: name another dimension"


class Lift(Enum):
    """What a call's dimensions are, so that it can be made with the samples apart."""

    BROADCAST = "those of all its operands"
    ALONG = "it goes along the one or those that an argument names"
    LAST = "it goes over the last ones"


def lifted(importer: Importer, node: fx.Node, handler: Callable[[Any, fx.Node], None], lift: Lift) -> bool:
    """Makes the call with the samples apart; False where they are apart."""
    values = [source for source in node.all_input_nodes if source in importer.alias]
    placements = [importer.alias[value].placement for value in values]
    if all(placement.dims[0] == (0,) and len(placement.dims) > 1 for placement in placements):
        return False
    ranks = [len(placement.dims) for placement in placements]
    rank = len(torch_shape(node)) if lift is Lift.BROADCAST else max(ranks)
    samples = {_samples(node, padded(placement, rank)) for placement in placements}
    if len(samples) > 1:
        raise refused(node, "a call on values whose samples are in different dimensions")
    call = _Lifted(importer, node, lift, rank, samples.pop()).call()
    handler(importer, call)
    if call in importer.alias:
        importer.alias[node] = _lowered(node, importer.alias.pop(call), torch_shape(node))
    if call in importer.items:
        shapes = [tuple(value.shape) for value in node.meta["val"]]
        parts = zip(importer.items.pop(call), shapes, strict=True)
        importer.items[node] = [_lowered(node, part, shape) for part, shape in parts]
    for source in call.all_input_nodes:
        importer.alias.pop(source, None)
        importer.constants.pop(source, None)
    return True


def padded(placement: Placement, rank: int) -> Placement:
    """With dimensions of 1 in front, as for broadcasting."""
    return Placement(placement.sizes, ((),) * (rank - len(placement.dims)) + placement.dims)


def samples_apart(placement: Placement) -> Placement:
    """The samples as a new first dimension."""
    return Placement(placement.sizes, ((0,), *(tuple(f for f in dim if f) for dim in placement.dims)))


def _samples(node: fx.Node, placement: Placement) -> int:
    """The dimension that holds them, before what else it holds."""
    dim = next(i for i, factors in enumerate(placement.dims) if 0 in factors)
    if placement.dims[dim][0] != 0:
        raise refused(node, f"reading {unstorable(placement.shape)}")
    return dim


def _lowered(node: fx.Node, stored: Any, shape: tuple[int, ...]) -> Any:
    """A result as torch has it, in that shape: the samples in the only dimension that can hold them."""
    sizes, (_, *rest) = stored.placement.shape[1:], stored.placement.dims
    dims = [(0, *factors) if size != own else factors for size, own, factors in zip(shape, sizes, rest, strict=True)]
    return replace(stored, placement=Placement(stored.placement.sizes, tuple(dims)), call=node.name)


@dataclass(frozen=True)
class _Lifted:
    """rank: of the operands, or to which they are broadcast; samples: the dimension of that rank that holds them."""

    importer: Importer
    node: fx.Node
    lift: Lift
    rank: int
    samples: int

    def call(self) -> fx.Node:
        """The call in a graph of its own."""
        node, graph = self.node, fx.Graph()
        inputs = {source: self._operand(graph, source) for source in node.all_input_nodes}
        arguments, keywords = fx.node.map_arg((node.args, node.kwargs), inputs.__getitem__)
        given = self._moved([*arguments], dict(keywords))
        call = graph.create_node("call_function", node.target, tuple(given), keywords, node.name)
        shown = fx.node.map_arg((call.args, call.kwargs), lambda source: source.meta["val"])
        call.meta = {**node.meta, "lifted": node, "val": node.target(*shown[0], **shown[1])}  # type: ignore[operator]
        return call

    def _operand(self, graph: fx.Graph, source: fx.Node) -> fx.Node:
        operand = graph.placeholder(source.name)
        broadcast = self.lift is Lift.BROADCAST
        if source in self.importer.alias:
            stored = self.importer.alias[source]
            placement = samples_apart(padded(stored.placement, self.rank if broadcast else len(stored.placement.dims)))
            self.importer.alias[operand] = replace(stored, placement=placement)
            dtype = None if (value := value_of(source)) is None else value.dtype
            operand.meta["val"] = torch.empty(placement.shape, dtype=dtype, device="meta")
        else:
            constant = self.importer.constants[source]
            if isinstance(constant, Tensor) and self._has_samples(constant):
                constant = self._constant(constant)
            self.importer.constants[operand] = constant
            operand.meta["val"] = constant.to("meta") if isinstance(constant, Tensor) else constant
        return operand

    def _has_samples(self, value: Tensor) -> bool:
        """Whether a constant is broadcast with the values, or joined with them."""
        return (
            0 < value.dim() == self.rank if self.lift is Lift.ALONG else self.lift is Lift.BROADCAST and value.dim() > 0
        )

    def _constant(self, value: Tensor) -> Tensor:
        """A constant that meets the values, for one sample."""
        value = value.reshape((1,) * (self.rank - value.dim()) + tuple(value.shape))
        size = value.shape[self.samples]
        if size > 1:
            each = value.chunk(BATCH, self.samples)
            if not all(torch.equal(each[0], other) for other in each):
                raise refused(self.node, "a constant that differs among samples")
            value = each[0]
        return value.expand(1 if self.lift is Lift.BROADCAST else BATCH, *value.shape)

    def _moved(self, given: list[Any], keywords: dict[str, Any]) -> list[Any]:
        """The arguments with dimensions numbered as they are now."""
        if self.lift is Lift.LAST:
            if len(given[1]) >= self.rank - self.samples:
                raise refused(self.node, "a norm over the batch", APART)
            return given
        if self.lift is Lift.BROADCAST:
            return given
        schema = self.node.target._schema.arguments  # type: ignore[union-attr]
        at = next(i for i, argument in enumerate(schema) if argument.name in DIMS)
        given += [argument.default_value for argument in schema[len(given) : at + 1]]
        dims, new = given[at], operator_of(self.node) == "stack"
        named = [dims] if isinstance(dims, int) else dims or range(self.rank)
        moved = [int(dim) % (self.rank + new) for dim in named]
        if self.samples in moved and not new:
            raise refused(self.node, f"{self.node.target} over the batch", APART)
        given[at] = moved[0] + 1 if isinstance(dims, int) else [dim + 1 for dim in moved]
        return given
