"""token_offset, SPEC.md 4.31, and length_mask, SPEC.md 4.32: bytes made of whole numbers that a model is given, such as
the words of a sentence or its length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir.c_view import Call
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import FloatNode, QNode, Value
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.operators.input import MOST_WORDS, check_tokens


@dataclass(frozen=True, eq=False, kw_only=True)
class OfTokens(FloatNode):
    """What makes bytes of tokens, numbers as they are, too."""

    start: int

    @property
    def fixed_step(self) -> float:
        return 1.0

    @property
    def fixed_dtype(self) -> str:
        return "u8"

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return True


@dataclass(frozen=True, eq=False, kw_only=True)
class TokenOffset(OfTokens):
    """min(max(x - start, 0), 255): as many different tokens as a table has entries, those from `start` on."""

    op: ClassVar[str] = "token_offset"

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QTokenOffset(**self.common(y), start=self.start)


@dataclass(frozen=True, eq=False, kw_only=True)
class LengthMask(OfTokens):
    """Of one number x: 1 at each place i with start + i < x, else 0."""

    op: ClassVar[str] = "length_mask"

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return self.shape

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QLengthMask(**self.common(y), start=self.start)


@dataclass(frozen=True, eq=False, kw_only=True)
class QOfTokens(QNode):
    """Reads u8 or u16 as numbers, and makes u8."""

    reads_16_bits: ClassVar[bool] = True

    start: int

    def check(self, inputs: list[QType]) -> None:
        if not -1 <= self.start < MOST_WORDS:
            raise GraphError(f"{self.name}: starts at {self.start}, expected -1 to {MOST_WORDS - 1}.")
        check_tokens(self.name, inputs[0])
        if self.type != QType("u8", 1.0):
            raise GraphError(f"{self.name}: makes u8 with scale 1 and zero point 0.")

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        fields = {"x": sources[0].tensor, "y": self.tensor}
        return (Call(f"mce_{self.op}", (fields, {"start": self.start}), self.inputs),)


@dataclass(frozen=True, eq=False, kw_only=True)
class QTokenOffset(QOfTokens):
    """y = clamp(x - start)."""

    op: ClassVar[str] = "token_offset"

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        return self.clamp(inputs[0] - self.start)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return axis


@dataclass(frozen=True, eq=False, kw_only=True)
class QLengthMask(QOfTokens):
    """x (1), y (L): whether start + i < x."""

    op: ClassVar[str] = "length_mask"

    def output_shape(self, shapes: list[Shape]) -> Shape:
        if shapes[0] != (1,) or len(self.shape) != 1:
            raise GraphError(f"{self.name}: reads {shapes[0]} into {self.shape}, expected one number and a vector.")
        return self.shape

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        return (self.start + np.arange(self.elements) < inputs[0]).astype(np.int64)
