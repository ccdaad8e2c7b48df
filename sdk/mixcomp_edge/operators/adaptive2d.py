"""adaptiveavg2d and adaptivemax2d, SPEC.md 4.28: poolings to a size of one's choice, whose windows differ in size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.c_view import Array, Call, CValue, Fields
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode, Value
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant
from mixcomp_edge.ir.windows import plane, planes

Size = tuple[int, int]


def spans(size: int, out: int) -> NDArray[np.int64]:
    """(out, 2) first and end of each window over an axis of that size: floor(i * size / out) to ceil((i + 1) * size /
    out). Each holds ceil(size / out) elements or one more."""
    i = np.arange(out)
    return np.stack([i * size // out, -(-(i + 1) * size // out)], axis=1)


def least(read: Size, made: Size) -> Size:
    """Rows and columns of the smallest window."""
    return -(-read[0] // made[0]), -(-read[1] // made[1])


def divisors(read: Size, made: Size) -> list[int]:
    """Elements of the four kinds of windows: with the least number of rows or one more, by columns likewise."""
    rows, columns = least(read, made)
    return [(rows + i) * (columns + j) for i in (0, 1) for j in (0, 1)]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Adaptive(FloatNode):
    read: Size  # height and width of x
    made: Size  # and of y

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.read, self.made, shapes[0])

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs)


@dataclass(frozen=True, eq=False, kw_only=True)
class AdaptiveAvg2d(_Adaptive):
    """Mean over each window."""

    op: ClassVar[str] = "adaptiveavg2d"

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        return True

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        requant = Requant.of(inputs[0].scale / (y.scale * np.array(divisors(self.read, self.made))))
        return QAdaptiveAvg2d(**self.common(y), read=self.read, made=self.made, requant=requant)


@dataclass(frozen=True, eq=False, kw_only=True)
class AdaptiveMax2d(_Adaptive):
    """Maximum over each window."""

    op: ClassVar[str] = "adaptivemax2d"
    keeps_type: ClassVar[bool] = True
    lets_relu_through: ClassVar[bool] = True

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        return bool(np.all(gain > 0))

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QAdaptiveMax2d(**self.common(y), read=self.read, made=self.made)


@dataclass(frozen=True, eq=False, kw_only=True)
class _QAdaptive(QNode):
    read: Size
    made: Size

    @property
    def kind(self) -> str:
        return "pool"

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.read, self.made, shapes[0])

    def windows(self, x: Value) -> Iterator[tuple[int, int, Value]]:
        """(row and column of the output, the elements (N, rows, columns, C) that it is made of)."""
        rows, columns = (spans(size, out) for size, out in zip(self.read, self.made, strict=True))
        for h, (top, bottom) in enumerate(rows):
            for w, (left, right) in enumerate(columns):
                yield h, w, planes(x)[:, top:bottom, left:right]

    def call(self, source: QNode, requant: CValue) -> Call:
        lines: tuple[Fields, ...] = ({"x": source.tensor, "y": self.tensor}, {"requant": requant})
        return Call("mce_adaptive2d", lines, self.inputs)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return axis if axis == len(shape) - 1 else None


@dataclass(frozen=True, eq=False, kw_only=True)
class QAdaptiveAvg2d(_QAdaptive):
    """Four multipliers, in the order of `divisors`."""

    op: ClassVar[str] = "adaptiveavg2d"
    title: ClassVar[str] = "adaptive average pool"

    requant: Requant

    def check(self, inputs: list[QType]) -> None:
        check_requant(self.name, self.requant, (4,), inputs[0].peak * divisors(self.read, self.made)[-1])

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        (x,), multiplier = inputs, self.requant.multiplier
        rows, columns = least(self.read, self.made)
        y = np.zeros((len(x), *self.made, x.shape[-1]), np.int64)
        for h, w, part in self.windows(x):
            kind = 2 * (part.shape[1] - rows) + part.shape[2] - columns
            requant = Requant(multiplier[kind : kind + 1], self.requant.shift)
            y[:, h, w] = self.requantize((part - types[0].zero_point).sum(axis=(1, 2)), requant)
        return y.reshape(len(x), *self.shape)

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        return replace(self, requant=self.requant.widened(inputs[0], y))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (c_view.multiplier(self.requant),)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        return (self.call(sources[0], c_view.requantizer(self.requant)),)


@dataclass(frozen=True, eq=False, kw_only=True)
class QAdaptiveMax2d(_QAdaptive):
    """The largest element."""

    op: ClassVar[str] = "adaptivemax2d"
    title: ClassVar[str] = "adaptive max pool"
    keeps_type: ClassVar[bool] = True

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        (x,) = inputs
        y = np.zeros((len(x), *self.made, x.shape[-1]), np.int64)
        for h, w, part in self.windows(x):
            y[:, h, w] = part.max(axis=(1, 2))
        return y.reshape(len(x), *self.shape)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        return (self.call(sources[0], (0, 0, 0)),)


def _output_shape(node: Node, read: Size, made: Size, shape: Shape) -> Shape:
    if len(shape) not in (2, 3) or plane(shape)[:2] != read:
        raise GraphError(f"{node.name}: is made for {read[0]} x {read[1]} positions, its input has shape {shape}.")
    if min(made) < 1 or (len(shape) == 2 and made[0] != 1):
        raise GraphError(f"{node.name}: cannot pool {shape} to {made[0]} x {made[1]} positions.")
    return (*made, shape[-1])[-len(shape) :]
