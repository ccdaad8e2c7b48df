"""log_softmax, SPEC.md 4.25: over the last axis, what is left of x less the logarithm of the sum of exponentials."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import tflite, tflm
from mixcomp_edge.ir.c_view import Array, Call, Fields, Ref, View
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import FloatNode, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.numerics import tflm as numbers
from mixcomp_edge.numerics.softmax import ONE, exponentials, log2

BITS = 16  # behind the point of a logarithm, and of the two factors
MAX_STEP = 1 << 22  # times 255 differences it stays below 2**30
MAX_OCTAVE = 1 << 26  # times 16 octaves with BITS bits below 2**46


@dataclass(frozen=True, eq=False, kw_only=True)
class LogSoftmax(FloatNode):
    """Over the last axis."""

    op: ClassVar[str] = "log_softmax"
    reads_8_bits: ClassVar[bool] = True

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QLogSoftmax(**self.common(y), **_fields(self.name, inputs[0], y))


@dataclass(frozen=True, eq=False, kw_only=True)
class QLogSoftmax(QNode):
    """table as that of a softmax; step: of x, and octave: the logarithm of 2, in 2**-16 of a step of y."""

    op: ClassVar[str] = "log_softmax"

    table: NDArray[np.uint16]
    step: int
    octave: int

    def check(self, inputs: list[QType]) -> None:
        x = inputs[0]
        if self.table.shape != (1 << x.bits,):
            raise GraphError(f"{self.name}: the table has {self.table.size} entries, {x.dtype} needs {1 << x.bits}.")
        if self.table[0] != ONE or np.any(self.table > ONE):
            raise GraphError(f"{self.name}: the table must start with 32768 and never exceed it.")
        if not 0 <= self.step < MAX_STEP or not 0 <= self.octave < MAX_OCTAVE:
            raise GraphError(f"{self.name}: step {self.step} or octave {self.octave} is out of range.")

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        d = inputs[0].max(axis=-1, keepdims=True) - inputs[0]
        total = self.table.astype(np.int64)[d].sum(axis=-1, keepdims=True)
        logarithm = (log2(total, BITS) * self.octave) >> BITS
        return self.clamp(self.type.zero_point - ((d * self.step + logarithm + (1 << (BITS - 1))) >> BITS))

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        return replace(self, **_fields(self.name, inputs[0].wide, self.type))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (Array("table", "uint16_t", self.table),)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        tensors = {"x": sources[0].tensor, "y": self.tensor, "table": Ref("table")}
        return (Call("mce_log_softmax", (tensors, {"step": self.step, "octave": self.octave}), self.inputs),)

    def by_tflm(self, sources: list[QNode]) -> View:
        (x,), (by,) = sources, tflm.all_factors(self.tflite(sources))
        scale = float(np.float32(x.type.scale))
        multiplier, shift, least = numbers.difference(scale)
        tensors: Fields = {"x": x.tensor, "y": self.tensor, "table": Ref("table")}
        factors: Fields = {"least": least, "step": (multiplier, shift), "back": numbers.back(scale)}
        table = numbers.exponentials(scale, len(self.table)).astype(np.int32)
        call = Call("mce_tflm_log_softmax", (tensors, {**factors, "by": tuple(by.words)}), self.inputs)
        return View((Array("table", "int32_t", table),), (call,))

    def tflite(self, sources: list[QNode]) -> Operations:
        """TFLM's has a type of its own: steps of 1/16 up to 0."""
        if self.shape[-1] > numbers.MAX_SUMMED:
            raise tflite.refuse(self, f"log_softmax of more than {numbers.MAX_SUMMED} elements")
        y, step = tflite.value(self), sources[0].type.scale / self.type.scale
        tflite.check_factor(self, self.step / 2**BITS, round(step * 2**BITS) / 2**BITS)
        steps = tflite.tensor(f"{self.name}/sixteenths", self.shape, QType("s8", 1 / 16, tflite.HIGH))
        return (Operation("LOG_SOFTMAX", (tflite.value(sources[0]),), steps), Operation("QUANTIZE", (steps,), y))

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return None if axis == len(shape) - 1 else axis


def _fields(name: str, x: QType, y: QType) -> dict[str, Any]:
    step, octave = (round(real / y.scale * 2**BITS) for real in (x.scale, log(2)))
    if step >= MAX_STEP or octave >= MAX_OCTAVE:
        raise LoweringError(
            f"{name}: a step of {y.scale:.3g} is too fine for logarithms of probabilities; calibrate on more data."
        )
    return {"table": exponentials(x.scale, 1 << x.bits), "step": step, "octave": octave}
