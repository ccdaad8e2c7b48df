"""arg_max, SPEC.md 4.22: where the largest element along an axis is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import tflite
from mixcomp_edge.ir.c_view import Call
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations, Tensor
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.operators.reduce import Over, QReduce, Reduce

MAX_COUNT = 256  # places that u8 tells apart


class OneAxis(Over):
    """Along one axis, of no more elements than a result can tell apart."""

    def output_shape(self, shapes: list[Shape]) -> Shape:
        shape = super().output_shape(shapes)
        if len(self.axes) != 1 or self.count > MAX_COUNT:
            raise GraphError(f"{self.name}: needs one axis of at most {MAX_COUNT} elements, got {self.count}.")
        return shape


@dataclass(frozen=True, eq=False, kw_only=True)
class ArgMax(OneAxis, Reduce):
    """The index of the largest element; of several the lowest."""

    op: ClassVar[str] = "arg_max"
    has_8_bits: ClassVar[bool] = True
    fixed_step: ClassVar[float | None] = 1.0

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return True

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QArgMax(**self.common(y))


@dataclass(frozen=True, eq=False, kw_only=True)
class QArgMax(OneAxis, QReduce):
    """An index is the number that it is."""

    op: ClassVar[str] = "arg_max"

    def check(self, inputs: list[QType]) -> None:
        if (self.type.dtype, self.type.scale, self.type.zero_point) != ("u8", 1.0, 0):
            raise GraphError(f"{self.name}: arg_max makes u8 with scale 1 and zero point 0.")

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        return np.expand_dims(inputs[0].argmax(self.dims[0]), self.dims[0])

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        return self.call(sources[0])

    def tflite(self, sources: list[QNode]) -> Operations:
        """TFLM's indices are int32, along the axes that are left."""
        x, y = tflite.value(sources[0]), tflite.value(self)
        at = tflite.axis_of(self, self.axes[0])
        axis = tflite.numbers(f"{self.name}/axis", at)
        whole = Tensor(f"{self.name}/index", x.shape[:at] + x.shape[at + 1 :], "INT32")
        moved, small = whole.named("moved"), y.named("small", shape=whole.shape)
        low = tflite.numbers(f"{self.name}/low", [tflite.LOW])
        return (
            Operation("ARG_MAX", (x, axis), whole, {"outputType": "INT32"}),
            Operation("ADD", (whole, low), moved),
            tflite.cast(moved, small),
            Operation("RESHAPE", (small, tflite.numbers(f"{self.name}/shape", y.shape)), y),
        )
