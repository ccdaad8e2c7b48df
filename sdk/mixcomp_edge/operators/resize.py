"""resize, SPEC.md 4.27: values between the rows and columns of a map, as bilinear upsampling asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import tflite
from mixcomp_edge.ir.c_view import Array, Call, Ref, View
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.ir.windows import plane, planes
from mixcomp_edge.numerics import tflm

BITS = 10  # of a place behind the point
SETTINGS = [{"alignCorners": a, "halfPixelCenters": b} for a, b in ((False, True), (True, False), (False, False))]


@dataclass(frozen=True, eq=False, kw_only=True)
class Resize(FloatNode):
    """y[h, w] is x between the four elements around (rows[h], columns[w]), real places; of a value (W, C) rows is [0].

    In integers places are rounded to 1/1024, which moves a value by at most 1/1024 of the difference between the
    largest and the smallest of the four; then it is rounded to a step of x."""

    op: ClassVar[str] = "resize"
    keeps_type: ClassVar[bool] = True

    rows: Doubles
    columns: Doubles

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.rows, self.columns, shapes[0], 1)

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        return True

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        rows, columns = (np.rint(places * (1 << BITS)).astype(np.int32) for places in (self.rows, self.columns))
        return QResize(**self.common(y), rows=rows, columns=columns)


@dataclass(frozen=True, eq=False, kw_only=True)
class QResize(QNode):
    """Places in steps of 1/1024."""

    op: ClassVar[str] = "resize"
    keeps_type: ClassVar[bool] = True

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.rows, self.columns, shapes[0], 1 << BITS)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        """The weights of the four sum up to 2**20, so zero points stay where they are and nothing leaves the type."""
        acc: Value = planes(inputs[0])
        for axis, places in ((1, self.rows), (2, self.columns)):
            first, weight = places >> BITS, (places & (1 << BITS) - 1).astype(np.int64)
            weight = weight.reshape(-1, *[1] * (3 - axis))
            near, far = (acc.take(i, axis=axis) for i in (first, np.minimum(first + 1, acc.shape[axis] - 1)))
            acc = near * ((1 << BITS) - weight) + far * weight
        return ((acc + (1 << 2 * BITS - 1)) >> 2 * BITS).reshape(len(acc), *self.shape)

    def by_tflm(self, sources: list[QNode]) -> View:
        """Where TFLM looks; beyond the last element there is none."""
        settings = self._settings(sources[0])
        ends = zip(plane(sources[0].shape)[:2], plane(self.shape)[:2], strict=True)
        rows, columns = (np.minimum(_by_tflm(n, m, settings), (n - 1) << BITS) for n, m in ends)
        return self.seen(sources, rows=rows, columns=columns)

    def tflite(self, sources: list[QNode]) -> Operations:
        (x,), settings = sources, self._settings(sources[0])
        size = tflite.numbers(f"{self.name}/size", plane(self.shape)[:2])
        return (Operation("RESIZE_BILINEAR", (tflite.value(x), size), tflite.value(self), settings),)

    def _settings(self, x: QNode) -> dict[str, bool]:
        """Those by which TFLM looks where we do, but for the rounding of its step: half of 1/1024 for each element."""
        for settings in SETTINGS:
            for places, n in zip((self.rows, self.columns), plane(x.shape)[:2], strict=True):
                found = _by_tflm(n, len(places), settings)
                off = np.abs(np.minimum(found, (n - 1) << BITS) - places)
                if off.max() > 1 + len(places) // 2 or found.max() >= n << BITS:
                    break
            else:
                return settings
        raise tflite.refuse(self, "resize to these places: it knows centres of pixels, aligned corners, and multiples")

    @property
    def constants(self) -> tuple[Array, ...]:
        return Array("rows", "int32_t", self.rows), Array("columns", "int32_t", self.columns)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        tensors = {"x": sources[0].tensor, "y": self.tensor}
        return (Call("mce_resize", (tensors, {"rows": Ref("rows"), "columns": Ref("columns")}), self.inputs),)


def _by_tflm(size: int, made: int, settings: dict[str, bool]) -> NDArray[np.int32]:
    return tflm.places(size, made, aligned=settings["alignCorners"], centred=settings["halfPixelCenters"])


def _output_shape(node: Node, rows: NDArray[np.number], columns: NDArray[np.number], shape: Shape, one: int) -> Shape:
    """`one`: the distance of two elements in the units of the places."""
    if len(shape) not in (2, 3):
        raise GraphError(f"{node.name}: needs an input (H, W, C) or (W, C), got {shape}.")
    for axis, places, size in zip(("rows", "columns"), (rows, columns), plane(shape), strict=False):
        if places.ndim != 1 or not places.size or places.min() < 0 or places.max() > (size - 1) * one:
            raise GraphError(f"{node.name}: its {axis} {places.shape} leave 0 to {size - 1}.")
    if len(shape) == 2 and len(rows) != 1:
        raise GraphError(f"{node.name}: takes {len(rows)} rows of {shape}, which has one.")
    return (len(rows), len(columns), shape[-1])[-len(shape) :]
