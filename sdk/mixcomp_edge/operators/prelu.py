"""prelu, SPEC.md 4.14: what is below 0 is multiplied by its channel's slope."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view, tflite, tflm
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.c_view import Array, Call, View
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations, Tensor
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant, TflmRequant
from mixcomp_edge.numerics.requant import q32


@dataclass(frozen=True, eq=False, kw_only=True)
class PRelu(FloatNode):
    """x where that is 0 or above, else slope * x; slope (C,)."""

    op: ClassVar[str] = "prelu"

    slope: Doubles

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, len(self.slope), shapes[0])

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs) or bool(np.all(self.slope <= 0))

    def is_skewed(self, inputs: list[bool]) -> bool:
        return True

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        scale = np.concatenate([[1.0], self.slope]) * (inputs[0].scale / y.scale)
        return QPRelu(**self.common(y), requant=_requant(scale))


@dataclass(frozen=True, eq=False, kw_only=True)
class QPRelu(QNode):
    """requant: 1 + C multipliers, that of what is not below the zero point first; the others may be negative."""

    op: ClassVar[str] = "prelu"
    in_place: ClassVar[tuple[int, int]] = (0, 1)

    requant: Requant

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.requant.multiplier.size - 1, shapes[0])

    def check(self, inputs: list[QType]) -> None:
        multiplier = self.requant.multiplier
        if multiplier.ndim != 1 or multiplier[0] < 0 or np.any(multiplier == -(2**31)):
            raise GraphError(f"{self.name}: the first multiplier is negative, or one is -2**31.")
        check_requant(self.name, Requant(np.abs(multiplier), self.requant.shift), (multiplier.size,), inputs[0].peak)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        v = inputs[0] - types[0].zero_point
        multiplier = self.requant.multiplier.astype(np.int64)
        m = np.where(v < 0, multiplier[1:], multiplier[0])
        acc = q32(np.where(m < 0, -v, v), np.abs(m), self.requant.shift)
        return self.clamp(self.type.zero_point + acc)

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        scale = self.requant.multiplier.astype(np.float64) * 2.0 ** (self.requant.shift - 32)
        return replace(self, requant=_requant(scale * (y.finer / inputs[0].finer)))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (c_view.multiplier(self.requant),)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        tensors = {"x": sources[0].tensor, "y": self.tensor}
        return (Call("mce_prelu", (tensors, {"requant": c_view.requantizer(self.requant)}), self.inputs),)

    def by_tflm(self, sources: list[QNode]) -> View:
        """Words of kernels/c/mce_prelu_tflm__c.c."""
        (operation,) = self.tflite(sources)
        above, below = tflm.factors(operation)
        slopes = operation.inputs[1].data
        assert slopes is not None
        by = TflmRequant.by(above, behind=(*below.words, *slopes.ravel().tolist()))
        return self.seen(sources, requant=by)

    def tflite(self, sources: list[QNode]) -> Operations:
        """TFLM's slopes are bytes, too."""
        real = self.requant.real
        tflite.check_factor(self, real[0], sources[0].type.scale / self.type.scale)
        if real[0] == 0:
            raise tflite.refuse(self, "slopes beside a factor of 0")
        slopes = real[1:] / real[0]
        step = float(np.abs(slopes).max()) / tflite.HIGH or 1.0
        scale = np.array([step], np.float32)
        shape = (1, 1, len(slopes))
        slope = Tensor(f"{self.name}/slope", shape, scale=scale, data=np.rint(slopes / step).astype(int).reshape(shape))
        return (Operation("PRELU", (tflite.value(sources[0]), slope), tflite.value(self)),)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return None if axis == len(shape) - 1 else axis


def _requant(scale: Doubles) -> Requant:
    """The requantizer of factors of any sign."""
    size = np.abs(scale)
    by = Requant.of(np.where(size > 0, size, size.max()))
    return replace(by, multiplier=(by.multiplier * np.sign(scale)).astype(np.int32))


def _output_shape(node: Node, channels: int, shape: Shape) -> Shape:
    if shape[-1] != channels:
        raise GraphError(f"{node.name}: {channels} slopes for {shape[-1]} channels.")
    return shape
