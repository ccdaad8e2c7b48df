"""add, SPEC.md 4.4: the sum of two values of one shape."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import tflite, tflm
from mixcomp_edge.ir.bounds import INT32_MAX
from mixcomp_edge.ir.broadcast import terms
from mixcomp_edge.ir.c_view import Call, View
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Activated, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.numerics.functions import Formula, Step
from mixcomp_edge.numerics.requant import add_parameters


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(Activated):
    """Sum of two values of one shape."""

    op: ClassVar[str] = "add"

    @property
    def arity(self) -> int:
        return 2

    @property
    def formula(self) -> Formula:
        return self.activated((Step("sum", (0, 1)),), 2)

    def is_skewed(self, inputs: list[bool]) -> bool:
        return any(inputs)

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, shapes)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        a, b = inputs
        ma, mb, shift = add_parameters(a.scale, b.scale, y.scale, a.peak, b.peak)
        return QAdd(**self.common(y), a_multiplier=ma, b_multiplier=mb, shift=shift)


@dataclass(frozen=True, eq=False, kw_only=True)
class QAdd(QNode):
    """y = zero + (a * a_multiplier + b * b_multiplier) / 2**shift, rounded; a and b less their zero points."""

    op: ClassVar[str] = "add"
    in_place: ClassVar[tuple[int, int]] = (0, 2)

    a_multiplier: int
    b_multiplier: int
    shift: int

    @property
    def arity(self) -> int:
        return 2

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, shapes)

    def check(self, inputs: list[QType]) -> None:
        if not 1 <= self.shift <= 30 or min(self.a_multiplier, self.b_multiplier) < 0:
            raise GraphError(f"{self.name}: shift {self.shift} or a multiplier is out of range.")
        a, b = inputs
        peak = a.peak * self.a_multiplier + b.peak * self.b_multiplier + (1 << (self.shift - 1))
        if peak > INT32_MAX:
            raise LoweringError(f"{self.name}: the sum may reach {peak}, beyond int32.")

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        a, b = (x - type_.zero_point for x, type_ in zip(inputs, types, strict=True))
        acc = a * self.a_multiplier + b * self.b_multiplier
        return self.clamp(self.type.zero_point + ((acc + (1 << (self.shift - 1))) >> self.shift))

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        a, b = (type_.wide for type_ in inputs)
        ma, mb, shift = add_parameters(a.scale, b.scale, self.type.scale, a.peak, b.peak)
        return replace(self, a_multiplier=ma, b_multiplier=mb, shift=shift)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        a, b = sources
        tensors = {"a": a.tensor, "b": b.tensor, "y": self.tensor}
        factors = {"a_multiplier": self.a_multiplier, "b_multiplier": self.b_multiplier, "shift": self.shift}
        return (Call("mce_add", (tensors, {**factors}), self.inputs),)

    def by_tflm(self, sources: list[QNode]) -> View:
        a, b, by = tflm.all_factors(self.tflite(sources))
        return terms(self, sources, (a, b), (1, 1), by)

    def tflite(self, sources: list[QNode]) -> Operations:
        steps = [source.type.scale / self.type.scale for source in sources]
        tflite.check_factor(self, [self.a_multiplier / 2**self.shift, self.b_multiplier / 2**self.shift], steps)
        return (Operation("ADD", tuple(map(tflite.value, sources)), tflite.value(self)),)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return axis


def _output_shape(node: Node, shapes: list[Shape]) -> Shape:
    if shapes[0] != shapes[1]:
        raise GraphError(f"{node.name}: adds shapes {shapes[0]} and {shapes[1]}; broadcasting is not supported.")
    return shapes[0]
