"""normalize, SPEC.md 4.23: groups of elements less their mean and over their deviation. Layer, group, instance and RMS
norms differ in which elements make a group and which have a gain and offset of their own.

All is exact but the two roundings that SPEC.md names: with n elements d of a group, S their sum and Q that of their
squares, (d - mean) / sqrt(variance + eps) is (n d - S) / sqrt(n Q - S**2 + eps n**2), integers below the root."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import c_view
from mixcomp_edge.ir.c_view import Array, Call, CValue, Fields, Ref
from mixcomp_edge.ir.frames import regrouped
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nests import along, check_axes
from mixcomp_edge.ir.nodes import Activated, Activation, Doubles, QNode, Value
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.numerics.roots import inverse_sqrt

MAX_COUNT = 1 << 20  # elements of a group: n * d stays below 2**28
NORM_BITS = 16  # behind the point of a normalized element
OFFSET_BITS = 20  # behind the point of an offset in steps of y
EPSILON_LIMIT = 1 << 61
LOOPS = 2  # over groups, and over the elements of one


@dataclass(frozen=True, eq=False, kw_only=True)
class Grouped(Node):
    """x seen in the shape `view`: a group is what lies along its `axes`; gains and offsets differ along `over`, or
    along nothing."""

    view: Shape
    axes: tuple[int, ...]
    over: tuple[int, ...]

    def output_shape(self, shapes: list[Shape]) -> Shape:
        if prod(self.view) != prod(shapes[0]) or min(self.view, default=0) < 1:
            raise GraphError(f"{self.name}: cannot view shape {shapes[0]} as {self.view}.")
        check_axes(self, self.axes, self.view)
        if self.over:
            check_axes(self, self.over, self.view)
        if max(len(self.axes), len(self.view) - len(self.axes)) > LOOPS:
            raise GraphError(f"{self.name}: view {self.view} has more than {LOOPS} axes of groups, or of one group.")
        if self.count > MAX_COUNT:
            raise GraphError(f"{self.name}: a group has {self.count} elements, more than {MAX_COUNT}.")
        return shapes[0]

    @property
    def count(self) -> int:
        """Elements of a group."""
        return along(self.view, self.axes)

    @property
    def parameters(self) -> int:
        """Gains, and offsets."""
        return along(self.view, self.over)

    @property
    def parameter_view(self) -> Shape:
        """The shape in which they broadcast over the view."""
        return tuple(size if axis in self.over else 1 for axis, size in enumerate(self.view))


@dataclass(frozen=True, eq=False, kw_only=True)
class Normalize(Grouped, Activated):
    """gain * (x - mean) / sqrt(variance + eps) + offset. Not `centred`, the mean counts as 0. `least` is the smallest
    number that the root of the group's sum of squares may be."""

    op: ClassVar[str] = "normalize"
    reads_8_bits: ClassVar[bool] = True

    gain: Doubles
    offset: Doubles
    eps: float
    centred: bool = True
    least: float = 0.0

    def output_shape(self, shapes: list[Shape]) -> Shape:
        shape = super().output_shape(shapes)
        if not self.gain.shape == self.offset.shape == (self.parameters,):
            raise GraphError(f"{self.name}: gain {self.gain.shape}, offset {self.offset.shape} for {self.parameters}.")
        return shape

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return super().is_nonnegative([False])

    def scaled(self, gain: Doubles, offset: Doubles) -> Normalize | None:
        alike = bool(np.all(gain == gain[0]) and np.all(offset == offset[0]))
        if not alike or self.activation is not Activation.NONE:
            return None
        return replace(self, gain=self.gain * gain[0], offset=self.offset * gain[0] + offset[0])

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        (x,) = inputs
        epsilon = round(self.eps * (self.count / x.scale) ** 2)
        if self.least >= x.scale or epsilon >= EPSILON_LIMIT:
            raise LoweringError(f"{self.name}: eps is large beside {x.scale:.3g}, a step of what it reads. Scale that.")
        multiplier = _fixed(self, self.gain / y.scale, NORM_BITS)
        offset = _fixed(self, self.offset / y.scale, OFFSET_BITS)
        return QNormalize(
            **self.common(y), epsilon=epsilon, centred=int(self.centred), multiplier=multiplier, offset=offset
        )

    def common(self, y: QType) -> dict[str, Any]:
        return super().common(y) | {"view": self.view, "axes": self.axes, "over": self.over}


