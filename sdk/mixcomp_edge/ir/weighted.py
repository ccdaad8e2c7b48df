"""Operators with weights: what they have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import c_view, tflite, tflm
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.c_view import Array, Call, Fields, Ref, View
from mixcomp_edge.ir.nodes import Activated, Activation, Doubles, FloatNode, Floats, QNode, Value
from mixcomp_edge.ir.tflite import Tensor
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant, TflmRequant, Weights
from mixcomp_edge.numerics import Codebook

LARGEST_BIAS = 2.0**23  # in steps of the sum, where a scale is made for it: as many as float32 tells apart
SMALLEST = 1e-20  # scale in a file: of weights that do not matter, whose multiplier is 0


def exact(integers: NDArray[np.integer]) -> Doubles:
    """Integers for sums of products in floating point, which NumPy is fast at. Every sum is exact: 2**24 products of
    levels below 2**15 with activations of 8 bits stay below 2**53."""
    return integers.astype(np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer(Activated):
    """weight (O, ...), bias (O,)."""

    feeds_back: ClassVar[bool] = False  # it reads its own value, as that is stored

    weight: Floats
    bias: Floats

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one input."""
        raise NotImplementedError

    @property
    def parts(self) -> int:
        """Into so many, equal ones, its outputs fall, each of which reads channels of its own."""
        return 1

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        """By its weights and biases as they are when the types are chosen."""
        signless = bool(np.all(self.weight >= 0) and np.all(self.bias >= 0))
        return self.activation != Activation.NONE or (signless and all(inputs))

    def scaled(self, gain: Doubles, offset: Doubles) -> FloatNode | None:
        """w'[o] = w[o] * gain[o], b'[o] = b[o] * gain[o] + offset[o]; None with a residual or an activation."""
        if len(self.inputs) > 1 or self.activation != Activation.NONE:
            return None
        weight = self.weight * gain.reshape(-1, *[1] * (self.weight.ndim - 1))
        bias = self.bias * gain + offset
        return replace(self, weight=weight.astype(np.float32), bias=bias.astype(np.float32))

    def takes(self, offset: Doubles) -> bool:
        """Whether it can take in an offset (C,) of what it reads."""
        return True

    def reading(self, gain: Doubles, offset: Doubles) -> Self:
        """The layer that makes of x what it makes of gain * x + offset: w'[o,i] = w[o,i] * gain[i],
        b'[o] = b[o] + sum_i w[o,i] * offset[i]."""
        per_weight, shift = self.per_weight(gain), self.per_weight(offset)
        bias = self.bias + (self.weight * shift).reshape(len(self.weight), -1).sum(axis=1)
        weight = self.weight * per_weight
        return replace(self, weight=weight.astype(np.float32), bias=bias.astype(np.float32))

    def per_weight(self, values: Doubles) -> Doubles:
        """Values (C,) of what it reads, as they meet its weight, for broadcasting."""
        raise NotImplementedError

    def scale_for_bias(self, scale: Doubles, x: QType, book: Codebook) -> Doubles:
        """Scales (O,) or (1,) of weights; a larger one where the bias, in steps of the sum, is beyond int32: weights
        that are nothing beside it become 0."""
        if self.feeds_back or not self.bias.size:  # its own lower() sees to it; rows that are looked up
            return scale
        step = x.scale * 2.0**-book.shift
        bias = np.abs(self.bias, dtype=np.float64)
        peak = bias if len(scale) > 1 else bias.max(keepdims=True, initial=0.0)
        return np.where(peak >= 2.0**31 * step * scale, peak / (LARGEST_BIAS * step), scale)

    def lower_weights(self, x: QType, y: QType, weights: QuantizedWeights | None, codes: NDArray[np.uint8]) -> Weights:
        """acc = sum level * x has the scale x.scale * w.scale * 2**-shift; bias and multiplier follow from it. codes:
        those of `weights` in the rows of SPEC.md 2."""
        if weights is None:
            raise LoweringError(f"{self.name}: no codes for its weights.")
        book = weights.codebook
        acc_scale = x.scale * weights.scale * 2.0**-book.shift  # (O,) or (1,)
        levels = np.array(book.levels, np.int64)[weights.codes.reshape(len(weights.codes), -1)]
        bias = np.rint(self.bias / acc_scale) - x.zero_point * levels.sum(axis=1)
        if np.any(np.abs(bias) >= 2**31):
            raise LoweringError(
                f"{self.name}: a bias of {np.abs(self.bias).max():.3g} is beyond int32 in steps of "
                f'{acc_scale.min():.3g}. Set granularity = "tensor" for this layer in the plan.'
            )
        return Weights(book, codes, bias.astype(np.int32), Requant.of(acc_scale / y.scale))


