"""reshape, SPEC.md 4.10: another shape for the same elements; nothing runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import tflite
from mixcomp_edge.ir.frames import CUT_IT, Frames, Steps, regrouped
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

    def in_steps(self, steps: Steps) -> tuple[QNode, Frames | None]:
        """Frames may stay as they are, become fewer with more elements each, or more with fewer."""
        (name,), frames = self.inputs, steps.frames(self.inputs[0])
        if frames is None or frames.is_last:
            return steps.apart(self)
        shape = steps.whole[name].shape
        at = regrouped(shape, frames.place, self.shape)
        if at is None:
            why = f"mixes frames with other elements of {shape}"
            raise steps.refused(self, why, "Keep time a dimension of its own.")
        ratio = Fraction(self.shape[at], shape[frames.place])
        if ratio != 1 and (frames.lag or frames.good < frames.length):
            raise steps.refused(self, "joins frames of which the first or the last are incomplete", CUT_IT)
        made = replace(frames, axis=at, length=self.shape[at], each=frames.each * ratio, good=self.shape[at])
        made = replace(made, good=frames.good) if ratio == 1 else made
        step = self.of_size(at, steps.rows(self.name, made.each))
        return steps.put(replace(step, inputs=(steps.source(name).name,))), made


def _output_shape(node: Node, shape: Shape) -> Shape:
    if prod(node.shape) != prod(shape):
        raise GraphError(f"{node.name}: cannot view shape {shape} as {node.shape}.")
    return node.shape


def _repeated(values: Doubles, channels: int) -> Doubles | None:
    """Values of each channel on one side, as those of so many on the other."""
    return one_number(values, channels) if channels % len(values) else np.tile(values, channels // len(values))
