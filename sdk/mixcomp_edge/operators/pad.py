"""pad, SPEC.md 4.9: zeros around a value; in the float graph -inf, too, which goes into the max poolings behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import tflite
from mixcomp_edge.ir.c_view import Call
from mixcomp_edge.ir.frames import Frames, Steps
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights


@dataclass(frozen=True, eq=False, kw_only=True)
class Pad(FloatNode):
    """`fill`, 0 or -inf, around x: so many `before` and `after` each axis of the channels-last shape."""

    op: ClassVar[str] = "pad"
    keeps_type: ClassVar[bool] = True

    before: tuple[int, ...]
    after: tuple[int, ...]
    fill: float = 0.0

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, shapes[0])

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        if self.fill:
            return bool(np.all(gain > 0))
        return not np.any(offset) and not self.before[-1] and not self.after[-1]

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QPad(**self.common(y), before=self.before, after=self.after)


@dataclass(frozen=True, eq=False, kw_only=True)
class QPad(QNode):
    """The zero point around x."""

    op: ClassVar[str] = "pad"
    keeps_type: ClassVar[bool] = True

    before: tuple[int, ...]
    after: tuple[int, ...]

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, shapes[0])

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        pads = ((0, 0), *zip(self.before, self.after, strict=True))
        return np.pad(inputs[0], pads, constant_values=types[0].zero_point)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        top, left, front = (0,) * (3 - len(self.before)) + self.before
        tensors = {"x": sources[0].tensor, "y": self.tensor}
        return (Call("mce_pad", (tensors, {"top": top, "left": left, "front": front}), self.inputs),)

    def tflite(self, sources: list[QNode]) -> Operations:
        y = tflite.value(self)
        pads = np.zeros((len(y.shape), 2), np.int64)
        pads[-len(self.before) :] = np.stack([self.before, self.after], axis=1)
        return (Operation("PAD", (tflite.value(sources[0]), tflite.numbers(f"{self.name}/border", pads)), y),)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return None if self.before[axis] or self.after[axis] else axis

    def in_steps(self, steps: Steps) -> tuple[QNode, Frames | None]:
        """Frames before the first one are known; those behind the last one are not there yet."""
        (name,), frames = self.inputs, steps.frames(self.inputs[0])
        if frames is None or frames.is_last or self.carried(0, frames.place, self.shape) is not None:
            return steps.apart(self)
        axis = frames.place
        first, last = self.before[axis], self.after[axis]
        made = replace(
            frames, length=self.shape[axis], good=first + frames.good, lag=frames.lag - first,
            late=frames.late or (self.name if last else ""),
        )  # fmt: skip
        before, after = (tuple(0 if a == axis else n for a, n in enumerate(ns)) for ns in (self.before, self.after))
        if not any(before) and not any(after):
            return steps.source(name), made
        step = self.of_size(axis, steps.rows(self.name, frames.each))
        return steps.put(replace(step, inputs=(steps.source(name).name,), before=before, after=after)), made


def _output_shape(node: Pad | QPad, shape: Shape) -> Shape:
    if not len(node.before) == len(node.after) == len(shape) or min(*node.before, *node.after, 0) < 0:
        raise GraphError(f"{node.name}: pads {node.before}, {node.after} do not fit shape {shape}.")
    return tuple(b + size + a for b, size, a in zip(node.before, shape, node.after, strict=True))