@dataclass(frozen=True, eq=False, kw_only=True)
class Weighted(QNode):
    """Sums of products with levels, then a bias, then one requantization."""

    struct: ClassVar[str]  # of its parameters in C

    weights: Weights

    @property
    def rows(self) -> NDArray[np.uint8]:
        """(O, K) codes, a row for each output channel in the order of its sum."""
        return self.weights.codes

    @property
    def reduction(self) -> NDArray[np.int64]:
        """(O, K) their levels."""
        return np.array(self.weights.codebook.levels, np.int64)[self.rows]

    def operands(self, x: Value, place: tuple[int, ...], fill: int) -> Value:
        """(K,) what the sum of the output at `place` meets of one input x (*shape), which is padded with `fill`."""
        raise NotImplementedError

    def accumulator_peak(self, x: QType) -> int:
        """Largest |accumulator| that any input of type x can cause at any point of any summation order. Exact bound:
        |bias[o]| + sum |level| * max|x|."""
        size: NDArray[np.int64] = np.abs(self.reduction).sum(axis=1) * max(abs(x.low), abs(x.high))
        return int(np.max(np.abs(self.weights.bias.astype(np.int64)) + size))

    def kernel_types(self, sources: list[QNode]) -> set[str]:
        return {sources[0].type.dtype}

    def check(self, inputs: list[QType]) -> None:
        weights, out = self.weights, self.shape[-1]
        self.check_codes()
        if weights.bias.shape != (out,):
            raise GraphError(f"{self.name}: {weights.bias.size} biases for {out} outputs.")
        check_requant(self.name, weights.requant, (1, out), self.accumulator_peak(inputs[0]))

    def check_codes(self) -> None:
        """Raises GraphError for a code that the format has not, LoweringError for levels that no kernel takes."""
        weights = self.weights
        if np.any(weights.codes >= 1 << weights.codebook.bits) or np.isin(weights.codes, weights.codebook.unused).any():
            raise GraphError(f"{self.name}: holds a code that {weights.codebook.name} never emits.")
        if max(map(abs, weights.codebook.levels)) > 32_767:
            raise LoweringError(
                f"{self.name}: {weights.codebook.name} has levels above 16 bits, which no kernel takes. "
                "Choose another format for this layer in the plan."
            )

    def widen(self, y: QType, inputs: list[QType]) -> Self:
        bias = self.weights.bias.astype(np.int64) * inputs[0].finer
        if np.any(np.abs(bias) >= 1 << 31):
            raise LoweringError(f"{self.name}: with 8-bit activations a bias leaves int32.")
        requant = self.weights.requant.widened(inputs[0], y)
        return replace(self, weights=replace(self.weights, bias=bias.astype(np.int32), requant=requant))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (c_view.multiplier(self.weights.requant),)

    def geometry(self, x: QNode) -> tuple[Fields, ...]:
        """The fields of its struct between the tensors and the weights."""
        return ()

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        lines: tuple[Fields, ...] = (
            {"x": sources[0].tensor, "y": self.tensor},
            *self.geometry(sources[0]),
            {"codes": Ref("codes"), "levels": Ref("levels"), "bias": Ref("bias")},
            {"requant": c_view.requantizer(self.weights.requant), "blocks": Ref("blocks")},
        )
        return (Call(self.struct, lines, self.inputs),)

    def by_tflm(self, sources: list[QNode]) -> View:
        (by,) = tflm.all_factors(self.tflite(sources))
        return self.seen(sources, weights=replace(self.weights, requant=TflmRequant.by(by, placed=True)))

    def tflite_weights(
        self, x: QType, levels: NDArray[np.int64], axis: int, *, four_bits: bool = True, folded: bool = True
    ) -> tuple[Tensor, Tensor]:
        """(weights, bias) for values of type x. levels: in TFLite's shape, output channels along `axis`; they become
        int4 where they fit and the kernel takes `four_bits`. folded: whether the bias holds x's zero point."""
        book, others = self.weights.codebook, tuple(i for i in range(levels.ndim) if i != axis)
        if not book.fits_int8:
            raise tflite.refuse(self, f"weights of {book.name}, whose levels leave 8 bits")
        bias = self.weights.bias + (x.zero_point * levels.sum(axis=others) if folded else 0)
        if np.any(np.abs(bias) >= 1 << 31):
            raise tflite.refuse(self, "bias beyond 32 bits, which the zero point of its input makes of this one")
        scale = np.maximum(self.weights.requant.real * (self.type.scale / x.scale), SMALLEST).astype(np.float32)
        narrow = four_bits and book.bits == 4 and min(book.levels) >= -8 and max(book.levels) <= 7
        kind, along = "INT4" if narrow else "INT8", axis if len(scale) > 1 else 0
        weights = Tensor(f"{self.name}/weights", levels.shape, kind, scale, axis=along, data=levels)
        total = scale * np.float32(x.scale)
        return weights, Tensor(f"{self.name}/bias", bias.shape, "INT32", total, data=bias)
