"""What the packings of depthwise 3x3 layers share: taps of neighbouring channels side by side."""

from __future__ import annotations

import numpy as np

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.plan.packing.packed import Int, Packed, shifted_bias


def taps(node: Weighted, x: QNode, row_stride: int, together: int, scratch_bytes: int) -> Packed | None:
    """No dilation, an output a channel, as wide as x, `together` (4 or 8) channels at a time: [channels / together][9
    taps, column by column] of 16 or 32 bits, a nibble a channel, fixp4 weights plus 8, other formats as codes."""
    assert isinstance(node, QDwConv2d)
    window, channels = node.window, x.shape[-1]
    plain = window.kernel == (3, 3) and window.dilation == (1, 1) and window.stride[0] == row_stride
    plain &= window.padding[1] <= 3  # a plane holds the columns of the outputs, 3 at least: no more fit before x
    bias = shifted_bias(node, x)
    if not plain or node.shape[-1] != channels or channels % together or node.type.bits != x.type.bits or bias is None:
        return None
    even = node.weights.codebook.is_twos_complement  # then levels need no table
    nibbles = node.weights.codes ^ 8 if even else node.weights.codes
    codes = nibbles.reshape(3, 3, -1, together).transpose(2, 1, 0, 3).astype(np.uint32)  # word, column, row
    words = (codes << 4 * np.arange(together, dtype=np.uint32)).sum(axis=3)
    words = words.astype(np.uint32 if together == 8 else np.uint16).ravel()
    return Packed(words, bias, table="" if even else "levels", scratch_bytes=scratch_bytes)


def plane_width(node: Weighted) -> int:
    """Columns of x, with padding, that a row of outputs needs."""
    assert isinstance(node, QDwConv2d)
    return (node.shape[-2] - 1) * node.window.stride[1] + 3


def rows_within(levels: Int, least: int, most: int) -> bool:
    """Whether an output's sum with any activations 0..15 stays between least and most; levels (taps, O)."""
    top, bottom = np.maximum(levels, 0).sum(axis=0).max(), np.minimum(levels, 0).sum(axis=0).min()
    return bool(15 * top <= most and 15 * bottom >= least)
