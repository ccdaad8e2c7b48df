"""lookup, SPEC.md 4.13: a function of one value, by a table of what it makes of each code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import tflite
from mixcomp_edge.ir.c_view import Array, Call, Ref
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import FloatNode, QNode, Value
from mixcomp_edge.ir.tflite import Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.numerics.functions import Formula, comes_to_rest, evaluate, extent


@dataclass(frozen=True, eq=False, kw_only=True)
class Lookup(FloatNode):
    """The formula of what it reads, element by element. Several values that it reads are of one shape, and themselves
    functions of one value: lower/join_functions.py makes one node of these."""

    op: ClassVar[str] = "lookup"
    reads_8_bits: ClassVar[bool] = True

    function: Formula

    @property
    def arity(self) -> int | None:
        return None

    @property
    def formula(self) -> Formula:
        return self.function

    @property
    def gives_probabilities(self) -> bool:
        return self.function[-1].function == "sigmoid"

    @property
    def limit(self) -> float | None:
        least, most = extent(self.function) if len(self.inputs) == 1 else (-np.inf, np.inf)
        reach = max(most, 0.0) - min(least, 0.0)
        return reach if 0.0 < reach < np.inf else None

    @property
    def reads_up_to(self) -> tuple[float, bool] | None:
        return comes_to_rest(self.function) if len(self.inputs) == 1 else None

    def output_shape(self, shapes: list[Shape]) -> Shape:
        if len(set(shapes)) != 1:
            raise GraphError(f"{self.name}: its values have shapes {shapes}, which must be one.")
        return shapes[0]

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return len(inputs) == 1 and extent(self.function, 0.0 if inputs[0] else -np.inf)[0] >= 0.0

    def is_skewed(self, inputs: list[bool]) -> bool:
        return True

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QLookup(**self.common(y), table=self._table(inputs[0], y))

    def _table(self, x: QType, y: QType) -> NDArray[np.uint8]:
        """An entry for each pattern of bits that x has. An infinite value is the end of y's range."""
        codes = _elements(np.arange(1 << x.bits), x)
        values = np.broadcast_to(evaluate(self.function, [x.dequantize(codes)]), codes.shape)
        if np.isnan(values).any():
            at = x.dequantize(codes[np.isnan(values)])[0]
            raise LoweringError(
                f"{self.name}: has no value at {at:.3g}, which lies in the range of what it reads. Clamp that to where "
                "the function is defined, or add a small constant to it."
            )
        steps = np.clip(values / y.scale, -1024.0, 1024.0)
        return _bits(np.clip(np.rint(steps) + y.zero_point, y.low, y.high).astype(np.int64), y)


@dataclass(frozen=True, eq=False, kw_only=True)
class QLookup(QNode):
    """table (16,) or (256,) uint8: the bits of y for each pattern of bits of x."""

    op: ClassVar[str] = "lookup"
    in_place: ClassVar[tuple[int, int]] = (0, 1)

    table: NDArray[np.uint8]

    def check(self, inputs: list[QType]) -> None:
        x = inputs[0]
        if self.table.shape != (1 << x.bits,):
            raise GraphError(f"{self.name}: the table has {self.table.size} entries, {x.dtype} needs {1 << x.bits}.")
        if np.any(self.table >= 1 << self.type.bits):
            raise GraphError(f"{self.name}: an entry of the table has more bits than {self.type.dtype}.")

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        return _elements(self.table, self.type)[_bits(inputs[0], types[0])]

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        """Between two codes of a narrow x stands the value of the nearer one."""
        (x,) = inputs
        codes = np.rint(_elements(np.arange(256), x.wide) / x.finer).astype(np.int64)
        values = _elements(self.table, y)[_bits(np.clip(codes, x.low, x.high), x)]
        return replace(self, table=_bits(values * y.finer, self.type))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (Array("table", "uint8_t", self.table),)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        return (Call("mce_lookup", ({"x": sources[0].tensor, "y": self.tensor, "table": Ref("table")},), self.inputs),)

    def tflite(self, sources: list[QNode]) -> Operations:
        """By its table: GATHER of what each code stands for."""
        (x,), y = sources, tflite.value(self)
        codes = np.arange(x.type.low, x.type.high + 1)
        values = _elements(self.table, self.type)[_bits(codes, x.type)] - tflite.offset(self.type)
        table = y.named("table", shape=codes.shape, data=values)
        return tflite.looked_up(tflite.value(x), tflite.offset(x.type) - x.type.low, table, y)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return axis


def _bits(values: NDArray[np.int64], type_: QType) -> NDArray[np.uint8]:
    """The bits that elements have in memory, as a number."""
    return (values & ((1 << type_.bits) - 1)).astype(np.uint8)


def _elements(bits: NDArray[np.integer], type_: QType) -> NDArray[np.int64]:
    """The inverse."""
    half = 1 << (type_.bits - 1)
    return (bits.astype(np.int64) ^ half) - half if type_.signed else bits.astype(np.int64)
