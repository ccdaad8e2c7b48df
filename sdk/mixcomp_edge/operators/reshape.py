"""reshape, SPEC.md 4.10: another shape for the same elements; nothing runs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import tflite
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode, Value, one_number
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights


@dataclass(frozen=True, eq=False, kw_only=True)
class Reshape(FloatNode):
    """Another shape for the same elements, as they are stored."""

    op: ClassVar[str] = "reshape"
    keeps_type: ClassVar[bool] = True
    lets_relu_through: ClassVar[bool] = True

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, shapes[0])

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        return True

    def channels_behind(self, source: Shape, values: Doubles) -> Doubles | None:
        return _repeated(values, self.shape[-1])

    def channels_before(self, source: Shape, values: Doubles) -> Doubles | None:
        return _repeated(values, source[-1])

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QReshape(**self.common(y))


@dataclass(frozen=True, eq=False, kw_only=True)
class QReshape(QNode):
    """The bytes of what it reads."""

    op: ClassVar[str] = "reshape"
    keeps_type: ClassVar[bool] = True
    is_view: ClassVar[bool] = True
    makes_16_bits: ClassVar[bool] = True
    reads_16_bits: ClassVar[bool] = True

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, shapes[0])

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        return inputs[0].reshape(len(inputs[0]), *self.shape)

    def tflite(self, sources: list[QNode]) -> Operations:
        y = tflite.value(self)
        return (Operation("RESHAPE", (tflite.value(sources[0]), tflite.numbers(f"{self.name}/shape", y.shape)), y),)


def _output_shape(node: Node, shape: Shape) -> Shape:
    if prod(node.shape) != prod(shape):
        raise GraphError(f"{node.name}: cannot view shape {shape} as {node.shape}.")
    return node.shape


def _repeated(values: Doubles, channels: int) -> Doubles | None:
    """Values of each channel on one side, as those of so many on the other."""
    return one_number(values, channels) if channels % len(values) else np.tile(values, channels // len(values))
