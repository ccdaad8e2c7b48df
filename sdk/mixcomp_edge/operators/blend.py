"""blend, SPEC.md 4.4, and minimum, maximum, SPEC.md 4.16: two values, either of which may repeat, are brought to the
scale of the result and joined there. A sum of one shape is an `add`; blend is every other sum, and each difference; a
mask before a softmax is a minimum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import tflite, tflm
from mixcomp_edge.ir.bounds import INT32_MAX
from mixcomp_edge.ir.broadcast import Pair, QPair, terms
from mixcomp_edge.ir.c_view import View
from mixcomp_edge.ir.nodes import Activation, Doubles, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.numerics.functions import Formula, Step
from mixcomp_edge.numerics.requant import add_parameters
from mixcomp_edge.numerics.tflm import Factors

OPEN = 1024.0  # beyond what differences of a softmax's numbers are
NOTHING = 7.0  # so far below the largest number of its row a softmax gives 0; from 6.3 on, but rounding moves rows


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
class Masked(Pair):
    """What a softmax or a maximum leaves out: where the second value, of OPEN and -OPEN, is negative, `least`, or with
    `adds` the first value and that. Its type reaches only as far down as a softmax tells numbers apart; the minimum
    with -OPEN is then its lowest number, and becomes 0."""

    op: ClassVar[str] = "masked"
    reads_8_bits: ClassVar[bool] = True

    least: float
    adds: bool
    reach: float = NOTHING  # infinite where a maximum reads it: then down to the least number that stays

    @property
    def formula(self) -> None:
        return None

    @property
    def tells_apart(self) -> float:
        return self.reach

    def is_skewed(self, inputs: list[bool]) -> bool:
        return True

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

    def by_tflm(self, sources: list[QNode]) -> View:
        (operation,) = self.tflite(sources)
        signs, by = self.tflite_factors(sources), tflm.factors(operation)
        first = 0 if operation.inputs[0].name == sources[0].name else 1
        return terms(self, sources, (by[first], by[1 - first]), signs, by[2])

    def tflite(self, sources: list[QNode]) -> Operations:
        """A sum or a difference; TFLM knows no other factors."""
        y, values = tflite.value(self), tuple(map(tflite.value, sources))
        match self.tflite_factors(sources):
            case (1, 1):
                return (Operation("ADD", values, y),)
            case (1, -1):
                return (Operation("SUB", values, y),)
            case (-1, 1):
                return (Operation("SUB", values[::-1], y),)
        raise tflite.refuse(self, "sum with factors")

    def tflite_factors(self, sources: list[QNode]) -> tuple[int, int]:
        """Those of the two values where they are 1 or -1, else 0."""
        steps = [source.type.scale / self.type.scale * 2**self.shift for source in sources]
        real = np.array([self.a_multiplier, self.b_multiplier]) / steps
        a, b = np.where(np.isclose(np.abs(real), 1, rtol=1e-4), np.sign(real), 0).astype(int)
        return int(a), int(b)

    def by_tflm_picked(self, sources: list[QNode]) -> View:
        """Of two values that are rescaled first."""
        a, b = (tflm.rescaling(tflite.value(x), tflite.value(self)) for x in sources)
        return terms(self, sources, (a, b), (1, 1), Factors.of(1.0))

    def tflite_pick(self, kind: str, sources: list[QNode]) -> Operations:
        """MINIMUM or MAXIMUM of both in the type of y: what rounds and clamps, keeps an order."""
        y, parts, made = tflite.value(self), [], list[Operation]()
        if self.tflite_factors(sources) != (1, 1):
            raise tflite.refuse(self, f"{self.op} with factors")
        for word, x in zip(("a", "b"), sources, strict=True):
            part, rescale = tflite.rescaled(tflite.value(x), y.named(word))
            parts.append(part)
            made += rescale
        return (*made, Operation(kind, tuple(parts), y))


@dataclass(frozen=True, eq=False, kw_only=True)
class QMinimum(QBlend):
    """The smaller of the two terms of a blend."""

    op: ClassVar[str] = "minimum"

    def join(self, a: Value, b: Value) -> Value:
        return np.minimum(a, b)

    def tflite(self, sources: list[QNode]) -> Operations:
        return self.tflite_pick("MINIMUM", sources)

    def by_tflm(self, sources: list[QNode]) -> View:
        return self.by_tflm_picked(sources)


@dataclass(frozen=True, eq=False, kw_only=True)
class QMaximum(QBlend):
    """The larger of the two terms of a blend."""

    op: ClassVar[str] = "maximum"

    def join(self, a: Value, b: Value) -> Value:
        return np.maximum(a, b)

    def tflite(self, sources: list[QNode]) -> Operations:
        return self.tflite_pick("MAXIMUM", sources)

    def by_tflm(self, sources: list[QNode]) -> View:
        return self.by_tflm_picked(sources)


def _multipliers(y: QType, inputs: list[QType], factors: Doubles) -> dict[str, Any]:
    """Those of `add_parameters`, with the factors and their signs."""
    (a, b), (fa, fb) = inputs, (float(factor) for factor in factors)
    ma, mb, shift = add_parameters(abs(fa) * a.scale, abs(fb) * b.scale, y.scale, a.peak, b.peak)
    return {"a_multiplier": ma if fa >= 0 else -ma, "b_multiplier": mb if fb >= 0 else -mb, "shift": shift}
