"""Operators of the integer graph: SPEC.md 4, one class each. What they compute is defined by ir/interp.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir.graph import Node, Window
from mixcomp_edge.numerics import Codebook


@dataclass(frozen=True)
class QType:
    """Type of a tensor's elements, SPEC.md 1: real value = scale * (q - zero_point)."""

    dtype: str  # u4, s4, u8, s8
    scale: float
    zero_point: int = 0

    @property
    def signed(self) -> bool:
        return self.dtype[0] == "s"

    @property
    def bits(self) -> int:
        return int(self.dtype[1:])

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @property
    def peak(self) -> int:
        """Largest |q - zero_point|."""
        return max(self.high - self.zero_point, self.zero_point - self.low)

    def quantize(self, x: NDArray[np.floating]) -> NDArray[np.int64]:
        """Integers for real numbers: clamp(floor(x / scale + 1/2) + zero_point), in float32. SPEC.md 6."""
        steps = np.floor(np.asarray(x, np.float32) / np.float32(self.scale) + np.float32(0.5))
        low, high = self.low - self.zero_point, self.high - self.zero_point
        return np.clip(steps, low, high).astype(np.int64) + self.zero_point

    def dequantize(self, q: NDArray[np.integer]) -> NDArray[np.float64]:
        """Real numbers that integers stand for."""
        return (q.astype(np.float64) - self.zero_point) * self.scale


DTYPES = ("u4", "s4", "u8", "s8")


@dataclass(frozen=True, eq=False)
class Requant:
    """multiplier (1,) or (C,) int32, and the shift they share. SPEC.md 3."""

    multiplier: NDArray[np.int32]
    shift: int


@dataclass(frozen=True, eq=False)
class Weights:
    """codes (R, K) uint8, 0..15, in the rows of SPEC.md 2; bias (O,) int32; requant with 1 or O multipliers."""

    codebook: Codebook
    codes: NDArray[np.uint8]
    bias: NDArray[np.int32]
    requant: Requant

    @property
    def levels(self) -> NDArray[np.int64]:
        """(R, K) the integers that the codes stand for."""
        return np.array(self.codebook.levels, np.int64)[self.codes]


@dataclass(frozen=True, eq=False, kw_only=True)
class QNode(Node):
    """A node whose value is a quantized tensor."""

    type: QType

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        """Bytes of the value in memory."""
        return (self.elements * self.type.bits + 7) // 8


@dataclass(frozen=True, eq=False, kw_only=True)
class Input(QNode):
    """The graph's input."""

    def quantize(self, x: NDArray[np.floating]) -> NDArray[np.int64]:
        """Integers (N, *shape) for the model's real inputs x (N, *shape), channels last. SPEC.md 6."""
        return self.type.quantize(x)


@dataclass(frozen=True, eq=False, kw_only=True)
class AffineInput(Input):
    """An input whose integers stand for x * gain + offset, each (C,): the model normalises what it is given."""

    gain: NDArray[np.float32]
    offset: NDArray[np.float32]

    @property
    def op(self) -> str:
        return "affine_input"

    def quantize(self, x: NDArray[np.floating]) -> NDArray[np.int64]:
        return self.type.quantize(np.asarray(x, np.float32) * self.gain + self.offset)


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv2d(QNode):
    """SPEC.md 4.1: weights.codes (O, KH*KW*C/groups)."""

    weights: Weights
    window: Window
    groups: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv2dAdd(Conv2d):
    """SPEC.md 4.12: a conv2d whose second input, the residual, is added before the one rounding."""

    residual_multiplier: int
    residual_shift: int

    @property
    def op(self) -> str:
        return "conv2d_add"


@dataclass(frozen=True, eq=False, kw_only=True)
class DwConv2d(QNode):
    """SPEC.md 4.2: weights.codes (KH*KW, O)."""

    weights: Weights
    window: Window


@dataclass(frozen=True, eq=False, kw_only=True)
class Dense(QNode):
    """SPEC.md 4.3: weights.codes (O, I)."""

    weights: Weights


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(QNode):
    """SPEC.md 4.4."""

    a_multiplier: int
    b_multiplier: int
    shift: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Rescale(QNode):
    """SPEC.md 4.5."""

    requant: Requant


@dataclass(frozen=True, eq=False, kw_only=True)
class Concat(QNode):
    """SPEC.md 4.6: one requantizer for each input."""

    axis: int
    requants: tuple[Requant, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class AvgPool2d(QNode):
    """SPEC.md 4.7: 1 or KH*KW multipliers."""

    window: Window
    requant: Requant


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxPool2d(QNode):
    """SPEC.md 4.8."""

    window: Window


@dataclass(frozen=True, eq=False, kw_only=True)
class Pad(QNode):
    """SPEC.md 4.9."""

    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Reshape(QNode):
    """SPEC.md 4.10."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Softmax(QNode):
    """SPEC.md 4.11: table (16,) or (256,) uint16."""

    table: NDArray[np.uint16]


WEIGHTED = (Conv2d, DwConv2d, Dense)
KEEPS_TYPE = (MaxPool2d, Pad, Reshape)  # their value has the type, scale and zero point of what they read


def macs(node: Node) -> int:
    """Multiply-accumulates of a node, padding counted as in the literature; 0 for nodes without weights."""
    if isinstance(node, Conv2d):
        return int(np.prod(node.shape)) * node.weights.codes.shape[1]
    if isinstance(node, DwConv2d):
        return int(np.prod(node.shape)) * node.weights.codes.shape[0]
    return node.weights.codes.size if isinstance(node, Dense) else 0


def reduction(node: Conv2d | DwConv2d | Dense) -> NDArray[np.int64]:
    """(O, K) integer weights with the reduction last, whatever the packing."""
    levels = node.weights.levels
    return levels.T if isinstance(node, DwConv2d) else levels
