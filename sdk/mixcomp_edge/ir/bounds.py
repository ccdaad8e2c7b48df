"""Limits of sizes and of arithmetic in 32 bits, which the operators' rules are made of."""

from __future__ import annotations

import numpy as np

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir.types import Requant
from mixcomp_edge.numerics.requant import MAX_SHIFT

MAX_DIMENSION = 65_535
MAX_RANK = 4
MAX_ELEMENTS = 1 << 24  # of one tensor; 16 MB of RAM is beyond every Cortex-M
INT32_MAX = 2**31 - 1


def check_requant(name: str, requant: Requant, lengths: tuple[int, ...], peak: int) -> None:
    """The rules of a requantizer of so many multipliers behind an accumulator of at most `peak`."""
    if requant.multiplier.ndim != 1 or len(requant.multiplier) not in lengths:
        raise GraphError(f"{name}: {requant.multiplier.size} multipliers, expected {' or '.join(map(str, lengths))}.")
    if np.any(requant.multiplier < 0) or not 0 <= requant.shift <= MAX_SHIFT:
        raise GraphError(f"{name}: a multiplier is negative or the shift {requant.shift} is not in 0..{MAX_SHIFT}.")
    if peak << requant.shift > INT32_MAX:
        raise LoweringError(
            f"{name}: the accumulator may reach {peak} * 2**{requant.shift}, beyond int32. "
            "The output scale is too small for these weights: calibrate on more data or use 8-bit activations here."
        )
