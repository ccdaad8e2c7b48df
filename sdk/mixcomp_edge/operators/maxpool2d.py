"""maxpool2d, SPEC.md 4.8: the maximum over each window; a strided slice is a window of one element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mixcomp_edge.ir import c_view, tflite
from mixcomp_edge.ir.c_view import Call, Fields
from mixcomp_edge.ir.frames import Frames, Steps
from mixcomp_edge.ir.graph import Shape, Window
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.ir.windows import plane, planes, pooled_shape, taps


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxPool2d(FloatNode):
    """Maximum over each window."""

    op: ClassVar[str] = "maxpool2d"
    keeps_type: ClassVar[bool] = True
    lets_relu_through: ClassVar[bool] = True

    window: Window

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return pooled_shape(self, self.window, shapes[0])

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        return bool(np.all(gain > 0))

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QMaxPool2d(**self.common(y), window=self.window)


@dataclass(frozen=True, eq=False, kw_only=True)
class QMaxPool2d(QNode):
    """Padding never wins."""

    op: ClassVar[str] = "maxpool2d"
    title: ClassVar[str] = "max pool"
    keeps_type: ClassVar[bool] = True

    window: Window

    @property
    def kind(self) -> str:
        return "pool"

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return pooled_shape(self, self.window, shapes[0])

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        (x,), (oh, ow, channels), low = inputs, plane(self.shape), types[0].low
        y = np.full((len(x), oh, ow, channels), low, np.int64)
        for tap in taps(planes(x), self.window, (oh, ow), low):
            np.maximum(y, tap, out=y)
        return y.reshape(len(x), *self.shape)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        lines: tuple[Fields, ...] = (
            {"x": sources[0].tensor, "y": self.tensor},
            {"window": c_view.window(self.window)},
            {"requant": (0, 0, 0)},
        )
        return (Call("mce_pool2d", lines, self.inputs),)

    def tflite(self, sources: list[QNode]) -> Operations:
        (x,) = sources
        if self.window.dilation != (1, 1):
            raise tflite.refuse(self, "dilated pool")
        read, padding, border = tflite.padded(
            self, tflite.value(x), self.window, plane(self.shape)[:2], x.type.low - tflite.offset(x.type)
        )
        settings = tflite.steps(self.window, padding) | tflite.kernel(self.window)
        return (*border, Operation("MAX_POOL_2D", (read,), tflite.value(self), settings))

    def in_steps(self, steps: Steps) -> tuple[QNode, Frames | None]:
        return steps.windowed(self, self.type.low)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return axis if axis == len(shape) - 1 else None
