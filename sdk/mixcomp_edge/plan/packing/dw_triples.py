"""Packing of internal/dwconv2d_triples.h: depthwise rows of three taps meet three pixels in one product, and an output
is scaled by one multiply-add, whose offset is proven for every sum that its channel can have."""

from __future__ import annotations

import numpy as np

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.ir.windows import plane
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.plan.packing.packed import Packed
from mixcomp_edge.plan.packing.scaled import offsets

CHANNELS, START, FIELD = 8, 2048, 4095  # together; how fields begin, and the most that they hold
TRIPLE_BYTES, RECORD_BYTES = 96, 28  # of eight channels of three rows; of a channel
NARROWEST = 3  # x


def dw_triples(node: Weighted, x: QNode) -> Packed | None:
    """Depthwise 3x3 of 4-bit inputs and outputs, stride 1, channels in whole words of x.

    Words: for each eight channels [3 rows][3 taps in reverse], or columns where triples lie along these, a nibble a
    channel, fixp4 weights plus 8, other formats as codes; where x is signed their highest bits are turned, as those of
    x are. `bias` holds the offsets."""
    assert isinstance(node, QDwConv2d)
    window, channels = node.window, x.shape[-1]
    along = axis(node)
    plain = window.kernel == (3, 3) and window.dilation == (1, 1) and window.stride == (1, 1)
    plain &= x.type.bits == 4 and node.type.bits == 4 and node.shape[-1] == channels and channels % CHANNELS == 0
    if not plain or window.padding[along] > 1 or plane(x.shape)[along] < NARROWEST:
        return None
    levels = node.weights.levels.astype(np.int64)  # (9, C)
    up, down = 15 * np.maximum(levels, 0).sum(axis=0), -15 * np.minimum(levels, 0).sum(axis=0)
    if up.max() > FIELD - START or down.max() > START:
        return None
    bias = node.weights.bias.astype(np.int64) - (
        8 * levels.sum(axis=0) if x.type.dtype == "s4" else 0
    )  # s4 runs as x + 8
    offset = offsets(node, bias - START, START - down, START + up)
    if offset is None:
        return None
    twos = node.weights.codebook.is_twos_complement
    nibbles = (node.weights.codes ^ (8 if twos != (x.type.dtype == "s4") else 0)).reshape(3, 3, -1, CHANNELS)
    nibbles = (nibbles if along else nibbles.transpose(1, 0, 2, 3))[:, ::-1]
    words = (nibbles.astype(np.uint32) << 4 * np.arange(CHANNELS, dtype=np.uint32)).sum(axis=3)  # row, tap, eight
    triples = 1 + -(-plane(node.shape)[along] // 3)  # the first one has no outputs
    scratch = CHANNELS * RECORD_BYTES + max(triples, 3) * TRIPLE_BYTES + 12 * triples
    codes = words.transpose(2, 0, 1).astype(np.uint32).ravel()
    return Packed(codes, offset, "" if twos else "levels", scratch_bytes=scratch)


def axis(node: QDwConv2d) -> int:
    """0: triples lie along h, 1: along w."""
    h, w, _ = plane(node.shape)
    return 0 if w % 3 and h > w else 1
