"""rescale, SPEC.md 4.5: a value in another type. A ReLU that no layer takes in becomes one; the clamp does the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from mixcomp_edge.ir import c_view, tflite, tflm
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.c_view import Array, Call, View
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import Activated, Activation, Doubles, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant, TflmRequant
from mixcomp_edge.numerics.functions import Formula


@dataclass(frozen=True, eq=False, kw_only=True)
class Relu(Activated):
    """A ReLU or ReLU6 of its own, before or unless it is fused."""

    op: ClassVar[str] = "relu"

    activation: Activation = Activation.RELU

    @property
    def formula(self) -> Formula:
        return self.activation.formula

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        return self.activation == Activation.RELU and bool(np.all(gain > 0)) and not np.any(offset)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QRescale(**self.common(y), requant=Requant.of(inputs[0].scale / y.scale))


@dataclass(frozen=True, eq=False, kw_only=True)
class QRescale(QNode):
    """requant: one multiplier."""

    op: ClassVar[str] = "rescale"
    in_place: ClassVar[tuple[int, int]] = (0, 1)

    requant: Requant

    def check(self, inputs: list[QType]) -> None:
        check_requant(self.name, self.requant, (1,), inputs[0].peak)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        return self.requantize(inputs[0] - types[0].zero_point, self.requant)

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        return replace(self, requant=self.requant.widened(inputs[0], y))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (c_view.multiplier(self.requant),)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        tensors = {"x": sources[0].tensor, "y": self.tensor}
        return (Call("mce_rescale", (tensors, {"requant": c_view.requantizer(self.requant)}), self.inputs),)

    def by_tflm(self, sources: list[QNode]) -> View:
        (by,) = tflm.all_factors(self.tflite(sources))
        return self.seen(sources, requant=TflmRequant.by(by))

    def tflite(self, sources: list[QNode]) -> Operations:
        tflite.check_factor(self, self.requant.real, sources[0].type.scale / self.type.scale)
        return (Operation("QUANTIZE", (tflite.value(sources[0]),), tflite.value(self)),)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return axis
