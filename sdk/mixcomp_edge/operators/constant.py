"""constant, SPEC.md 4.26: a value that is known before the model runs. It lies in flash, where kernels read it; nothing
computes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode, Value
from mixcomp_edge.ir.tflite import Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.numerics.packing import pack_elements, unpack_elements


@dataclass(frozen=True, eq=False, kw_only=True)
class Constant(FloatNode):
    """values in the node's shape. They have 8 bits, whatever the plan says; the largest is an end of their range."""

    op: ClassVar[str] = "constant"
    has_8_bits: ClassVar[bool] = True

    values: Doubles

    @property
    def arity(self) -> int:
        return 0

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return self.values.shape

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return bool(np.all(self.values >= 0))

    @property
    def fixed_step(self) -> float:
        peak = float(np.abs(self.values).max())
        return peak / (255 if self.is_nonnegative([]) else 127) or 1.0

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        codes = np.clip(np.rint(self.values / y.scale) + y.zero_point, y.low, y.high).astype(np.int64)
        return QConstant(**self.common(y), data=np.frombuffer(pack_elements(codes, y.bits), np.uint8))


@dataclass(frozen=True, eq=False, kw_only=True)
class QConstant(QNode):
    """data: the bytes of the value in memory, SPEC.md 1."""

    op: ClassVar[str] = "constant"
    is_constant: ClassVar[bool] = True

    data: NDArray[np.uint8]

    @property
    def arity(self) -> int:
        return 0

    def check(self, inputs: list[QType]) -> None:
        if self.data.shape != (self.nbytes,):
            wanted = f"{self.nbytes} for {self.shape} {self.type.dtype}"
            raise GraphError(f"{self.name}: holds {self.data.size} bytes, expected {wanted}.")
        if self.type.bits == 4 and self.elements % 2 and self.data[-1] >> 4:
            raise GraphError(f"{self.name}: the last half byte is not 0.")

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        """(1, *shape)"""
        values = unpack_elements(self.data.tobytes(), self.elements, self.type.bits, signed=self.type.signed)
        return values.reshape(1, *self.shape)

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        values = replace(self, type=y).evaluate([], []) * y.finer
        return replace(self, data=np.frombuffer(pack_elements(values, 8), np.uint8))

    def tflite(self, sources: list[QNode]) -> Operations:
        return ()
