"""blend, SPEC.md 4.4, and minimum, maximum, SPEC.md 4.16: two values, either of which may repeat, are brought to the
scale of the result and joined there. A sum of one shape is an `add`; blend is every other sum, and each difference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir.bounds import INT32_MAX
from mixcomp_edge.ir.broadcast import Pair, QPair
from mixcomp_edge.ir.nodes import Activation, Doubles, QNode, Value
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.numerics.functions import Formula, Step
from mixcomp_edge.numerics.requant import add_parameters


@dataclass(frozen=True, eq=False, kw_only=True)
class Blend(Pair):
    """factors[0] * a + factors[1] * b."""

    op: ClassVar[str] = "blend"

    factors: Doubles  # (2,), of either sign

    @property
    def joins(self) -> Formula:
        scaled = (Step("affine", (i,), (float(factor), 0.0)) for i, factor in enumerate(self.factors))
        return (*scaled, Step("sum", (2, 3)))

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return self.activation != Activation.NONE or (all(inputs) and bool(np.all(self.factors >= 0)))

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QBlend(**self.common(y), **_multipliers(y, inputs, self.factors))


@dataclass(frozen=True, eq=False, kw_only=True)
class Minimum(Pair):
    """The smaller of two values."""

    op: ClassVar[str] = "minimum"

    @property
    def joins(self) -> Formula:
        return (Step("least", (0, 1)),)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QMinimum(**self.common(y), **_multipliers(y, inputs, np.ones(2)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Maximum(Pair):
    """The larger of two values."""

    op: ClassVar[str] = "maximum"

    @property
    def joins(self) -> Formula:
        return (Step("greatest", (0, 1)),)

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return self.activation != Activation.NONE or any(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QMaximum(**self.common(y), **_multipliers(y, inputs, np.ones(2)))


@dataclass(frozen=True, eq=False, kw_only=True)
class QBlend(QPair):
    """y = zero + (a * a_multiplier + b * b_multiplier) / 2**shift, rounded; a and b less their zero points."""

    op: ClassVar[str] = "blend"

    a_multiplier: int
    b_multiplier: int
    shift: int

    @property
    def factors(self) -> tuple[int, int, int]:
        return self.a_multiplier, self.b_multiplier, self.shift

    def join(self, a: Value, b: Value) -> Value:
        return a + b

    def check(self, inputs: list[QType]) -> None:
        if not 1 <= self.shift <= 30:
            raise GraphError(f"{self.name}: the shift {self.shift} is not in 1..30.")
        a, b = inputs
        peak = a.peak * abs(self.a_multiplier) + b.peak * abs(self.b_multiplier) + (1 << (self.shift - 1))
        if peak > INT32_MAX:
            raise LoweringError(f"{self.name}: the sum may reach {peak}, beyond int32.")

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        a, b = (x - type_.zero_point for x, type_ in zip(inputs, types, strict=True))
        acc = self.join(a * self.a_multiplier, b * self.b_multiplier)
        return self.clamp(self.type.zero_point + ((acc + (1 << (self.shift - 1))) >> self.shift))

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        factors = np.array([self.a_multiplier, self.b_multiplier]) * 2.0**-self.shift
        steps = [QType(wide.dtype, 1 / x.finer, wide.zero_point) for x in inputs for wide in (x.wide,)]
        return replace(self, **_multipliers(QType(self.type.dtype, 1 / y.finer), steps, factors))


@dataclass(frozen=True, eq=False, kw_only=True)
class QMinimum(QBlend):
    """The smaller of the two terms of a blend."""

    op: ClassVar[str] = "minimum"

    def join(self, a: Value, b: Value) -> Value:
        return np.minimum(a, b)


@dataclass(frozen=True, eq=False, kw_only=True)
class QMaximum(QBlend):
    """The larger of the two terms of a blend."""

    op: ClassVar[str] = "maximum"

    def join(self, a: Value, b: Value) -> Value:
        return np.maximum(a, b)


def _multipliers(y: QType, inputs: list[QType], factors: Doubles) -> dict[str, Any]:
    """Those of `add_parameters`, with the factors and their signs."""
    (a, b), (fa, fb) = inputs, (float(factor) for factor in factors)
    ma, mb, shift = add_parameters(abs(fa) * a.scale, abs(fb) * b.scale, y.scale, a.peak, b.peak)
    return {"a_multiplier": ma if fa >= 0 else -ma, "b_multiplier": mb if fb >= 0 else -mb, "shift": shift}
