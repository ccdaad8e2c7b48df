"""cumsum, SPEC.md 4.33: along the last axis, the sum of an element and of all before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from mixcomp_edge.ir import c_view
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.c_view import Array, Call
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import Activated, QNode, Value
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant


@dataclass(frozen=True, eq=False, kw_only=True)
class CumSum(Activated):
    """Along the last axis."""

    op: ClassVar[str] = "cumsum"

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QCumSum(**self.common(y), requant=Requant.of(inputs[0].scale / y.scale))


@dataclass(frozen=True, eq=False, kw_only=True)
class QCumSum(QNode):
    """The sums of x less its zero point, requantized one by one: what is rounded is not added to."""

    op: ClassVar[str] = "cumsum"
    title: ClassVar[str] = "running sum"

    requant: Requant

    def check(self, inputs: list[QType]) -> None:
        check_requant(self.name, self.requant, (1,), inputs[0].peak * self.shape[-1])

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return None if axis == len(shape) - 1 else axis

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        return self.requantize((inputs[0] - types[0].zero_point).cumsum(-1), self.requant)

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        return replace(self, requant=self.requant.widened(inputs[0], y))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (c_view.multiplier(self.requant),)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        fields = {"x": sources[0].tensor, "y": self.tensor, "requant": c_view.requantizer(self.requant)}
        return (Call("mce_cumsum", (fields,), self.inputs),)
