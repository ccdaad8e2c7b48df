"""slice, SPEC.md 4.18: along each axis elements in equal steps, forwards, backwards, or one of them again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import strided, tflite
from mixcomp_edge.ir.c_view import Call
from mixcomp_edge.ir.frames import Frames, Steps
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode, Value, one_number
from mixcomp_edge.ir.tflite import Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights

Numbers = tuple[int, ...]  # one for each axis as it is stored


@dataclass(frozen=True, eq=False, kw_only=True)
class Slice(FloatNode):
    """Index i along an axis of its value is start + i * step of x; step 0 repeats one."""

    op: ClassVar[str] = "slice"
    keeps_type: ClassVar[bool] = True
    lets_relu_through: ClassVar[bool] = True

    start: Numbers
    step: Numbers

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.start, self.step, shapes[0])

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        return True

    def channels_behind(self, source: Shape, values: Doubles) -> Doubles | None:
        return values[[self.start[-1] + i * self.step[-1] for i in range(self.shape[-1])]]

    def channels_before(self, source: Shape, values: Doubles) -> Doubles | None:
        whole = (self.start[-1], self.step[-1], self.shape[-1]) == (0, 1, source[-1])
        return values if whole else one_number(values, source[-1])

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QSlice(**self.common(y), start=self.start, step=self.step)


@dataclass(frozen=True, eq=False, kw_only=True)
class QSlice(QNode):
    """A copy of the bytes or half bytes."""

    op: ClassVar[str] = "slice"
    keeps_type: ClassVar[bool] = True
    makes_16_bits: ClassVar[bool] = True
    reads_16_bits: ClassVar[bool] = True

    start: Numbers
    step: Numbers

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.start, self.step, shapes[0])

    def check(self, inputs: list[QType]) -> None:
        strided.check_wide(self)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        y = inputs[0]
        for axis, (start, step, size) in enumerate(zip(self.start, self.step, self.shape, strict=True)):
            y = y.take([start + i * step for i in range(size)], axis=1 + axis)
        return y

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        steps = strided.steps(sources[0].shape)
        first = sum(start * step for start, step in zip(self.start, steps, strict=True))
        return strided.copy(self, first, tuple(a * b for a, b in zip(self.step, steps, strict=True)))

    def tflite(self, sources: list[QNode]) -> Operations:
        x, y = tflite.value(sources[0]), tflite.value(self)
        if set(self.step) == {1}:
            return (tflite.part(x, (*[0] * (len(y.shape) - len(self.start)), *self.start), y),)
        places = {
            tflite.axis_of(self, axis): [start + i * step for i in range(size)]
            for axis, (start, step, size) in enumerate(zip(self.start, self.step, self.shape, strict=True))
        }
        return tflite.taken(x, places, y)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        whole = (self.start[axis], self.step[axis], self.shape[axis]) == (0, 1, shape[axis])
        return axis if whole else None

    def in_steps(self, steps: Steps) -> tuple[QNode, Frames | None]:
        """Every so many frames from one on, or the last one."""
        (name,), frames = self.inputs, steps.frames(self.inputs[0])
        if frames is None or frames.is_last or self.carried(0, frames.place, steps.whole[name].shape) is not None:
            return steps.apart(self)
        axis = frames.place
        start, by, count = self.start[axis], self.step[axis], self.shape[axis]
        at, last = start + frames.lag, start == frames.length - 1 and frames.good == frames.length
        if count == 1 and last and steps.ends_at(frames):
            made = replace(frames, axis=None, length=1, good=1, lag=0)
            return steps.put(self._along(axis, steps.source(name), steps.source(name).shape[axis] - 1, 1, 1)), made
        if by < 1 or count == 1:
            why = "reads the frames backwards" if by < 0 else f"takes frame {start} of {frames.length} alone"
            raise steps.refused(self, why, "The last one can be taken, as it is that of each step.")
        good = max(0, min((frames.good - 1 - start) // by + 1, count))
        late = "" if good == count else frames.late
        made = Frames(axis, count, frames.each / by, good, at // by, late)
        source, rows = steps.source(name), steps.rows(self.name, made.each)
        step = self._along(axis, source, at % by, by, rows)
        whole = all(step.carried(0, other, source.shape) == other for other in range(len(step.shape)))
        return source if whole else steps.put(step), made

    def _along(self, axis: int, x: QNode, start: int, by: int, count: int) -> Self:
        """Of another value, otherwise along an axis."""
        starts, bys = ((*v[:axis], n, *v[axis + 1 :]) for v, n in ((self.start, start), (self.step, by)))
        return replace(self.of_size(axis, count), inputs=(x.name,), start=starts, step=bys)


def _output_shape(node: Node, start: Numbers, step: Numbers, shape: Shape) -> Shape:
    if not len(start) == len(step) == len(node.shape) == len(shape):
        raise GraphError(f"{node.name}: start {start} and step {step} do not fit {shape} and {node.shape}.")
    for first, by, count, size in zip(start, step, node.shape, shape, strict=True):
        if not (0 <= first < size and 0 <= first + by * (count - 1) < size and abs(by) <= size):
            raise GraphError(f"{node.name}: {count} elements from {first} in steps of {by} leave an axis of {size}.")
    return node.shape
