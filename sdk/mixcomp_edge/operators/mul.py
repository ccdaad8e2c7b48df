"""mul, SPEC.md 4.15: the product of two values, either of which may repeat."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from mixcomp_edge.ir import tflite, tflm
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.broadcast import Pair, QPair
from mixcomp_edge.ir.c_view import View
from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant, TflmRequant
from mixcomp_edge.numerics.functions import Formula, Step


@dataclass(frozen=True, eq=False, kw_only=True)
class Mul(Pair):
    """Product of two values."""

    op: ClassVar[str] = "mul"

    @property
    def joins(self) -> Formula:
        return (Step("product", (0, 1)),)

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return self.inputs[0] == self.inputs[1] or super().is_nonnegative(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        a, b = inputs
        return QMul(**self.common(y), requant=Requant.of(a.scale * b.scale / y.scale))


@dataclass(frozen=True, eq=False, kw_only=True)
class QMul(QPair):
    """requant: one multiplier, of the product of both less their zero points."""

    op: ClassVar[str] = "mul"

    requant: Requant

    def check(self, inputs: list[QType]) -> None:
        a, b = inputs
        check_requant(self.name, self.requant, (1,), a.peak * b.peak)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        a, b = (x - type_.zero_point for x, type_ in zip(inputs, types, strict=True))
        return self.requantize(a * b, self.requant)

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        a, b = inputs
        return replace(self, requant=self.requant.scaled(y.finer / (a.finer * b.finer)))

    @property
    def factors(self) -> tuple[int, int, int]:
        """The multiplier is the product's, whichever operand comes first."""
        multiplier = int(self.requant.multiplier[0])
        return multiplier, multiplier, self.requant.shift

    def by_tflm(self, sources: list[QNode]) -> View:
        (by,) = tflm.all_factors(self.tflite(sources))
        return self.seen(sources, requant=TflmRequant.by(by))

    def tflite(self, sources: list[QNode]) -> Operations:
        a, b = sources
        tflite.check_factor(self, self.requant.real, a.type.scale * b.type.scale / self.type.scale)
        return (Operation("MUL", tuple(map(tflite.value, sources)), tflite.value(self)),)
