"""conv2d_transpose, SPEC.md 4.19: each input element spreads over a window of outputs. The outputs of one phase, whose
rows and columns leave one remainder by the stride, are an ordinary convolution of x with some of the taps: so kernels
make them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import c_view, tflite
from mixcomp_edge.ir.bounds import MAX_DIMENSION, MAX_ELEMENTS
from mixcomp_edge.ir.c_view import Call, Fields, Ref
from mixcomp_edge.ir.graph import Shape, Window
from mixcomp_edge.ir.nodes import Doubles, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights, Weights
from mixcomp_edge.ir.weighted import Layer, Weighted, exact
from mixcomp_edge.ir.windows import check_window, plane, planes
from mixcomp_edge.operators.conv2d import QConv2d

MAX_PHASES = 256
Size = tuple[int, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv2dTranspose(Layer):
    """weight (O, KH, KW, I / groups), bias (O,). The window's padding is what is cut off before the first output; where
    the last one is, `made` says."""

    op: ClassVar[str] = "conv2d_transpose"

    window: Window
    groups: int
    read: Size  # height and width of x
    made: Size  # and of y

    @property
    def parts(self) -> int:
        return self.groups

    @property
    def macs(self) -> int:
        return prod(self.read) * self.weight.size

    def output_shape(self, shapes: list[Shape]) -> Shape:
        out, kh, kw, group = self.weight.shape
        return _output_shape(self, shapes[0], out, kh * kw * group)

    def obstacle(self, offset: Doubles) -> str | None:
        return "meets other taps at other outputs" if np.any(offset) else None

    def per_weight(self, values: Doubles) -> Doubles:
        """Output o reads the inputs of group o // (out / groups)."""
        each = len(self.weight) // self.groups
        return np.repeat(values.reshape(self.groups, -1), each, axis=0)[:, None, None, :]

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        codes = weights.codes.reshape(self.shape[-1], -1) if weights else np.zeros((0, 0), np.uint8)
        packed = self.lower_weights(replace(inputs[0], zero_point=0), y, weights, codes)
        fields = self.common(y) | {"window": self.window, "groups": self.groups, "read": self.read, "made": self.made}
        return QConv2dTranspose(**fields, weights=packed)


@dataclass(frozen=True)
class Axis:
    """The outputs of one phase along one axis: first, first + stride, …; an ordinary convolution makes them, `count` of
    them behind `skip` that nobody asked for."""

    first: int
    taps: tuple[int, ...]  # of the kernel, in the order in which the convolution meets them
    dilation: int
    padding: int
    skip: int
    count: int