@dataclass(frozen=True, eq=False, kw_only=True)
class QNormalize(Grouped, QNode):
    """epsilon: eps n**2, in squares of a step of x. multiplier and offset: in 2**-16 and 2**-20 of a step of y."""

    op: ClassVar[str] = "normalize"

    epsilon: int
    centred: int
    multiplier: NDArray[np.int32]
    offset: NDArray[np.int32]

    def check(self, inputs: list[QType]) -> None:
        if not self.multiplier.shape == self.offset.shape == (self.parameters,):
            raise GraphError(
                f"{self.name}: {self.multiplier.size} multipliers, {self.offset.size} offsets, not {self.parameters}."
            )
        if not 0 <= self.epsilon < EPSILON_LIMIT or self.centred not in (0, 1):
            raise GraphError(f"{self.name}: epsilon {self.epsilon} or centred {self.centred} is out of range.")

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        dims, n = tuple(axis + 1 for axis in self.axes), self.count
        d = (inputs[0] - types[0].zero_point).reshape(-1, *self.view)
        total = d.sum(dims, keepdims=True) * self.centred
        spread = n * (d * d).sum(dims, keepdims=True) - total * total + self.epsilon
        root, shift = inverse_sqrt(spread, NORM_BITS)
        z = ((n * d - total) * root + (1 << (shift - 1))) >> shift
        m, o = (v.astype(np.int64).reshape(self.parameter_view) for v in (self.multiplier, self.offset))
        y = self.type.zero_point + ((z * m + (o << (32 - OFFSET_BITS)) + (1 << 31)) >> 32)
        return self.clamp(y).reshape(-1, *self.shape)

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        multiplier, offset = (_fixed(self, v.astype(np.float64) * y.finer, 0) for v in (self.multiplier, self.offset))
        return replace(self, epsilon=self.epsilon * inputs[0].finer ** 2, multiplier=multiplier, offset=offset)

    @property
    def constants(self) -> tuple[Array, ...]:
        return (Array("multiplier", "int32_t", self.multiplier), Array("offset", "int32_t", self.offset))

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        (x,) = sources
        lines: tuple[Fields, ...] = (
            {"epsilon": self.epsilon, "count": self.count, "centred": self.centred},
            {"x_type": c_view.type_of(x.type), "y_type": c_view.type_of(self.type)},
            {"x_zero": x.type.zero_point, "y_zero": self.type.zero_point},
            {"elements": self._nest(range(len(self.view))), "parameters": self._nest(self.over)},
            {"multiplier": Ref("multiplier"), "offset": Ref("offset")},
        )
        return (Call("mce_normalize", lines, self.inputs),)

    def _nest(self, moving: range | tuple[int, ...]) -> CValue:
        """An mce_nest over the view, in an array that has only the axes that are `moving`."""
        loops: tuple[list[CValue], list[CValue]] = ([], [])
        for axis, size in enumerate(self.view):
            stride = prod(self.view[a] for a in moving if a > axis) if axis in moving else 0
            loops[axis in self.axes].append((size, stride))
        return tuple(loop for kind in loops for loop in [*[(1, 0)] * (LOOPS - len(kind)), *kind])

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        at = regrouped(shape, axis, self.view)
        kept = at is not None and self.view[at] == shape[axis] and at not in (*self.axes, *self.over)
        return axis if kept else None

    def of_size(self, axis: int, size: int) -> Self:
        at = regrouped(self.shape, axis, self.view)
        assert at is not None
        return replace(super().of_size(axis, size), view=(*self.view[:at], size, *self.view[at + 1 :]))


def _fixed(node: Node, values: Doubles, bits: int) -> NDArray[np.int32]:
    """Real numbers as integers with so many bits behind the point."""
    scaled = np.rint(values * 2.0**bits)
    if not np.all(np.abs(scaled) < 2**31):
        raise LoweringError(
            f"{node.name}: a gain or offset of {np.abs(values).max():.3g} steps of its value is beyond 32 bits; "
            "its output's scale is too small: calibrate on more data."
        )
    return scaled.astype(np.int32)
