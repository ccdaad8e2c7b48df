"""embedding, SPEC.md 4.30: for each token a row of a table, whose entries are codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.c_view import Call, Fields, Ref
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import Activation, Doubles, FloatNode, QNode, Value
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant, Weights
from mixcomp_edge.ir.weighted import Layer, Weighted
from mixcomp_edge.numerics.requant import q32
from mixcomp_edge.operators.input import check_tokens


@dataclass(frozen=True, eq=False, kw_only=True)
class Embedding(Layer):
    """weight (R, D): a row for each token; bias (0,), as there is none. padding: the token whose row is not trained, or
    -1. x (...), y (..., D)."""

    op: ClassVar[str] = "embedding"

    padding: int = -1

    @property
    def macs(self) -> int:
        return 0

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return (*shapes[0], self.weight.shape[1])

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return self.activation != Activation.NONE or bool(np.all(self.weight >= 0))

    def takes(self, offset: Doubles) -> bool:
        return False

    def scaled(self, gain: Doubles, offset: Doubles) -> FloatNode | None:
        if self.activation != Activation.NONE:
            return None
        return replace(self, weight=(self.weight * gain + offset).astype(np.float32))

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        assert weights is not None
        scale = weights.scale * 2.0**-weights.codebook.shift / y.scale
        held = Weights(weights.codebook, weights.codes, np.zeros(0, np.int32), Requant.of(scale))
        return QEmbedding(**self.common(y), weights=held)


@dataclass(frozen=True, eq=False, kw_only=True)
class QEmbedding(Weighted):
    """weights.codes (R, D), one multiplier or one a row, no biases. What is beyond the table reads its last row."""

    op: ClassVar[str] = "embedding"
    struct: ClassVar[str] = "mce_embedding"
    reads_16_bits: ClassVar[bool] = True

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return (*shapes[0], self.weights.codes.shape[1])

    def accumulator_peak(self, x: QType) -> int:
        return max(map(abs, self.weights.codebook.levels))

    def check(self, inputs: list[QType]) -> None:
        self.check_codes()
        if self.weights.bias.size:
            raise GraphError(f"{self.name}: {self.weights.bias.size} biases, an embedding has none.")
        check_tokens(self.name, inputs[0])
        rows = len(self.weights.codes)
        check_requant(self.name, self.weights.requant, (1, rows), self.accumulator_peak(inputs[0]))

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        by = self.weights.requant
        rows = np.minimum(inputs[0], len(self.weights.codes) - 1)
        multiplier = np.broadcast_to(by.multiplier.astype(np.int64), len(self.weights.codes))[rows]
        return self.clamp(self.type.zero_point + q32(self.weights.levels[rows], multiplier[..., None], by.shift))

    def widen(self, y: QType, inputs: list[QType]) -> Self:
        requant = self.weights.requant.scaled(y.finer)
        return replace(self, weights=replace(self.weights, requant=requant))

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        lines: tuple[Fields, ...] = (
            {"x": sources[0].tensor, "y": self.tensor},
            {"codes": Ref("codes"), "levels": Ref("levels"), "rows": len(self.weights.codes)},
            {"requant": c_view.requantizer(self.weights.requant)},
        )
        return (Call(self.struct, lines, self.inputs),)

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        return axis
