"""transpose, SPEC.md 4.17: the axes of a value in another order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import strided, tflite
from mixcomp_edge.ir.c_view import Call
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode, Value, one_number
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.operators.reshape import QReshape


@dataclass(frozen=True, eq=False, kw_only=True)
class Transpose(FloatNode):
    """Axis i of its value is axis axes[i] of x, both as they are stored."""

    op: ClassVar[str] = "transpose"
    keeps_type: ClassVar[bool] = True
    lets_relu_through: ClassVar[bool] = True

    axes: tuple[int, ...]

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.axes, shapes[0])

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        return True

    def channels_behind(self, source: Shape, values: Doubles) -> Doubles | None:
        return self._channels(values, self.shape[-1])

    def channels_before(self, source: Shape, values: Doubles) -> Doubles | None:
        return self._channels(values, source[-1])

    def _channels(self, values: Doubles, channels: int) -> Doubles | None:
        return values if self.axes[-1] == len(self.axes) - 1 else one_number(values, channels)

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        """A reshape where only axes of 1 change places."""
        moving = [axis for axis, size in zip(self.axes, self.shape, strict=True) if size > 1]
        return QReshape(**self.common(y)) if moving == sorted(moving) else QTranspose(**self.common(y), axes=self.axes)


@dataclass(frozen=True, eq=False, kw_only=True)
class QTranspose(QNode):
    """A copy of the bytes or half bytes."""

    op: ClassVar[str] = "transpose"
    keeps_type: ClassVar[bool] = True
    makes_16_bits: ClassVar[bool] = True
    reads_16_bits: ClassVar[bool] = True

    axes: tuple[int, ...]

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.axes, shapes[0])

    def check(self, inputs: list[QType]) -> None:
        strided.check_wide(self)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        return inputs[0].transpose(0, *(1 + axis for axis in self.axes))

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        steps = strided.steps(sources[0].shape)
        return strided.copy(self, 0, tuple(steps[axis] for axis in self.axes))

    def tflite(self, sources: list[QNode]) -> Operations:
        y = tflite.value(self)
        axes = [*range(len(y.shape) - len(self.axes)), *(tflite.axis_of(self, axis) for axis in self.axes)]
        return (Operation("TRANSPOSE", (tflite.value(sources[0]), tflite.numbers(f"{self.name}/axes", axes)), y),)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return self.axes.index(axis)


def _output_shape(node: Node, axes: tuple[int, ...], shape: Shape) -> Shape:
    if sorted(axes) != list(range(len(shape))):
        raise GraphError(f"{node.name}: {axes} are not the axes of shape {shape} in some order.")
    return tuple(shape[axis] for axis in axes)
