"""Packings of depthwise layers: what those of 3x3 share, taps of neighbouring channels side by side, and any window."""

from __future__ import annotations

import numpy as np

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.ir.windows import plane
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.plan.packing.packed import Int, Packed, shifted_bias

WORDS = 512  # of a plane of internal/dwconv2d_words_dsp.h


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


def cells(node: Weighted, x: QNode, bits: int = 4) -> Packed | None:
    """Any depthwise layer, four outputs at a time, eight where x has 4 bits; the last ones may be among those before
    them.

    [groups][taps], row by row where the window is higher than wide, else column by column: the codes of channels 0 and
    2, 1 and 3 (of eight: 0 and 4, 1 and 5, ...), or their levels as bytes. The kernel puts the requantizer's shift into
    the levels. Scratch for the weights of a group and the cells of some outputs; see internal/dwconv2d_words_dsp.h."""
    assert isinstance(node, QDwConv2d)
    weights, channels, together = node.weights, node.shape[-1], 8 if x.type.bits == 4 else 4
    shifted = np.abs(weights.levels).max(initial=0) << weights.requant.shift
    if shifted >= 1 << 15 or (bits == 8 and not weights.codebook.fits_int8):
        return None
    (kh, kw), (h, w, _) = node.window.kernel, plane(node.shape)
    starts = np.minimum(np.arange(0, channels, together), max(channels - together, 0))[:, np.newaxis]
    outputs = np.minimum(starts + np.arange(together).reshape(2, -1).T.ravel(), channels - 1)  # (groups, together)
    taps = np.arange(kh * kw) if kh > kw else np.arange(kh * kw).reshape(kh, kw).T.ravel()
    codes = (weights.codes if bits == 4 else weights.levels & 0xFF)[taps][:, outputs].transpose(1, 0, 2)
    side_by_side = codes.astype(np.uint16).reshape(-1, 16 // bits) << bits * np.arange(16 // bits)
    axis, along, across = (0, kh, kw) if kh > kw else (1, kw, kh)
    step, dilation = node.window.stride[axis], node.window.dilation[axis]
    places = h * w if kh * kw == 1 else (h, w)[axis]
    room = WORDS // (together // 2 * across)
    most = min((room - along) // step + 1 if room > along else 1, -(-places // dilation))
    words = 2 * together + 1 + together // 2 * (kh * kw + across * ((most - 1) * step + along))
    scattered = channels < together or (node.type.bits == 4 and channels % 2 == 1)
    return Packed(
        side_by_side.sum(axis=1).astype(np.uint16),
        weights.bias,
        table="levels" if bits == 4 else "",
        scratch_bytes=4 * words + most * together * node.type.bits // 8 * scattered,
    )
