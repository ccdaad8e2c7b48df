"""softmax, SPEC.md 4.11: over the last axis, by a table of exponentials."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import tflite
from mixcomp_edge.ir.c_view import Array, Call, Ref, View
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import FloatNode, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.numerics import tflm
from mixcomp_edge.numerics.softmax import ONE, exponentials

SCALE = 1 / 256  # of what it makes


@dataclass(frozen=True, eq=False, kw_only=True)
class Softmax(FloatNode):
    """Over the last axis. It turns steps of its input into ratios, so that one wants 8 bits, too."""

    op: ClassVar[str] = "softmax"
    has_8_bits: ClassVar[bool] = True
    reads_8_bits: ClassVar[bool] = True

    @property
    def gives_probabilities(self) -> bool:
        return True

    @property
    def fixed_step(self) -> float:
        return SCALE

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return True

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QSoftmax(**self.common(y), table=exponentials(inputs[0].scale, 1 << inputs[0].bits))


@dataclass(frozen=True, eq=False, kw_only=True)
class QSoftmax(QNode):
    """table (16,) or (256,) uint16: 2**15 exp of minus so many steps of x."""

    op: ClassVar[str] = "softmax"
    makes_probabilities: ClassVar[bool] = True

    table: NDArray[np.uint16]

    def check(self, inputs: list[QType]) -> None:
        x = inputs[0]
        if self.table.shape != (1 << x.bits,):
            raise GraphError(f"{self.name}: the table has {self.table.size} entries, {x.dtype} needs {1 << x.bits}.")
        if (self.type.dtype, self.type.scale, self.type.zero_point) != ("u8", SCALE, 0):
            raise GraphError(f"{self.name}: softmax makes u8 with scale 1/256 and zero point 0.")
        if self.table[0] != ONE or np.any(self.table > ONE):
            raise GraphError(f"{self.name}: the table must start with 32768 and never exceed it.")

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        (x,) = inputs
        e = self.table.astype(np.int64)[x.max(axis=-1, keepdims=True) - x]
        total = e.sum(axis=-1, keepdims=True)
        return np.minimum(255, (256 * e + total // 2) // total)

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        return replace(self, table=exponentials(inputs[0].wide.scale))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (Array("table", "uint16_t", self.table),)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        return (Call("mce_softmax", ({"x": sources[0].tensor, "table": Ref("table")},), self.inputs),)

    def by_tflm(self, sources: list[QNode]) -> View:
        (x,) = sources
        table = tflm.exponentials(float(np.float32(x.type.scale)), len(self.table))
        call = Call("mce_tflm_softmax", ({"x": x.tensor, "table": Ref("table")},), self.inputs)
        return View((Array("table", "int32_t", table.astype(np.int32)),), (call,))

    def tflite(self, sources: list[QNode]) -> Operations:
        if self.shape[-1] > tflm.MAX_SUMMED:
            raise tflite.refuse(self, f"softmax of more than {tflm.MAX_SUMMED} elements")
        expected = exponentials(sources[0].type.scale, len(self.table))
        tflite.check_factor(self, self.table / ONE, expected / ONE)
        return (Operation("SOFTMAX", (tflite.value(sources[0]),), tflite.value(self), {"beta": 1.0}),)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return None if axis == len(shape) - 1 else axis
