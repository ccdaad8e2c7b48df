"""input and affine_input: the graph's first node. The integers that a model reads stand for real numbers, SPEC.md 6."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir.nodes import Doubles, FloatNode, QNode
from mixcomp_edge.ir.tflite import Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights


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
