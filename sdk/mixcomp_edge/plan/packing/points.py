"""Packing of internal/conv2d_points_dsp.h: convolutions of 1x1, lanes of two channels, mostly in one block."""

from __future__ import annotations

from math import prod

import numpy as np

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.operators.conv2d import QConv2d
from mixcomp_edge.plan.packing.packed import Int, Packed, cut, gather_order, reduction_in_order
from mixcomp_edge.plan.packing.quad import base_of
from mixcomp_edge.plan.packing.scaled import offsets

FEWEST = 16  # pixels for which decoding pays
RECORD_BYTES = 32  # of four channels


def points(node: QConv2d, x: QNode) -> Packed | None:
    """A convolution of 1x1, stride 1, 4-bit inputs and outputs, input channels in whole words of x, outputs in fours.

    x is read less 8, so |S_a| <= 8 * sum |w_a| for every x; as in `quad_decoded` sums part where that, with the error
    of the reciprocal, stays below half the base in each block. Words: for each four channels [C/2], the codes of a and
    b (low and high nibble) for two elements, and of c and d. `blocks`: the base, then lengths; `bias`: the offsets."""
    window, channels, depth = node.window, node.shape[-1], x.shape[-1]
    plain = window.kernel == (1, 1) and window.stride == (1, 1) and not any(window.padding) and node.groups == 1
    plain &= node.type.bits == 4 and depth % 8 == 0 and channels % 4 == 0
    if not plain or prod(node.shape[:-1]) < FEWEST:
        return None
    order = gather_order(node, x)
    w = reduction_in_order(node.weights.levels.astype(np.int64), order)
    low, high = w[0::2], w[1::2]
    base = base_of(low, high)
    error = (1 << 32) - base * (((1 << 32) - 1) // base)
    b = 8 * np.abs(high).sum(axis=1)  # over all blocks, as the high channel's sums stay

    def fits(part: Int) -> bool:
        a = 8 * np.abs(part).sum(axis=1)
        return bool(np.all(2 * ((a << 32) + (a + base * b) * error) < base << 32))

    if np.any(base * b + 8 * np.abs(low).sum(axis=1) >= 1 << 31):
        return None
    if not all(fits(low[:, i : i + 8]) for i in range(0, depth, 8)):
        return None
    blocks = cut(low, fits)
    up, down = np.maximum(w, 0).sum(axis=1), -np.minimum(w, 0).sum(axis=1)
    bias = node.weights.bias.astype(np.int64) + (8 * w.sum(axis=1) if x.type.dtype == "u4" else 0)
    offset = offsets(node, bias, -8 * up - 7 * down, 7 * up + 8 * down)
    if offset is None:
        return None
    codes = reduction_in_order(node.weights.codes.astype(np.int64), order).reshape(channels // 4, 2, 2, -1, 2)
    nibbles = codes.transpose(0, 3, 1, 4, 2).reshape(channels // 4, depth // 2, 8)  # elements/2, pair, element, channel
    words = (nibbles << 4 * np.arange(8)).sum(axis=2).astype(np.uint32)
    head = np.array([base & 255, base >> 8], np.uint8)
    scratch = 8 * depth + channels // 4 * (4 * depth + RECORD_BYTES) + 4 * (len(blocks) - 1)
    return Packed(words.ravel(), offset, "levels", np.concatenate([head, blocks]), scratch)
