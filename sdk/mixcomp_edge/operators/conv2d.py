"""conv2d, SPEC.md 4.1, and conv2d_add, SPEC.md 4.12: a convolution, also with a residual added before its rounding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import c_view, tflite, tflm
from mixcomp_edge.ir.bounds import INT32_MAX
from mixcomp_edge.ir.c_view import Call, Fields, View
from mixcomp_edge.ir.frames import Frames, Steps
from mixcomp_edge.ir.graph import Node, Shape, Window
from mixcomp_edge.ir.nodes import Doubles, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations, Tensor
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant, TflmRequant
from mixcomp_edge.ir.weighted import Layer, Weighted, exact
from mixcomp_edge.ir.windows import check_window, met, plane, planes, taps, windowed_shape
from mixcomp_edge.numerics.requant import MAX_SHIFT
from mixcomp_edge.operators.dwconv2d import QDwConv2d


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv2d(Layer):
    """weight (O, KH, KW, C / groups), bias (O,). groups == C is a depthwise convolution. A second input is a residual:
    it has the output's shape and is added before the activation."""

    op: ClassVar[str] = "conv2d"

    window: Window
    groups: int = 1

    @property
    def is_depthwise(self) -> bool:
        return self.groups > 1 and self.weight.shape[3] == 1

    @property
    def arity(self) -> int:
        return 2 if len(self.inputs) == 2 else 1

    @property
    def parts(self) -> int:
        return self.groups

    @property
    def macs(self) -> int:
        return prod(self.shape[:-1]) * self.weight.size

    def output_shape(self, shapes: list[Shape]) -> Shape:
        check_window(self, self.window, shapes[0])
        out, kh, kw, group = self.weight.shape
        fits = (kh, kw) == self.window.kernel and group * self.groups == shapes[0][-1]
        if not fits or out % self.groups or len(self.bias) != out:
            raise GraphError(
                f"{self.name}: weight {self.weight.shape}, {self.groups} groups do not fit input {shapes[0]}."
            )
        return _with_residual(self, windowed_shape(self, self.window, shapes[0], out), shapes)

    def takes(self, offset: Doubles) -> bool:
        return not any(self.window.padding) or not np.any(offset)  # a zero of the padding would be another number

    def per_weight(self, values: Doubles) -> Doubles:
        """Output o reads the inputs of group o // (out / groups)."""
        each = len(self.weight) // self.groups
        return np.repeat(values.reshape(self.groups, -1), each, axis=0)[:, None, None, :]

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        codes = weights.codes if weights else np.zeros(0, np.uint8)
        rows = codes.reshape(self.shape[-1], -1)
        if self.is_depthwise:  # (O, KH, KW, 1) -> (KH*KW, O)
            packed = self.lower_weights(inputs[0], y, weights, np.ascontiguousarray(rows.T))
            return QDwConv2d(**self.common(y), weights=packed, window=self.window)
        packed = self.lower_weights(inputs[0], y, weights, rows)
        fields = {**self.common(y), "weights": packed, "window": self.window, "groups": self.groups}
        if len(self.inputs) == 1:
            return QConv2d(**fields)
        residual = Requant.of(inputs[1].scale / y.scale)
        multiplier, shift = int(residual.multiplier[0]), residual.shift
        return QConv2dAdd(**fields, residual_multiplier=multiplier, residual_shift=shift)


