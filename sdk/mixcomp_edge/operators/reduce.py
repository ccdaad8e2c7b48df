"""reduce_sum, reduce_max and reduce_norm, SPEC.md 4.21: one number for all elements along some axes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt
from typing import Any, ClassVar, Self

import numpy as np

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import c_view, tflite, tflm
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.c_view import Array, Call, CValue, Fields, View
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nests import along, check_axes, nest, without
from mixcomp_edge.ir.nodes import Activated, Doubles, FloatNode, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant, TflmRequant
from mixcomp_edge.numerics.roots import integer_sqrt

ROOT_BITS = 8  # behind the point of a root


@dataclass(frozen=True, eq=False, kw_only=True)
class Over(Node):
    """Over `axes` of the stored shape, which stay with length 1: `count` elements a result."""

    axes: tuple[int, ...]
    count: int

    def output_shape(self, shapes: list[Shape]) -> Shape:
        check_axes(self, self.axes, shapes[0])
        if along(shapes[0], self.axes) != self.count:
            raise GraphError(f"{self.name}: {along(shapes[0], self.axes)} elements a result, not {self.count}.")
        return without(shapes[0], self.axes)

    @property
    def keeps_channels(self) -> bool:
        return len(self.shape) - 1 not in self.axes


@dataclass(frozen=True, eq=False, kw_only=True)
class Reduce(Over, FloatNode):
    """What the float nodes have in common."""

    def common(self, y: QType) -> dict[str, Any]:
        return super().common(y) | {"axes": self.axes, "count": self.count}


@dataclass(frozen=True, eq=False, kw_only=True)
class ReduceSum(Reduce, Activated):
    """The sum, or the mean."""

    op: ClassVar[str] = "reduce_sum"

    mean: bool = False

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        return self.keeps_channels and (self.mean or not np.any(offset))

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        divisor = self.count if self.mean else 1
        return QReduceSum(**self.common(y), requant=Requant.of(inputs[0].scale / (y.scale * divisor)))


@dataclass(frozen=True, eq=False, kw_only=True)
class ReduceMax(Reduce):
    """The largest element, or the least."""

    op: ClassVar[str] = "reduce_max"
    keeps_type: ClassVar[bool] = True
    lets_relu_through: ClassVar[bool] = True

    least: bool = False

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        return self.keeps_channels and bool(np.all(gain > 0))

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs)

    def is_skewed(self, inputs: list[bool]) -> bool:
        return any(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QReduceMax(**self.common(y), least=int(self.least))


@dataclass(frozen=True, eq=False, kw_only=True)
class ReduceNorm(Reduce):
    """The root of the sum of squares."""

    op: ClassVar[str] = "reduce_norm"

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return True

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QReduceNorm(**self.common(y), requant=Requant.of(inputs[0].scale / y.scale * 2.0**-ROOT_BITS))


@dataclass(frozen=True, eq=False, kw_only=True)
class QReduce(Over, QNode):
    """What the integer nodes have in common."""

    @property
    def kind(self) -> str:
        return "reduce"

    @property
    def dims(self) -> tuple[int, ...]:
        """The axes, of a batch."""
        return tuple(axis + 1 for axis in self.axes)

    def call(self, x: QNode, **last: CValue) -> tuple[Call, ...]:
        lines: tuple[Fields, ...] = (
            {"x_type": c_view.type_of(x.type), "y_type": c_view.type_of(self.type)},
            {"x_zero": x.type.zero_point, "y_zero": self.type.zero_point},
            {"nest": nest(x.shape, self.axes)},
            *([last] if last else []),
        )
        return (Call("mce_reduce", lines, self.inputs),)

    def tflite_reduce(self, kind: str, x: QNode) -> Operations:
        axes = tflite.numbers(f"{self.name}/axes", [tflite.axis_of(self, axis) for axis in self.axes])
        return (Operation(kind, (tflite.value(x), axes), tflite.value(self), {"keepDims": True}),)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return None if axis in self.axes else axis


@dataclass(frozen=True, eq=False, kw_only=True)
class Requantized(QReduce):
    """One multiplier behind the sum, or behind the root."""

    requant: Requant

    def widen(self, y: QType, inputs: list[QType]) -> Self:
        return replace(self, requant=self.requant.widened(inputs[0], y))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (c_view.multiplier(self.requant),)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        return self.call(sources[0], requant=c_view.requantizer(self.requant))


@dataclass(frozen=True, eq=False, kw_only=True)
class QReduceSum(Requantized):
    """The sum of x less its zero point."""

    op: ClassVar[str] = "reduce_sum"
    title: ClassVar[str] = "sum"

    def check(self, inputs: list[QType]) -> None:
        check_requant(self.name, self.requant, (1,), inputs[0].peak * self.count)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        return self.requantize((inputs[0] - types[0].zero_point).sum(self.dims, keepdims=True), self.requant)

    def by_tflm(self, sources: list[QNode]) -> View:
        (by,) = tflm.all_factors(self.tflite(sources))
        return self.seen(sources, requant=TflmRequant.by(by))

    def tflite(self, sources: list[QNode]) -> Operations:
        factor = sources[0].type.scale / self.type.scale
        for kind, divisor in (("SUM", 1), ("MEAN", self.count)):
            if np.allclose(self.requant.real * divisor, factor, rtol=1e-5):
                return self.tflite_reduce(kind, sources[0])
        raise tflite.refuse(self, "sum with a factor")


@dataclass(frozen=True, eq=False, kw_only=True)
class QReduceMax(QReduce):
    """In the type of x; `least` is 1 for the least element, else 0."""

    op: ClassVar[str] = "reduce_max"
    keeps_type: ClassVar[bool] = True
    title: ClassVar[str] = "maximum or minimum"

    least: int

    def check(self, inputs: list[QType]) -> None:
        if self.least not in (0, 1):
            raise GraphError(f"{self.name}: least is {self.least}, expected 0 or 1.")

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        pick = np.min if self.least else np.max
        return np.asarray(pick(inputs[0], axis=self.dims, keepdims=True))

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        return self.call(sources[0], least=self.least)

    def tflite(self, sources: list[QNode]) -> Operations:
        return self.tflite_reduce("REDUCE_MIN" if self.least else "REDUCE_MAX", sources[0])


@dataclass(frozen=True, eq=False, kw_only=True)
class QReduceNorm(Requantized):
    """The root of the sum of squares of x less its zero point, in 2**-8 of a step."""

    op: ClassVar[str] = "reduce_norm"
    title: ClassVar[str] = "norm"

    def check(self, inputs: list[QType]) -> None:
        squares = inputs[0].peak ** 2 * self.count
        if squares >= 1 << 32:
            raise LoweringError(
                f"{self.name}: the sum of squares of {self.count} elements may reach {squares}, beyond 32 bits. "
                "Take the norm of fewer elements."
            )
        check_requant(self.name, self.requant, (1,), isqrt(squares << 2 * ROOT_BITS))

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        squares = ((inputs[0] - types[0].zero_point) ** 2).sum(self.dims, keepdims=True)
        return self.requantize(integer_sqrt(squares << 2 * ROOT_BITS), self.requant)
