"""avgpool2d, SPEC.md 4.7: the mean over each window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import LoweringError
from mixcomp_edge.ir import c_view, tflite, tflm
from mixcomp_edge.ir.bounds import INT32_MAX, check_requant
from mixcomp_edge.ir.c_view import Array, Call, Fields, View
from mixcomp_edge.ir.frames import Frames, Steps
from mixcomp_edge.ir.graph import Shape, Window
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant, TflmRequant
from mixcomp_edge.ir.windows import plane, planes, pooled_shape, taps


@dataclass(frozen=True, eq=False, kw_only=True)
class AvgPool2d(FloatNode):
    """Mean over each window. With count_include_pad the divisor is the kernel's size even where it overlaps padding;
    `divisor` is another one for all windows."""

    op: ClassVar[str] = "avgpool2d"

    window: Window
    count_include_pad: bool = True
    divisor: int | None = None

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return pooled_shape(self, self.window, shapes[0])

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        mean = self.divisor is None and (not any(self.window.padding) or not self.count_include_pad)
        return mean or not np.any(offset)

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs)

    def is_skewed(self, inputs: list[bool]) -> bool:
        return any(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        size = prod(self.window.kernel)
        one_divisor = self.divisor or self.count_include_pad or not any(self.window.padding)
        divisors = np.array([self.divisor or size]) if one_divisor else np.arange(1, size + 1)
        requant = Requant.of(inputs[0].scale / (y.scale * divisors))
        return QAvgPool2d(**self.common(y), window=self.window, requant=requant)


@dataclass(frozen=True, eq=False, kw_only=True)
class QAvgPool2d(QNode):
    """1 multiplier, or KH*KW of them: the one for a window with n elements inside x is at n - 1."""

    op: ClassVar[str] = "avgpool2d"
    title: ClassVar[str] = "average pool"

    window: Window
    requant: Requant

    @property
    def kind(self) -> str:
        return "pool"

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return pooled_shape(self, self.window, shapes[0])

    def check(self, inputs: list[QType]) -> None:
        size = prod(self.window.kernel)
        check_requant(self.name, self.requant, (1, size), inputs[0].peak * size)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        x, zero, (oh, ow, channels) = planes(inputs[0]), types[0].zero_point, plane(self.shape)
        acc = np.zeros((len(x), oh, ow, channels), np.int64)
        for tap in taps(x, self.window, (oh, ow), zero):
            acc += tap - zero
        requant = self.requant
        if len(requant.multiplier) > 1:
            inside = np.zeros((1, oh, ow, 1), np.int64)
            for tap in taps(np.ones_like(x[:1, :, :, :1]), self.window, (oh, ow), 0):
                inside += tap
            requant = Requant(requant.multiplier[inside - 1], requant.shift)
        return self.requantize(acc, requant).reshape(len(x), *self.shape)

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        return replace(self, requant=self.requant.widened(inputs[0], y))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (c_view.multiplier(self.requant),)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        lines: tuple[Fields, ...] = (
            {"x": sources[0].tensor, "y": self.tensor},
            {"window": c_view.window(self.window)},
            {"requant": c_view.requantizer(self.requant)},
        )
        return (Call("mce_pool2d", lines, self.inputs),)

    def by_tflm(self, sources: list[QNode]) -> View:
        """Words of internal/tflm_mean.h."""
        (x,), size = sources, prod(self.window.kernel)
        if size * tflite.HIGH * 2 > INT32_MAX:
            raise LoweringError(f"{self.name}: a sum of {size} elements of 8 bits leaves int32.")
        wide = tflite.tensor(self.name, self.shape, x.type.wide)
        by = tflm.rescaling(wide, tflite.value(self))
        counted = 0 if len(self.requant.multiplier) > 1 else size
        return self.seen(sources, requant=TflmRequant.by(by, (x.type.finer, wide.zero_point, counted)))

    def tflite(self, sources: list[QNode]) -> Operations:
        """TFLM's mean keeps the type of what it reads, which is widened to 8 bits before."""
        (x,), y, size = sources, tflite.value(self), prod(self.window.kernel)
        inside = len(self.requant.multiplier) > 1
        divisors = np.arange(1, size + 1) if inside else np.array([size])
        if not np.allclose(self.requant.real * divisors, x.type.scale / self.type.scale, rtol=1e-5):
            raise tflite.refuse(self, "average pool with a divisor of its own")
        if self.window.dilation != (1, 1):
            raise tflite.refuse(self, "dilated pool")
        wide = tflite.tensor(f"{self.name}/wide", x.shape, x.type.wide)
        read, widened = tflite.rescaled(tflite.value(x), wide)
        padded, padding, border = tflite.padded(self, read, self.window, plane(self.shape)[:2], implied=inside)
        if inside and border:
            raise tflite.refuse(self, "average pool that counts no padding but such as SAME makes")
        mean = replace(wide, name=f"{self.name}/mean", shape=y.shape)
        settings = tflite.steps(self.window, padding) | tflite.kernel(self.window)
        _, rescale = tflite.rescaled(mean, y)
        pool = Operation("AVERAGE_POOL_2D", (padded,), mean if rescale else y, settings)
        return (*widened, *border, pool, *rescale)

    def in_steps(self, steps: Steps) -> tuple[QNode, Frames | None]:
        frames = steps.frames(self.inputs[0])
        way = -1 if frames is None or frames.is_last else frames.place + 3 - len(self.shape)
        if len(self.requant.multiplier) > 1 and way in (0, 1) and self.window.padding[way]:
            why = "divides the first windows by fewer frames than the others"
            raise steps.refused(self, why, "Give it count_include_pad=True, or no padding.")
        return steps.windowed(self, steps.zero(self.inputs[0]))

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return axis if axis == len(shape) - 1 else None