def phases(made: int, kernel: int, stride: int, dilation: int, before: int) -> Iterator[Axis]:
    """Output q * stride + first meets x[q + offset] by tap i, where offset * stride = first + before - i * dilation."""
    for first in range(min(stride, made)):
        count = -(-(made - first) // stride)
        taps = [i for i in reversed(range(kernel)) if (first + before - i * dilation) % stride == 0]
        if not taps:
            yield Axis(first, (), 1, 0, 0, count)
            continue
        offsets = [(first + before - i * dilation) // stride for i in taps]
        step = offsets[1] - offsets[0] if len(taps) > 1 else 1
        yield Axis(first, tuple(taps), step, max(-offsets[0], 0), max(offsets[0], 0), count)


@dataclass(frozen=True, eq=False, kw_only=True)
class QConv2dTranspose(Weighted):
    """weights.codes (O, KH*KW*I/groups). The bias knows nothing of x's zero point: which taps meet x differs."""

    op: ClassVar[str] = "conv2d_transpose"
    title: ClassVar[str] = "transposed conv2d"

    window: Window
    groups: int
    read: Size
    made: Size

    @property
    def kind(self) -> str:
        return "conv"

    @property
    def macs(self) -> int:
        return prod(self.read) * self.weights.codes.size

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, shapes[0], *self.weights.codes.shape)

    def check(self, inputs: list[QType]) -> None:
        for _, _, conv in self.phases(inputs[0]):
            conv.check(inputs)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        """By spreading each input element over the outputs that it reaches."""
        x = exact(planes(inputs[0]) - types[0].zero_point)
        group = x.shape[-1] // self.groups
        (kh, kw), (sh, sw), (dh, dw) = self.window.kernel, self.window.stride, self.window.dilation
        (top, left, _, _), (height, width) = self.window.padding, _spread(self)
        levels = exact(self.weights.levels).reshape(self.groups, -1, kh, kw, group)  # g, O/g, KH, KW, I/g
        rows, columns = max(height, top + self.made[0]), max(width, left + self.made[1])
        acc = np.zeros((len(x), rows, columns, self.shape[-1]))
        by_group = x.reshape(*x.shape[:3], self.groups, 1, group)
        for i, j in product(range(kh), range(kw)):
            spread = (by_group @ levels[:, :, i, j].swapaxes(1, 2)).reshape(*x.shape[:3], -1)
            acc[:, i * dh :: sh, j * dw :: sw][:, : self.read[0], : self.read[1]] += spread
        acc = acc[:, top : top + self.made[0], left : left + self.made[1]] + exact(self.weights.bias)
        return self.requantize(acc.reshape(len(x), *self.shape).astype(np.int64), self.weights.requant)

    def operands(self, x: Value, place: tuple[int, ...], fill: int) -> Value:
        (h, w, o), x, found = plane(place), planes(x[None])[0], []
        group, each = x.shape[2] // self.groups, self.shape[-1] // self.groups
        for i, j in product(*map(range, self.window.kernel)):
            row, below = divmod(h + self.window.padding[0] - i * self.window.dilation[0], self.window.stride[0])
            column, beside = divmod(w + self.window.padding[1] - j * self.window.dilation[1], self.window.stride[1])
            inside = 0 <= row < x.shape[0] and 0 <= column < x.shape[1] and not below and not beside
            first = o // each * group
            found.append(x[row, column, first : first + group] if inside else np.full(group, fill))
        return np.concatenate(found)

    def phases(self, x: QType) -> Iterator[tuple[Axis, Axis, QConv2d]]:
        """The convolutions whose outputs, woven together, are y; a phase without taps has one of weight 0."""
        window, codes = self.window, self.weights.codes
        by_tap = codes.reshape(len(codes), *window.kernel, codes.shape[1] // prod(window.kernel))
        axes = (
            phases(self.made[i], window.kernel[i], window.stride[i], window.dilation[i], window.padding[i])
            for i in (0, 1)
        )
        for rows, columns in product(*axes):
            some = rows.taps and columns.taps
            kernel = (len(rows.taps), len(columns.taps)) if some else (1, 1)
            held = by_tap[:, rows.taps][:, :, columns.taps] if some else np.zeros_like(by_tap[:, :1, :1])
            held = held.reshape(len(codes), -1)
            levels = np.array(self.weights.codebook.levels, np.int64)[held]
            bias = self.weights.bias.astype(np.int64) - x.zero_point * levels.sum(axis=1)
            if np.any(np.abs(bias) >= 1 << 31):
                raise LoweringError(f"{self.name}: with the zero point of its input a bias leaves int32.")
            weights = Weights(self.weights.codebook, held, bias.astype(np.int32), self.weights.requant)
            around = (rows.padding, columns.padding, 0, 0) if some else (0, 0, 0, 0)
            dilation = (rows.dilation, columns.dilation) if some else (1, 1)
            yield (
                rows,
                columns,
                QConv2d(
                    name=self.name,
                    inputs=self.inputs,
                    shape=(rows.skip + rows.count, columns.skip + columns.count, len(codes)),
                    type=self.type,
                    weights=weights,
                    window=Window(kernel, (1, 1), dilation, around),
                    groups=self.groups,
                ),
            )

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        """One for each phase."""
        made = []
        for i, (rows, columns, conv) in enumerate(self.phases(sources[0].type)):
            lines: tuple[Fields, ...] = (
                {"x": sources[0].tensor, "y": conv.tensor},
                *conv.geometry(sources[0]),
                {"codes": Ref(f"codes_{i}"), "levels": Ref("levels"), "bias": Ref(f"bias_{i}")},
                {"requant": c_view.requantizer(self.weights.requant), "blocks": Ref(f"blocks_{i}")},
            )
            behind: Fields = {
                "y": self.tensor,
                "row": rows.first, "column": columns.first, "sh": self.window.stride[0], "sw": self.window.stride[1],
                "skip_rows": rows.skip, "skip_columns": columns.skip,
            }  # fmt: skip
            made.append(Call("mce_conv2d_transpose", lines, self.inputs, "conv", behind, f"_{i}"))
        return tuple(made)

    def tflite(self, sources: list[QNode]) -> Operations:
        """All that x spreads over, less what the window's padding cuts off."""
        (x,), (top, left) = sources, self.window.padding[:2]
        if self.groups > 1 or self.window.dilation != (1, 1):
            raise tflite.refuse(self, "transposed convolution with groups or dilation")
        levels = self.weights.levels.reshape(self.shape[-1], *self.window.kernel, -1)
        weights, bias = self.tflite_weights(x.type, levels, 0, four_bits=False, folded=False)
        y = tflite.value(self)
        whole = (1, top + self.made[0], left + self.made[1], self.shape[-1])
        cut = (top, left) != (0, 0)
        spread = y.named("spread", shape=whole) if cut else y
        size = tflite.numbers(f"{self.name}/size", whole)
        settings = tflite.steps(self.window, tflite.VALID)
        conv = Operation("TRANSPOSE_CONV", (size, weights, tflite.value(x), bias), spread, settings)
        return (conv, tflite.part(spread, (0, top, left, 0), y)) if cut else (conv,)


def _spread(node: Conv2dTranspose | QConv2dTranspose) -> Size:
    """Rows and columns that x reaches, before anything is cut off."""
    w = node.window
    rows, columns = (
        (n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(node.read, w.stride, w.kernel, w.dilation, strict=True)
    )
    return rows, columns


def _output_shape(node: Conv2dTranspose | QConv2dTranspose, shape: Shape, out: int, length: int) -> Shape:
    window, groups = node.window, node.groups
    check_window(node, window, shape)
    if plane(shape)[:2] != node.read:
        raise GraphError(f"{node.name}: is made for {node.read[0]} x {node.read[1]} positions, its input is {shape}.")
    if groups < 1 or shape[-1] % groups or out % groups or length != prod(window.kernel) * shape[-1] // groups:
        raise GraphError(f"{node.name}: codes ({out}, {length}) in {groups} groups do not fit {window} on {shape}.")
    if prod(window.stride) > MAX_PHASES:
        raise GraphError(f"{node.name}: strides {window.stride} are more than {MAX_PHASES} phases.")
    reach = [max(full, before + n) for full, before, n in zip(_spread(node), window.padding, node.made, strict=False)]
    if min(node.made) < 1 or max(reach) > MAX_DIMENSION or prod(reach) * out > MAX_ELEMENTS:
        raise GraphError(f"{node.name}: spreads {shape} over {reach[0]} x {reach[1]} positions, which is too much.")
    if len(shape) == 2 and node.made[0] != 1:
        raise GraphError(f"{node.name}: makes {node.made[0]} rows of the one row of {shape}.")
    return (*node.made, out)[-len(shape) :]
