"""first_states, SPEC.md 4.37: the states before an LSTM's first step, h and then the cell, of values that the model is
given, as the layer whose value is its states reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.c_view import Array, Call
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import FloatNode, QNode, Value
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant
from mixcomp_edge.numerics.gates import STATE_STEP, clamp16
from mixcomp_edge.numerics.requant import q32


@dataclass(frozen=True, eq=False, kw_only=True)
class OfStates(Node):
    """Reads h and the cell, of as many elements each, makes (1, 2 * H)."""

    @property
    def arity(self) -> int:
        return 2

    def output_shape(self, shapes: list[Shape]) -> Shape:
        h, c = (int(np.prod(shape)) for shape in shapes)
        if h != c:
            raise GraphError(f"{self.name}: reads states of {h} and {c} elements, expected as many of both.")
        return (1, h + c)


@dataclass(frozen=True, eq=False, kw_only=True)
class FirstStates(OfStates, FloatNode):
    """h, and the cell divided by `cell`: the largest that it may be."""

    op: ClassVar[str] = "first_states"

    cell: float

    @property
    def fixed_dtype(self) -> str:
        return "s16"

    @property
    def fixed_step(self) -> float:
        return STATE_STEP

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        steps = (y.scale, y.scale * self.cell)
        return QFirstStates(
            **self.common(y), initial=tuple(Requant.of(t.scale / step) for t, step in zip(inputs, steps, strict=True))
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class QFirstStates(OfStates, QNode):
    """initial: of each of the two, from its steps to those of the state."""

    op: ClassVar[str] = "first_states"
    title: ClassVar[str] = "first states"
    makes_16_bits: ClassVar[bool] = True

    initial: tuple[Requant, ...]

    def check(self, inputs: list[QType]) -> None:
        if self.type.dtype != "s16" or self.type.zero_point:
            raise GraphError(f"{self.name}: makes s16 with zero point 0, not {self.type}.")
        if len(self.initial) != len(inputs):
            raise GraphError(f"{self.name}: {len(self.initial)} requantizers for {len(inputs)} states.")
        for by, type_ in zip(self.initial, inputs, strict=True):
            check_requant(self.name, by, (1,), type_.peak)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        made = [
            clamp16(q32(v - t.zero_point, by.multiplier.astype(np.int64), by.shift)).reshape(len(v), -1)
            for v, t, by in zip(inputs, types, self.initial, strict=True)
        ]
        samples = max(map(len, made))  # a constant comes once for all
        return np.concatenate([np.broadcast_to(v, (samples, v.shape[1])) for v in made], 1)[:, None]

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        return replace(
            self, initial=tuple(by.scaled(1 / t.finer) for by, t in zip(self.initial, inputs, strict=True))
        )  # fmt: skip

    @property
    def constants(self) -> tuple[Array, ...]:
        return tuple(c_view.multiplier(by, f"initial_{i}") for i, by in enumerate(self.initial))

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        of = tuple(
            (c_view.type_of(s.type), s.type.zero_point, c_view.requantizer(by, f"initial_{i}"))
            for i, (s, by) in enumerate(zip(sources, self.initial, strict=True))
        )
        return (Call("mce_first_states", ({"size": self.elements // 2}, {"of": of}), self.inputs),)
