"""Number systems of four bits as data: a codebook is sixteen integers and a shift. Quantizer, packer, C table and tests
read it; none of them knows what a posit is. Bytes are the same with 256 integers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import LoweringError, PlanError
from mixcomp_edge.numerics import fixp, minifloat, normal, posit


@dataclass(frozen=True)
class Codebook:
    """Code c stands for the real number levels[c] * 2**-shift. SPEC.md 2."""

    name: str
    levels: tuple[int, ...]  # 16 integers, or 256, indexed by code; 0 for unused codes
    shift: int
    unused: tuple[int, ...] = ()  # codes the quantizer never emits

    @property
    def bits(self) -> int:
        """Of a code: 4 or 8."""
        return len(self.levels).bit_length() - 1

    @property
    def symbol(self) -> str:
        """What its table is called in C: learned codebooks share a name."""
        if self.name != LEARNED:
            return self.name
        return f"{self.name}_{crc32(np.array(self.levels, '<i4').tobytes()):08x}"

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """(16,) or (256,) real value of each code; unused codes are nan."""
        values = np.array(self.levels, np.float64) * 2.0**-self.shift
        values[list(self.unused)] = np.nan
        return values

    @property
    def is_twos_complement(self) -> bool:
        """Whether a code, read as four bits of two's complement, is its level: kernels then need no table."""
        return self.levels == (*range(8), *range(-8, 0))

    @property
    def fits_int8(self) -> bool:
        """Whether each level is a byte."""
        return min(self.levels) >= -128 and max(self.levels) <= 127

    @property
    def pairs(self) -> NDArray[np.uint32]:
        """(256,) for each byte of two codes the levels of the low and the high one, as the halves of a word."""
        halves = np.array(self.levels, np.int64) & 0xFFFF
        codes = np.arange(256)
        return (halves[codes & 15] | halves[codes >> 4] << 16).astype(np.uint32)

    @cached_property
    def order(self) -> NDArray[np.uint8]:
        """(L,) the used codes by rising value."""
        used = [code for code in range(len(self.levels)) if code not in self.unused]
        return np.array(sorted(used, key=lambda code: self.levels[code]), np.uint8)

    @cached_property
    def sorted_values(self) -> NDArray[np.float64]:
        """(L,) the values of `order`."""
        return self.values[self.order]

    @cached_property
    def even(self) -> bool:
        """Whether neighbouring values are equally far apart, as in fixed point."""
        return bool(np.ptp(np.diff(self.sorted_values)) == 0)

    def encode(self, w: NDArray[np.floating], scale: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Nearest code of each weight.

        w any shape (O, ...); scale (O,) or (1,), > 0: the real value of 1.0 in each output channel.
        Returns uint8 codes of w's shape. Ties go to the even code; beyond the largest level it saturates.
        Error inside the range: at most half the gap between two levels. LoweringError if a weight is NaN."""
        column = np.asarray(scale, np.float64).reshape(-1, *[1] * (w.ndim - 1))
        u = np.asarray(w, np.float64) / column
        if np.any(np.isnan(u)):
            raise LoweringError(f"{self.name}: a weight is not a number; training has diverged.")
        values, order = self.sorted_values, self.order
        midpoints = (values[:-1] + values[1:]) / 2  # exact: levels are small integers over a power of two
        above = np.searchsorted(midpoints, u, side="left")  # number of midpoints below u: a tie takes the lower level
        tie = above < len(midpoints)
        tie &= midpoints[np.minimum(above, len(midpoints) - 1)] == u
        odd = order[above] % 2 == 1
        return order[above + (tie & odd)]

    def decode(self, codes: NDArray[np.uint8], scale: NDArray[np.floating]) -> NDArray[np.float64]:
        """Real weights of codes (O, ...) under scale (O,) or (1,)."""
        column = np.asarray(scale, np.float64).reshape(-1, *[1] * (codes.ndim - 1))
        return self.values[codes] * column


def from_values(name: str, values: list[Fraction | None], scale_shift: int = 0) -> Codebook:
    """Codebook of exact values, divided by 2**scale_shift. None marks a code that is never emitted."""
    denominator = max(value.denominator for value in values if value is not None)
    levels = tuple(0 if value is None else int(value * denominator) for value in values)
    unused = tuple(code for code, value in enumerate(values) if value is None)
    return Codebook(name, levels, denominator.bit_length() - 1 + scale_shift, unused)


CODEBOOKS: dict[str, Codebook] = {
    book.name: book
    for book in (
        from_values("fixp4", fixp.table(4, 3)),
        from_values("posit4", posit.table(4, 0)),
        from_values("posit4sc4", posit.table(4, 0), scale_shift=2),
        from_values("posit4sc8", posit.table(4, 0), scale_shift=3),
        from_values("posit4e1", posit.table(4, 1)),
        from_values("posit4e2", posit.table(4, 2)),
        from_values("e2m1", minifloat.table(2, 1)),
        from_values("nf4", normal.table()),
        from_values("int8", [*fixp.table(8, 7)[:128], None, *fixp.table(8, 7)[129:]]),  # symmetric: -127 to 127
    )
}
LEARNED = "lut4"  # levels that are learned of a network's weights: a bundle holds them, beside the name


def learned(levels: tuple[int, ...]) -> Codebook:
    """The codebook lut4 with these levels of 8 bits, the first of which is 0; PlanError for others."""
    if len(levels) != 16 or levels[0] != 0 or not all(-127 <= level <= 127 for level in levels):
        raise PlanError(f"{LEARNED} has {levels}, expected 16 levels from -127 to 127, the first one 0.")
    return Codebook(LEARNED, levels, 7)


# Number systems that differ by where their binary point is: a plan that names the family takes the best member.
FAMILIES: dict[str, tuple[str, ...]] = {"posit": ("posit4", "posit4sc4", "posit4sc8")}


def codebook(name: str) -> Codebook:
    """The codebook of that name."""
    if name not in CODEBOOKS:
        raise PlanError(
            f"unknown weight format '{name}'. Known formats: {', '.join([*CODEBOOKS, LEARNED, *FAMILIES])}."
        )
    return CODEBOOKS[name]


def members(name: str) -> tuple[Codebook, ...]:
    """The codebooks among which a plan's weight format leaves the choice: one, or a family's. Of lut4 that with which
    its learning starts, nf4's levels."""
    if name == LEARNED:
        return (learned(codebook("nf4").levels),)
    return tuple(codebook(member) for member in FAMILIES.get(name, (name,)))
