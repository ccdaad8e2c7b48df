"""dense, SPEC.md 4.3: a linear layer over all elements of what it reads."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import tflite
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Doubles, QNode, Value
from mixcomp_edge.ir.tflite import Operation, Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.ir.weighted import Layer, Weighted, exact


@dataclass(frozen=True, eq=False, kw_only=True)
class Dense(Layer):
    """weight (O, I), bias (O,)."""

    op: ClassVar[str] = "dense"

    @property
    def macs(self) -> int:
        return self.weight.size

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.weight.shape, shapes[0])

    def per_weight(self, values: Doubles) -> Doubles:
        """It may read a map, channels last."""
        return np.tile(values, self.weight.shape[1] // len(values))

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        codes = weights.codes if weights else np.zeros(0, np.uint8)
        return QDense(**self.common(y), weights=self.lower_weights(inputs[0], y, weights, codes))


@dataclass(frozen=True, eq=False, kw_only=True)
class QDense(Weighted):
    """weights.codes (O, I)."""

    op: ClassVar[str] = "dense"
    struct: ClassVar[str] = "mce_dense"
    mixes: ClassVar[str] = "reads all frames at once"

    @property
    def macs(self) -> int:
        return self.weights.codes.size

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return _output_shape(self, self.weights.codes.shape, shapes[0])

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        (x,), weights = inputs, self.weights
        acc = exact(weights.bias) + exact(x.reshape(len(x), weights.codes.shape[1])) @ exact(weights.levels).T
        return self.requantize(acc.astype(np.int64), weights.requant).reshape(len(x), *self.shape)

    def operands(self, x: Value, place: tuple[int, ...], fill: int) -> Value:
        return x.ravel()

    def tflite(self, sources: list[QNode]) -> Operations:
        """Of int4 weights TFLM takes no scale a channel here."""
        (x,), one = sources, len(self.weights.requant.multiplier) == 1
        weights, bias = self.tflite_weights(x.type, self.weights.levels, 0, four_bits=one)
        version = 7 if weights.type == "INT4" else 0
        return (Operation("FULLY_CONNECTED", (tflite.value(x), weights, bias), tflite.value(self), {}, version),)


def _output_shape(node: Node, weight: Shape, shape: Shape) -> Shape:
    if prod(shape) != weight[1]:
        raise GraphError(f"{node.name}: weights {weight} do not fit an input of shape {shape}.")
    return (weight[0],)
