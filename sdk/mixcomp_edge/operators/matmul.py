"""matmul, SPEC.md 4.24: products of two values, summed along what both have and the result has not: a product of
matrices, with any axes beside it, whatever the order in which they lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any, ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view, tflite, tflm
from mixcomp_edge.ir.bounds import MAX_RANK, check_requant
from mixcomp_edge.ir.c_view import Array, Call, CValue, Fields, View
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Activated, Activation, Doubles, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations, Tensor
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant, TflmRequant
from mixcomp_edge.ir.weighted import exact
from mixcomp_edge.numerics.tflm import Factors

MAX_SUMMED = 2  # axes


@dataclass(frozen=True, eq=False, kw_only=True)
class Contracted(Node):
    """a_axes, b_axes: for each axis of an operand the axis of y that it goes along. Along those from y's
    rank on products are summed, `count` of them."""

    a_axes: tuple[int, ...]
    b_axes: tuple[int, ...]
    count: int

    @property
    def arity(self) -> int:
        return 2

    @property
    def subscripts(self) -> str:
        """For an einsum of batches."""
        a, b, y = ("z" + "".join(map("abcdef".__getitem__, axes)) for axes in (self.a_axes, self.b_axes, self.kept))
        return f"{a},{b}->{y}"

    @property
    def kept(self) -> range:
        """The axes of y."""
        return range(len(self.shape))

    def output_shape(self, shapes: list[Shape]) -> Shape:
        sizes: dict[int, int] = {}
        for axes, shape in zip((self.a_axes, self.b_axes), shapes, strict=True):
            if len(axes) != len(shape) or len(set(axes)) != len(axes):
                raise GraphError(f"{self.name}: {axes} do not name the axes of shape {shape}.")
            if any(sizes.setdefault(axis, size) != size for axis, size in zip(axes, shape, strict=True)):
                raise GraphError(f"{self.name}: axes {self.a_axes} and {self.b_axes} do not fit shapes {shapes}.")
        kept = [axis for axis in sorted(sizes) if axis < len(self.shape)]
        summed = [axis for axis in sorted(sizes) if axis >= len(self.shape)]
        if kept != list(self.kept) or not set(summed) <= {*self.a_axes} & {*self.b_axes}:
            raise GraphError(f"{self.name}: axes {self.a_axes} and {self.b_axes} do not make {len(self.shape)} of y.")
        if summed != [len(self.shape) + i for i in range(len(summed))] or len(summed) > MAX_SUMMED:
            raise GraphError(f"{self.name}: sums along {summed}, expected at most {MAX_SUMMED} axes behind those of y.")
        if prod(sizes[axis] for axis in summed) != self.count:
            raise GraphError(f"{self.name}: {prod(sizes[axis] for axis in summed)} products a sum, not {self.count}.")
        return tuple(sizes[axis] for axis in kept)


@dataclass(frozen=True, eq=False, kw_only=True)
class MatMul(Contracted, Activated):
    """`factor` times the sum of products."""

    op: ClassVar[str] = "matmul"

    factor: float = 1.0

    def scaled(self, gain: Doubles, offset: Doubles) -> MatMul | None:
        alike = bool(gain[0] > 0 and np.all(gain == gain[0]) and not np.any(offset))
        fits = alike and self.activation is Activation.NONE
        return replace(self, factor=self.factor * float(gain[0])) if fits else None

    def common(self, y: QType) -> dict[str, Any]:
        return super().common(y) | {"a_axes": self.a_axes, "b_axes": self.b_axes, "count": self.count}

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        a, b = inputs
        return QMatMul(**self.common(y), requant=Requant.of(self.factor * a.scale * b.scale / y.scale))


@dataclass(frozen=True, eq=False, kw_only=True)
class QMatMul(Contracted, QNode):
    """requant: one multiplier."""

    op: ClassVar[str] = "matmul"
    title: ClassVar[str] = "product of matrices"
    mixes: ClassVar[str] = "joins frames with others, as attention does"

    requant: Requant

    @property
    def macs(self) -> int:
        return self.elements * self.count

    def check(self, inputs: list[QType]) -> None:
        a, b = inputs
        check_requant(self.name, self.requant, (1,), a.peak * b.peak * self.count)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        a, b = (exact(x - type_.zero_point) for x, type_ in zip(inputs, types, strict=True))
        acc: Doubles = np.einsum(self.subscripts, a, b, optimize=True)
        return self.requantize(acc.astype(np.int64), self.requant)

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        a, b = inputs
        return replace(self, requant=self.requant.widened(a, y).widened(b, b.wide))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (c_view.multiplier(self.requant),)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        a, b = sources
        summed = sorted(axis for axis in self.a_axes if axis not in self.kept)
        lines: tuple[Fields, ...] = (
            {"a_type": c_view.type_of(a.type), "b_type": c_view.type_of(b.type), "y_type": c_view.type_of(self.type)},
            {"a_zero": a.type.zero_point, "b_zero": b.type.zero_point, "y_zero": self.type.zero_point},
            {"kept": self._loops(self.kept, MAX_RANK, a.shape, b.shape)},
            {"summed": self._loops(summed, MAX_SUMMED, a.shape, b.shape)},
            {"requant": c_view.requantizer(self.requant)},
        )
        return (Call("mce_matmul", lines, self.inputs),)

    def _loops(self, axes: list[int] | range, room: int, a: Shape, b: Shape) -> CValue:
        """For each axis how often it goes round, and how many elements further in a and in b; filled up in front."""
        found: list[CValue] = []
        for axis in axes:
            sizes, steps = [1], []
            for mine, shape in ((self.a_axes, a), (self.b_axes, b)):
                at = mine.index(axis) if axis in mine else None
                sizes.append(1 if at is None else shape[at])
                steps.append(0 if at is None else prod(shape[at + 1 :]))
            found.append((max(sizes), *steps))
        return (*[(1, 0, 0)] * (room - len(found)), *found)

    def by_tflm(self, sources: list[QNode]) -> View:
        """Words of internal/tflm_matmul.h."""
        product, *rest = tflm.all_factors(self.tflite(sources))
        times, by = (tflite.HIGH, rest[0]) if rest else (1, Factors.of(1.0))
        return self.seen(sources, requant=TflmRequant.by(product, behind=(times, *by.words)))

    def tflite(self, sources: list[QNode]) -> Operations:
        """Of matrices that lie as TFLM takes them. It knows no factor: the product comes in the step that has it, and
        is multiplied by one."""
        a, b = sources
        *batch, m, n = self.kept if len(self.shape) > 1 else (-1, -1)
        k = len(self.shape)
        orders = {(*batch, m, k): False, (*batch, k, m): True}, {(*batch, k, n): False, (*batch, n, k): True}
        if self.a_axes not in orders[0] or self.b_axes not in orders[1]:
            raise tflite.refuse(self, f"product of matrices along {self.a_axes} and {self.b_axes}")
        settings = {"adjX": orders[0][self.a_axes], "adjY": orders[1][self.b_axes]}
        if not self.requant.multiplier[0]:
            raise tflite.refuse(self, "product with a factor of 0")
        factor = float(self.requant.real[0]) * self.type.scale / (a.type.scale * b.type.scale)
        y, values = tflite.value(self), (tflite.value(a), tflite.value(b))
        if np.isclose(factor, 1, rtol=1e-5):
            return (Operation("BATCH_MATMUL", values, y, settings),)
        product = tflite.tensor(f"{self.name}/product", self.shape, replace(self.type, scale=self.type.scale / factor))
        peak = np.array([tflite.HIGH])
        scale = (peak * 0 + factor / tflite.HIGH).astype(np.float32)
        constant = Tensor(f"{self.name}/factor", (1,), scale=scale, data=peak)
        return (
            Operation("BATCH_MATMUL", values, product, settings),
            Operation("MUL", (product, constant), y),
        )

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        at = (self.a_axes, self.b_axes)[which][axis]
        return at if at in self.kept else None