@dataclass(frozen=True, eq=False, kw_only=True)
class QConv2d(Weighted):
    """weights.codes (O, KH*KW*C/groups)."""

    op: ClassVar[str] = "conv2d"
    struct: ClassVar[str] = "mce_conv2d"

    window: Window
    groups: int

    @property
    def kind(self) -> str:
        return "1x1" if self.window.kernel == (1, 1) else "conv"

    @property
    def macs(self) -> int:
        return prod(self.shape) * self.weights.codes.shape[1]

    def output_shape(self, shapes: list[Shape]) -> Shape:
        shape, (out, length) = shapes[0], self.weights.codes.shape
        check_window(self, self.window, shape)
        if self.groups < 1 or shape[-1] % self.groups or out % self.groups:
            raise GraphError(f"{self.name}: {self.groups} groups do not divide {shape[-1]} inputs and {out} outputs.")
        if length != prod(self.window.kernel) * shape[-1] // self.groups:
            raise GraphError(
                f"{self.name}: codes {self.weights.codes.shape} do not fit {self.window.kernel} on {shape}."
            )
        return _with_residual(self, windowed_shape(self, self.window, shape, out), shapes)

    def accumulators(self, x: Value, x_type: QType) -> Value:
        """(N, *shape)."""
        oh, ow, out_channels = plane(self.shape)
        group = x.shape[-1] // self.groups
        levels = self.weights.levels.reshape(self.groups, out_channels // self.groups, -1, group)  # g, O/g, taps, C/g
        weight = exact(levels)
        acc = np.broadcast_to(exact(self.weights.bias), (len(x), oh, ow, out_channels)).copy()
        for t, tap in enumerate(taps(planes(exact(x)), self.window, (oh, ow), x_type.zero_point)):
            rows = tap.reshape(-1, self.groups, group).swapaxes(0, 1)  # (g, N*OH*OW, C/g)
            sums = rows @ weight[:, :, t, :].swapaxes(1, 2)  # (g, N*OH*OW, O/g)
            acc += sums.swapaxes(0, 1).reshape(acc.shape)
        return acc.reshape(len(x), *self.shape).astype(np.int64)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        return self.requantize(self.accumulators(inputs[0], types[0]), self.weights.requant)

    def operands(self, x: Value, place: tuple[int, ...], fill: int) -> Value:
        group, channels = x.shape[-1] // self.groups, self.shape[-1] // self.groups
        first = place[-1] // channels * group
        return met(x, self.window, place, fill)[:, first : first + group].ravel()

    def geometry(self, x: QNode) -> tuple[Fields, ...]:
        return ({"window": c_view.window(self.window)}, {"groups": self.groups})

    def tflite(self, sources: list[QNode]) -> Operations:
        return self.tflite_conv(sources[0], tflite.value(self))

    def tflite_conv(self, x: QNode, y: Tensor) -> Operations:
        """The convolution, into a tensor."""
        levels = self.weights.levels.reshape(self.shape[-1], *self.window.kernel, -1)
        weights, bias = self.tflite_weights(x.type, levels, 0)
        read, padding, border = tflite.padded(self, tflite.value(x), self.window, plane(self.shape)[:2])
        settings = tflite.steps(self.window, padding, dilated=True)
        version = 6 if weights.type == "INT4" else 0
        return (*border, Operation("CONV_2D", (read, weights, bias), y, settings, version))

    def in_steps(self, steps: Steps) -> tuple[QNode, Frames | None]:
        return steps.windowed(self, steps.zero(self.inputs[0]))


@dataclass(frozen=True, eq=False, kw_only=True)
class QConv2dAdd(QConv2d):
    """A conv2d whose second input, the residual, is added before the one rounding."""

    op: ClassVar[str] = "conv2d_add"
    title: ClassVar[str] = "conv2d + add"
    in_place: ClassVar[tuple[int, int]] = (1, 2)

    residual_multiplier: int
    residual_shift: int

    @property
    def arity(self) -> int:
        return 2

    def check(self, inputs: list[QType]) -> None:
        super().check(inputs)
        if not 0 <= self.residual_multiplier <= INT32_MAX or not 0 <= self.residual_shift <= MAX_SHIFT:
            raise GraphError(f"{self.name}: the residual's multiplier or shift is out of range.")
        if inputs[1].peak << self.residual_shift > INT32_MAX:
            raise LoweringError(f"{self.name}: the residual may reach {inputs[1].peak} * 2**{self.residual_shift}.")

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        requant = self.weights.requant
        product = (self.accumulators(inputs[0], types[0]) << requant.shift) * requant.multiplier.astype(np.int64)
        residual = ((inputs[1] - types[1].zero_point) << self.residual_shift) * self.residual_multiplier
        return self.clamp(self.type.zero_point + ((product + residual + (1 << 31)) >> 32))

    def widen(self, y: QType, inputs: list[QType]) -> Self:
        old: NDArray[np.int32] = np.array([self.residual_multiplier], np.int32)
        residual = Requant(old, self.residual_shift).widened(inputs[1], y)
        multiplier = int(residual.multiplier[0])
        return replace(super().widen(y, inputs), residual_multiplier=multiplier, residual_shift=residual.shift)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        (conv,) = super().calls(sources)
        behind: Fields = {
            "r": sources[1].tensor,
            "r_multiplier": self.residual_multiplier,
            "r_shift": self.residual_shift,
        }
        return (replace(conv, struct="mce_conv2d_add", member="conv", behind=behind),)

    def by_tflm(self, sources: list[QNode]) -> View:
        operations = self.tflite(sources)
        by, *terms = tflm.all_factors(operations)
        before = [operations[-2].output.zero_point, *(word for term in terms for word in term.words)]
        weights = replace(self.weights, requant=TflmRequant.by(by, before, placed=True))
        return self.seen(sources, weights=weights, residual_multiplier=0, residual_shift=0)

    def tflite(self, sources: list[QNode]) -> Operations:
        """The convolution by itself, in 8 bits that reach as far as the residual can bring back; then the sum."""
        x, r = sources
        factor = self.residual_multiplier * 2.0 ** (self.residual_shift - 32)
        tflite.check_factor(self, factor, r.type.scale / self.type.scale)
        (below, above), (low, high) = ((t.low - t.zero_point, t.high - t.zero_point) for t in (r.type, self.type))
        least = low * self.type.scale - above * r.type.scale
        most = high * self.type.scale - below * r.type.scale
        scale = (most - least) / 255
        inner = QType("s8", scale, round(tflite.LOW - least / scale))
        part = tflite.tensor(f"{self.name}/conv", self.shape, inner)
        weights = replace(self.weights, requant=self.weights.requant.scaled(self.type.scale / scale))
        conv = replace(self, type=inner, weights=weights).tflite_conv(x, part)
        return (*conv, Operation("ADD", (part, tflite.value(r)), tflite.value(self)))


def _with_residual(node: Node, shape: Shape, shapes: list[Shape]) -> Shape:
    """The output's shape, which a residual must have too."""
    if shapes[1:] and shapes[1] != shape:
        raise GraphError(f"{node.name}: the residual has shape {shapes[1]}, the convolution makes {shape}.")
    return shape
