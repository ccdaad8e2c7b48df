"""gather, SPEC.md 4.20: rows and columns of a value in any order and any number of times. Nearest upsampling by any
factor, reflected, replicated and circular padding and cropping are such choices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import tflite
from mixcomp_edge.ir.c_view import Array, Call, Ref
from mixcomp_edge.ir.frames import Frames, Steps
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode, Value
from mixcomp_edge.ir.tflite import Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.ir.windows import plane, planes

Indices = NDArray[np.uint16]


@dataclass(frozen=True, eq=False, kw_only=True)
class Gather(FloatNode):
    """y[h, w] = x[rows[h], columns[w]]; of a value (W, C) rows is [0]."""

    op: ClassVar[str] = "gather"
    keeps_type: ClassVar[bool] = True
    lets_relu_through: ClassVar[bool] = True

    rows: Indices
    columns: Indices

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.rows, self.columns, shapes[0])

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        return True

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QGather(**self.common(y), rows=self.rows, columns=self.columns)


@dataclass(frozen=True, eq=False, kw_only=True)
class QGather(QNode):
    """Elements as they are."""

    op: ClassVar[str] = "gather"
    keeps_type: ClassVar[bool] = True

    rows: Indices
    columns: Indices

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.rows, self.columns, shapes[0])

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        y: Value = planes(inputs[0])[:, self.rows[:, None], self.columns]
        return y.reshape(len(y), *self.shape)

    @property
    def constants(self) -> tuple[Array, ...]:
        return Array("rows", "uint16_t", self.rows), Array("columns", "uint16_t", self.columns)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        tensors = {"x": sources[0].tensor, "y": self.tensor}
        return (Call("mce_gather", (tensors, {"rows": Ref("rows"), "columns": Ref("columns")}), self.inputs),)

    def tflite(self, sources: list[QNode]) -> Operations:
        return tflite.taken(tflite.value(sources[0]), {1: self.rows, 2: self.columns}, tflite.value(self))

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return axis if axis == len(shape) - 1 or self._repeats(axis, shape) == 1 else None

    def in_steps(self, steps: Steps) -> tuple[QNode, Frames | None]:
        """Frames may be repeated, each as often."""
        (name,), frames = self.inputs, steps.frames(self.inputs[0])
        times = 0 if frames is None or frames.is_last else self._repeats(frames.place, steps.whole[name].shape)
        if frames is None or times < 2:
            return steps.apart(self)
        made = replace(
            frames, length=times * frames.length, each=times * frames.each, good=times * frames.good,
            lag=times * frames.lag,
        )  # fmt: skip
        source = steps.source(name)
        indices = np.repeat(np.arange(source.shape[frames.place], dtype=np.uint16), times)
        step = replace(self.of_size(frames.place, len(indices)), inputs=(source.name,))
        return steps.put(step._with(frames.place, indices)), made

    def of_size(self, axis: int, size: int) -> Self:
        step = super().of_size(axis, size)
        return step if axis == len(self.shape) - 1 else step._with(axis, np.arange(size, dtype=np.uint16))

    def _with(self, axis: int, indices: Indices) -> Self:
        return replace(self, rows=indices) if axis + 3 - len(self.shape) == 0 else replace(self, columns=indices)

    def _repeats(self, axis: int, shape: Shape) -> int:
        """How often each index along an axis is there, one behind the other; 0 where they lie otherwise."""
        if axis == len(shape) - 1:
            return 0
        indices = self.rows if axis + 3 - len(shape) == 0 else self.columns
        times = len(indices) // shape[axis]
        return times if np.array_equal(indices, np.repeat(np.arange(shape[axis]), times)) else 0


def _output_shape(node: Node, rows: Indices, columns: Indices, shape: Shape) -> Shape:
    if len(shape) not in (2, 3):
        raise GraphError(f"{node.name}: needs an input (H, W, C) or (W, C), got {shape}.")
    for axis, indices, size in zip(("rows", "columns"), (rows, columns), plane(shape), strict=False):
        if indices.ndim != 1 or not indices.size or int(indices.max()) >= size:
            raise GraphError(f"{node.name}: its {axis} {indices.shape} are no indices below {size}.")
    if len(shape) == 2 and len(rows) != 1:
        raise GraphError(f"{node.name}: takes {len(rows)} rows of {shape}, which has one.")
    return (len(rows), len(columns), shape[-1])[-len(shape) :]
