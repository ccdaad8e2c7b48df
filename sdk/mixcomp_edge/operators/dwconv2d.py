"""dwconv2d, SPEC.md 4.2: a depthwise convolution, in the float graph a conv2d with a group for each channel."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view, tflite
from mixcomp_edge.ir.c_view import Fields
from mixcomp_edge.ir.frames import Frames, Steps
from mixcomp_edge.ir.graph import Shape, Window
from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType
from mixcomp_edge.ir.weighted import Weighted, exact
from mixcomp_edge.ir.windows import check_window, met, plane, planes, taps, windowed_shape


@dataclass(frozen=True, eq=False, kw_only=True)
class QDwConv2d(Weighted):
    """weights.codes (KH*KW, O)."""

    op: ClassVar[str] = "dwconv2d"
    title: ClassVar[str] = "depthwise conv2d"
    struct: ClassVar[str] = "mce_conv2d"

    window: Window

    @property
    def macs(self) -> int:
        return prod(self.shape) * self.weights.codes.shape[0]

    @property
    def rows(self) -> NDArray[np.uint8]:
        return self.weights.codes.T

    @property
    def kind(self) -> str:
        return "depthwise"

    def output_shape(self, shapes: list[Shape]) -> Shape:
        shape, (length, out) = shapes[0], self.weights.codes.shape
        check_window(self, self.window, shape)
        if length != prod(self.window.kernel) or out % shape[-1]:
            raise GraphError(
                f"{self.name}: codes {self.weights.codes.shape} do not fit {self.window.kernel} on {shape}."
            )
        return windowed_shape(self, self.window, shape, out)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        (x,), (oh, ow, out_channels) = inputs, plane(self.shape)
        multiplicity = out_channels // x.shape[-1]
        levels = exact(self.weights.levels)
        acc = np.broadcast_to(exact(self.weights.bias), (len(x), oh, ow, out_channels)).copy()
        for t, tap in enumerate(taps(planes(exact(x)), self.window, (oh, ow), types[0].zero_point)):
            acc += (tap if multiplicity == 1 else np.repeat(tap, multiplicity, axis=3)) * levels[t]
        return self.requantize(acc.reshape(len(x), *self.shape).astype(np.int64), self.weights.requant)

    def operands(self, x: Value, place: tuple[int, ...], fill: int) -> Value:
        multiplicity = self.shape[-1] // x.shape[-1]
        return met(x, self.window, place, fill)[:, place[-1] // multiplicity]

    def geometry(self, x: QNode) -> tuple[Fields, ...]:
        return ({"window": c_view.window(self.window)}, {"groups": x.shape[-1]})

    def tflite(self, sources: list[QNode]) -> Operations:
        (x,) = sources
        levels = self.weights.levels.reshape(1, *self.window.kernel, -1)
        weights, bias = self.tflite_weights(x.type, levels, 3)
        read, padding, border = tflite.padded(self, tflite.value(x), self.window, plane(self.shape)[:2])
        settings = tflite.steps(self.window, padding, dilated=True) | {"depthMultiplier": self.shape[-1] // x.shape[-1]}
        version = 6 if weights.type == "INT4" else 0
        conv = Operation("DEPTHWISE_CONV_2D", (read, weights, bias), tflite.value(self), settings, version)
        return (*border, conv)

    def in_steps(self, steps: Steps) -> tuple[QNode, Frames | None]:
        return steps.windowed(self, steps.zero(self.inputs[0]))
