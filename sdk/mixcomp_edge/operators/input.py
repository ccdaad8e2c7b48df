"""input, affine_input and token_input: the graph's first nodes. The integers that a model reads stand for real numbers,
or are whole numbers as they are, such as the words of a sentence or its length: SPEC.md 6."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import tflite
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode
from mixcomp_edge.ir.tflite import Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights

BYTE, MOST_WORDS = 1 << 8, 1 << 16
TYPES = ("u8", "u16")


@dataclass(frozen=True, eq=False, kw_only=True)
class Input(FloatNode):
    """The graph's input x; its value is gain * x + offset, each (C,), where the model begins with such arithmetic."""

    op: ClassVar[str] = "input"
    is_input: ClassVar[bool] = True
    has_8_bits: ClassVar[bool] = True

    gain: Doubles | None = None
    offset: Doubles | None = None

    @property
    def arity(self) -> int:
        return 0

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return all(inputs)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        if self.gain is None or self.offset is None:
            return QInput(**self.common(y))
        return QAffineInput(**self.common(y), gain=self.gain.astype(np.float32), offset=self.offset.astype(np.float32))


@dataclass(frozen=True, eq=False, kw_only=True)
class QInput(QNode):
    """The graph's input."""

    op: ClassVar[str] = "input"
    is_input: ClassVar[bool] = True
    makes_16_bits: ClassVar[bool] = True

    @property
    def arity(self) -> int:
        return 0

    def quantize(self, x: NDArray[np.floating]) -> NDArray[np.int64]:
        """Integers (N, *shape) for the model's real inputs x (N, *shape), channels last. SPEC.md 6."""
        return self.type.quantize(x)

    def tflite(self, sources: list[QNode]) -> Operations:
        return ()


@dataclass(frozen=True, eq=False, kw_only=True)
class QAffineInput(QInput):
    """An input whose integers stand for x * gain + offset, each (C,): the model normalises what it is given."""

    op: ClassVar[str] = "affine_input"

    gain: NDArray[np.float32]
    offset: NDArray[np.float32]

    def check(self, inputs: list[QType]) -> None:
        if not self.gain.shape == self.offset.shape == self.shape[-1:]:
            raise GraphError(
                f"{self.name}: gain {self.gain.shape}, offset {self.offset.shape} do not fit {self.shape}."
            )
        if not (np.isfinite(self.gain).all() and np.isfinite(self.offset).all()):
            raise GraphError(f"{self.name}: a gain or offset is not finite.")

    def quantize(self, x: NDArray[np.floating]) -> NDArray[np.int64]:
        return self.type.quantize(np.asarray(x, np.float32) * self.gain + self.offset)


def check_tokens(name: str, type_: QType) -> None:
    """GraphError unless values of the type are numbers as they are."""
    if type_.dtype not in TYPES or (type_.scale, type_.zero_point) != (1.0, 0):
        raise GraphError(f"{name}: tokens are {' or '.join(TYPES)} with scale 1 and zero point 0, not {type_}.")


@dataclass(frozen=True, eq=False, kw_only=True)
class TokenInput(FloatNode):
    """An input of the graph: numbers 0 to words - 1."""

    op: ClassVar[str] = "token_input"
    is_input: ClassVar[bool] = True

    words: int

    @property
    def arity(self) -> int:
        return 0

    @property
    def fixed_step(self) -> float:
        return 1.0

    @property
    def fixed_dtype(self) -> str:
        return "u8" if self.words <= BYTE else "u16"

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return True

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return QTokenInput(**self.common(y), words=self.words)


@dataclass(frozen=True, eq=False, kw_only=True)
class QTokenInput(QInput):
    """The caller's tokens. What is not below `words` is refused before anything runs."""

    op: ClassVar[str] = "token_input"

    words: int

    @property
    def ends(self) -> tuple[int, int]:
        return 0, self.words - 1

    def check(self, inputs: list[QType]) -> None:
        check_tokens(self.name, self.type)
        if not 1 <= self.words <= self.type.high + 1:
            raise GraphError(f"{self.name}: {self.words} words, {self.type.dtype} holds 1 to {self.type.high + 1}.")

    def quantize(self, x: NDArray[np.floating]) -> NDArray[np.int64]:
        """The tokens themselves; GraphError for what is none."""
        tokens = np.asarray(x)
        wrong = ~((tokens >= 0) & (tokens < self.words) & (tokens == np.floor(tokens)))
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise GraphError(
                f"{self.name}: {tokens[at]:g} at {list(at)} is no token; the model takes whole numbers from 0 to "
                f"{self.words - 1}."
            )
        return tokens.astype(np.int64)

    def tflite(self, sources: list[QNode]) -> Operations:
        raise tflite.refuse(self, "input of tokens")
