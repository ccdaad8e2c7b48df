"""What values and weights are made of: the type of a tensor's elements, requantizers, weights as codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.numerics import Codebook
from mixcomp_edge.numerics.requant import q32_parameters
from mixcomp_edge.numerics.tflm import Factors

DTYPES = ("u4", "s4", "u8", "s8")
WIDE = ("u16", "s16")  # of what operators make and read that say so
FINER = {"u4": 17, "s4": 16}  # steps of the 8-bit form in one step: 15 * 17 = 255


@dataclass(frozen=True)
class QType:
    """Type of a tensor's elements, SPEC.md 1: real value = scale * (q - zero_point)."""

    dtype: str  # u4, s4, u8, s8, u16, s16
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

    @property
    def finer(self) -> int:
        """Steps of the type's 8-bit form in one of its own; 1 where it has 8 bits or more."""
        return FINER.get(self.dtype, 1)

    @property
    def wide(self) -> QType:
        """The type of 8 bits that holds its values exactly; itself where it has 8 bits or more."""
        k = self.finer
        return self if k == 1 else QType(f"{self.dtype[0]}8", self.scale / k, self.zero_point * k)

    def quantize(self, x: NDArray[np.floating]) -> NDArray[np.int64]:
        """Integers for real numbers: clamp(floor(x / scale + 1/2) + zero_point), in float32. SPEC.md 6."""
        steps = np.floor(np.asarray(x, np.float32) / np.float32(self.scale) + np.float32(0.5))
        low, high = self.low - self.zero_point, self.high - self.zero_point
        return np.clip(steps, low, high).astype(np.int64) + self.zero_point

    def dequantize(self, q: NDArray[np.integer]) -> NDArray[np.float64]:
        """Real numbers that integers stand for."""
        return (q.astype(np.float64) - self.zero_point) * self.scale


@dataclass(frozen=True, eq=False)
class Requant:
    """multiplier (1,) or (C,) int32, and the shift they share. SPEC.md 3."""

    multiplier: NDArray[np.int32]
    shift: int

    @classmethod
    def of(cls, scale: NDArray[np.floating] | float) -> Requant:
        """The nearest one to a real factor, or to one a channel."""
        return Requant(*q32_parameters(np.atleast_1d(np.asarray(scale, np.float64))))

    @property
    def per_channel(self) -> bool:
        return len(self.multiplier) > 1

    @property
    def words(self) -> NDArray[np.int32]:
        """What kernels read."""
        return self.multiplier

    def widened(self, x: QType, y: QType) -> Requant:
        """From the wide form of x to the wide form of y."""
        return self.scaled(y.finer / x.finer)

    @property
    def real(self) -> NDArray[np.float64]:
        """The factors that the multipliers stand for."""
        real: NDArray[np.float64] = self.multiplier.astype(np.float64) * 2.0 ** (self.shift - 32)
        return real

    def scaled(self, factor: float) -> Requant:
        """The nearest one to so many times its real factors."""
        return Requant(*q32_parameters(self.real * factor))


@dataclass(frozen=True, eq=False)
class TflmRequant(Requant):
    """In contract tflm: multiplier (1,) or (C,) with a shift each, `shifts`; before them kernels read what else the
    operator needs, and behind them. placed: first the place of each multiplier; else `shift` is the first one's."""

    shifts: NDArray[np.int32]
    before: tuple[int, ...] = ()
    behind: tuple[int, ...] = ()
    placed: bool = False

    @classmethod
    def by(
        cls, factors: Factors, before: Iterable[int] = (), behind: Iterable[int] = (), *, placed: bool = False
    ) -> TflmRequant:
        multiplier, shifts = factors.multiplier.astype(np.int32), factors.shift.astype(np.int32)
        return cls(multiplier, 0 if placed else int(shifts[0]), shifts, tuple(before), tuple(behind), placed)

    @property
    def words(self) -> NDArray[np.int32]:
        pairs, count = np.stack([self.multiplier, self.shifts], axis=1).ravel(), len(self.multiplier)
        places = count + len(self.before) + 2 * np.arange(count) if self.placed else ()
        return np.array([*places, *self.before, *pairs, *self.behind], np.int32)


@dataclass(frozen=True, eq=False)
class Weights:
    """codes (R, K) uint8, as wide as the codebook says, in the rows of SPEC.md 2; bias (O,) int32; requant with 1 or O
    multipliers."""

    codebook: Codebook
    codes: NDArray[np.uint8]
    bias: NDArray[np.int32]
    requant: Requant

    @property
    def bits(self) -> int:
        """Of a weight: 4 or 8."""
        return self.codebook.bits

    @property
    def nbytes(self) -> int:
        """Of all codes, without what fills odd rows."""
        return (self.codes.size * self.bits + 7) // 8

    @property
    def levels(self) -> NDArray[np.int64]:
        """(R, K) the integers that the codes stand for."""
        return np.array(self.codebook.levels, np.int64)[self.codes]


@dataclass(frozen=True, eq=False)
class QuantizedWeights:
    """codes in the shape of the float weight (O, ...); scale (O,) or (1,), the real value of 1.0 in the codebook."""

    codebook: Codebook
    codes: NDArray[np.uint8]
    scale: NDArray[np.float64]
