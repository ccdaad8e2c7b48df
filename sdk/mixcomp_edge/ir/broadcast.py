"""Operators of two values, either of which may repeat along axes where it has size 1: shapes, and how C walks them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import ClassVar

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view
from mixcomp_edge.ir.c_view import Call, CValue, Fields, View
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Activated, QNode
from mixcomp_edge.numerics.functions import Formula
from mixcomp_edge.numerics.tflm import Factors


def broadcast_shape(node: Node, shapes: list[Shape]) -> Shape:
    """The shape to which two of one rank repeat: along each axis their sizes are equal, or one of them is 1."""
    a, b = shapes
    if len(a) != len(b) or any(m != n and 1 not in (m, n) for m, n in zip(a, b, strict=True)):
        raise GraphError(f"{node.name}: {node.op} cannot repeat shapes {a} and {b} to one.")
    return tuple(max(m, n) for m, n in zip(a, b, strict=True))


def operand(source: QNode, shape: Shape) -> CValue:
    """An mce_operand: a value along the axes of `shape`, neighbours that it walks or repeats alike as one."""
    axes = [(size, own == size) for size, own in zip(shape, source.shape, strict=True) if size > 1]
    joined = [(prod(size for size, _ in group), walks) for walks, group in groupby(axes, key=lambda axis: axis[1])]
    sizes = [1] * (4 - len(joined)) + [size for size, _ in joined]
    walked = [False] * (4 - len(joined)) + [walks for _, walks in joined]
    steps = [
        prod(size for size, walks in zip(sizes[i + 1 :], walked[i + 1 :], strict=True) if walks) if walked[i] else 0
        for i in range(4)
    ]
    if not joined:  # one element
        steps[3] = 1
    return (c_view.type_of(source.type), source.type.zero_point, tuple(sizes), tuple(steps))


def ordered(sources: list[QNode]) -> list[int]:
    """The places of two values as kernels take them: what repeats comes second, so that they prepare it once."""
    return sorted((0, 1), key=lambda i: -sources[i].elements)


def terms(
    node: QNode, sources: list[QNode], by: tuple[Factors, Factors], signs: tuple[int, int], total: Factors
) -> View:
    """An mce_terms, of contract tflm: each value times a factor, with its sign, and what they make times another."""
    first, second = ordered(sources)
    lines: tuple[Fields, ...] = (
        {"a": operand(sources[first], node.shape)},
        {"b": operand(sources[second], node.shape)},
        {"y_type": c_view.type_of(node.type), "y_zero": node.type.zero_point, "n": node.elements},
        {"a_sign": signs[first], "b_sign": signs[second]},
        {"a_by": tuple(by[first].words), "b_by": tuple(by[second].words), "y_by": tuple(total.words)},
    )
    return View((), (Call("mce_terms", lines, (sources[first].name, sources[second].name)),))


@dataclass(frozen=True, eq=False, kw_only=True)
class Pair(Activated):
    """An operator of two values in the float graph."""

    @property
    def arity(self) -> int:
        return 2

    @property
    def joins(self) -> Formula:
        """What it makes of its two values, before its activation."""
        raise NotImplementedError

    @property
    def formula(self) -> Formula | None:
        return self.activated(self.joins, 2)

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return broadcast_shape(self, shapes)

    def is_skewed(self, inputs: list[bool]) -> bool:
        return any(inputs)


@dataclass(frozen=True, eq=False, kw_only=True)
class QPair(QNode):
    """The same in the integer graph."""

    in_place: ClassVar[tuple[int, int]] = (0, 2)

    @property
    def arity(self) -> int:
        return 2

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return broadcast_shape(self, shapes)

    @property
    def factors(self) -> tuple[int, int, int]:
        """a_multiplier, b_multiplier and shift of an mce_pair."""
        raise NotImplementedError

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        multipliers, shift = self.factors[:2], self.factors[2]
        (a, ma), (b, mb) = ((sources[i], multipliers[i]) for i in ordered(sources))
        lines: tuple[Fields, ...] = (
            {"a": operand(a, self.shape)},
            {"b": operand(b, self.shape)},
            {"y_type": c_view.type_of(self.type), "y_zero": self.type.zero_point, "n": self.elements},
            {"a_multiplier": ma, "b_multiplier": mb, "shift": shift},
        )
        return (Call("mce_pair", lines, (a.name, b.name)),)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return axis
