"""narrow, SPEC.md 4.36: the first of each row of 16-bit elements, in fewer bits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.c_view import Array, Call
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode, Value, one_number
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant


@dataclass(frozen=True, eq=False, kw_only=True)
class FirstOfRows(Node):
    """Reads (T, K), makes (T, N) with N <= K."""

    def output_shape(self, shapes: list[Shape]) -> Shape:
        (shape,) = shapes
        if not len(shape) == len(self.shape) == 2 or shape[0] != self.shape[0] or self.shape[1] > shape[1]:
            raise GraphError(f"{self.name}: {self.shape} is not the first of each row of {shape}.")
        return self.shape


@dataclass(frozen=True, eq=False, kw_only=True)
class Narrow(FirstOfRows, FloatNode):
    """gain times what it reads, which has 16 bits."""

    op: ClassVar[str] = "narrow"

    gain: float
    most: float  # the largest that it needs to hold

    @property
    def limit(self) -> float:
        return self.most

    def channels_behind(self, source: Shape, values: Doubles) -> Doubles | None:
        return values[: self.shape[-1]]

    def channels_before(self, source: Shape, values: Doubles) -> Doubles | None:
        return values if source == self.shape else one_number(values, source[-1])

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QNarrow(**self.common(y), requant=Requant.of(self.gain * inputs[0].scale / y.scale))


@dataclass(frozen=True, eq=False, kw_only=True)
class QNarrow(FirstOfRows, QNode):
    """Reads s16. requant: one multiplier."""

    op: ClassVar[str] = "narrow"
    reads_16_bits: ClassVar[bool] = True

    requant: Requant

    def check(self, inputs: list[QType]) -> None:
        if inputs[0].dtype != "s16":
            raise GraphError(f"{self.name}: narrows s16, not {inputs[0].dtype}.")
        check_requant(self.name, self.requant, (1,), inputs[0].peak)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        return self.requantize(inputs[0][..., : self.shape[1]] - types[0].zero_point, self.requant)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return 0 if axis == 0 else None

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        return replace(self, requant=self.requant.scaled(y.finer))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (c_view.multiplier(self.requant),)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        tensors = {"x": sources[0].tensor, "y": self.tensor}
        return (Call("mce_rescale", (tensors, {"requant": c_view.requantizer(self.requant)}), self.inputs),)
