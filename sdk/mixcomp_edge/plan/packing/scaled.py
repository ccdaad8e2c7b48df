"""Outputs by one multiply-add and a saturating shift: exact where a channel can have but so many sums, for each of
which an offset is proven."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.plan.packing.packed import Int

FRACTION = 20  # bits of an output below its units


def offsets(node: Weighted, bias: Int, least: Int, most: Int) -> NDArray[np.int32] | None:
    """(O,) of each channel an offset k with clamp((v * m' + k) >> FRACTION) = clamp(zero + q32(bias + v, m, s)) for
    every v from least to most (O,), m' = m >> (32 - FRACTION - s), and v * m' + k in int32, where k itself wraps; None
    where a channel has none.

    The right side is y where y * 2^FRACTION <= v * m' + k < (y + 1) * 2^FRACTION; at the ends of the type one half of
    that holds. These bounds on k of all v have to leave one."""
    by, bits = node.weights.requant, node.type.bits
    if by.shift > 32 - FRACTION:
        return None
    found, far = np.zeros(len(bias), np.int64), 1 << 62
    m = np.broadcast_to(by.multiplier.astype(np.int64), bias.shape)
    for o in range(len(bias)):
        v = np.arange(least[o], most[o] + 1)
        acc = (int(bias[o]) + v) << by.shift
        y = np.clip(node.type.zero_point - node.type.low + ((acc * m[o] + (1 << 31)) >> 32), 0, (1 << bits) - 1)
        scaled = v * (m[o] >> (32 - FRACTION - by.shift))
        low, high = y * (1 << FRACTION) - scaled, (y + 1) * (1 << FRACTION) - 1 - scaled
        start = max(low[y > 0].max(initial=-far), -(1 << 31) - scaled.min())
        end = min(high[y < (1 << bits) - 1].min(initial=far), (1 << 31) - 1 - scaled.max())
        if start > end:
            return None
        found[o] = (start + end) // 2
    return (found & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
