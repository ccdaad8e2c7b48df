"""concat, SPEC.md 4.6: values side by side, each rescaled to the type of the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view, tflite, tflm
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.c_view import Array, Call, Fields, View
from mixcomp_edge.ir.frames import Frames, Steps
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import FloatNode, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant, TflmRequant


@dataclass(frozen=True, eq=False, kw_only=True)
class Concat(FloatNode):
    """Inputs side by side along `axis` of the channels-last shape."""

    op: ClassVar[str] = "concat"

    axis: int

    @property
    def arity(self) -> int | None:
        return None

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.axis, shapes)

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs)

    def is_skewed(self, inputs: list[bool]) -> bool:
        return any(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        requants = tuple(Requant.of(x.scale / y.scale) for x in inputs)
        return QConcat(**self.common(y), axis=self.axis, requants=requants)


@dataclass(frozen=True, eq=False, kw_only=True)
class QConcat(QNode):
    """One requantizer for each input."""

    op: ClassVar[str] = "concat"

    axis: int
    requants: tuple[Requant, ...]

    @property
    def arity(self) -> int | None:
        return None

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.axis, shapes)

    def check(self, inputs: list[QType]) -> None:
        if len(self.requants) != len(inputs):
            raise GraphError(f"{self.name}: {len(self.requants)} requantizers for {len(inputs)} inputs.")
        for type_, requant in zip(inputs, self.requants, strict=True):
            check_requant(self.name, requant, (1,), type_.peak)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        parts = [
            self.requantize(x - type_.zero_point, requant)
            for x, type_, requant in zip(inputs, types, self.requants, strict=True)
        ]
        return np.concatenate(parts, axis=1 + self.axis)

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        requants = tuple(r.widened(x, y) for r, x in zip(self.requants, inputs, strict=True))
        return replace(self, requants=requants)

    @property
    def constants(self) -> tuple[Array, ...]:
        return tuple(c_view.multiplier(requant, f"multiplier_{i}") for i, requant in enumerate(self.requants))

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        """One for each input: x is seen as (outer, block), y as (outer, stride); row r goes to r * stride + offset."""
        outer, inner = prod(self.shape[: self.axis]), prod(self.shape[self.axis + 1 :])
        calls, offset = [], 0
        for i, (x, requant) in enumerate(zip(sources, self.requants, strict=True)):
            block = x.shape[self.axis] * inner
            lines: tuple[Fields, ...] = (
                {"x_type": c_view.type_of(x.type), "y_type": c_view.type_of(self.type)},
                {"x_zero": x.type.zero_point, "y_zero": self.type.zero_point},
                {"outer": outer, "block": block, "stride": self.shape[self.axis] * inner, "offset": offset},
                {"requant": c_view.requantizer(requant, f"multiplier_{i}")},
            )
            calls.append(Call("mce_concat", lines, (x.name,), suffix=f"_{i}"))
            offset += block
        return tuple(calls)

    def by_tflm(self, sources: list[QNode]) -> View:
        y = tflite.value(self)
        by = (TflmRequant.by(tflm.rescaling(tflite.value(x), y)) for x in sources)
        return self.seen(sources, requants=tuple(by))

    def tflite(self, sources: list[QNode]) -> Operations:
        """TFLM joins values of one type."""
        y, parts, made = tflite.value(self), [], list[Operation]()
        for i, (x, requant) in enumerate(zip(sources, self.requants, strict=True)):
            tflite.check_factor(self, requant.real, x.type.scale / self.type.scale)
            part, rescale = tflite.rescaled(tflite.value(x), y.named(str(i)))
            parts.append(part)
            made += rescale
        axis = {"axis": tflite.axis_of(self, self.axis)}
        return (*made, Operation("CONCATENATION", tuple(parts), y, axis))

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return None if axis == self.axis else axis

    def in_steps(self, steps: Steps) -> tuple[QNode, Frames | None]:
        """What is the same at all times may stand before the first frame."""
        *before, frames = (steps.frames(name) for name in self.inputs)
        if frames is None or frames.axis != self.axis or any(f is not None for f in before):
            return steps.apart(self)
        first = sum(steps.whole[name].shape[self.axis] for name in self.inputs[:-1])
        made = replace(frames, length=first + frames.length, good=first + frames.good, lag=frames.lag - first)
        read = (steps.source(self.inputs[-1]).name,)
        step = replace(self.of_size(self.axis, steps.rows(self.name, frames.each)), inputs=read)
        return steps.put(replace(step, requants=self.requants[-1:])), made


def _output_shape(node: Node, axis: int, shapes: list[Shape]) -> Shape:
    first = shapes[0]
    if not 0 <= axis < len(first):
        raise GraphError(f"{node.name}: axis {axis} is not in shape {first}.")
    for shape in shapes:
        others = [(a, b) for i, (a, b) in enumerate(zip(shape, first, strict=False)) if i != axis]
        if len(shape) != len(first) or any(a != b for a, b in others):
            raise GraphError(f"{node.name}: cannot join shapes {shapes} along axis {axis}.")
    return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])
