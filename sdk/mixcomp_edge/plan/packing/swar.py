"""Packings of internal/swar.h: two output channels in the halves of a word, for cores without the DSP extension."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.plan.packing.depthwise import plane_width, rows_within, taps
from mixcomp_edge.plan.packing.packed import (
    Int,
    Packed,
    byte_order,
    copied_bytes,
    cut,
    group_count,
    reduction_in_order,
)


def swar(node: Weighted, x: QNode, channels: int) -> Packed | None:
    """fixp4 weights plus 8: nibbles i and i + 4 of a word are weight i of two channels; see internal/swar.h.

    For each `channels` (2 or 4) channels [K/4][channels / 2] words, for a last one or two of four [K/4]; an odd one
    has a neighbour of zeros. A block's products of the largest x with each channel's weights fit in 16 bits."""
    depth = x.shape[-1] // group_count(node)
    packed = _in_order(node, x, byte_order(node.weights.codes.shape[1], depth, x.type.bits), channels)
    if packed is None:
        return None
    pixels = {2: 4, 4: 2}[channels]  # that are gathered at a time
    scratch = pixels * -(-node.weights.codes.shape[1] // 8) * 8
    return replace(packed, scratch_bytes=scratch, reads_words=x.type.bits == 4 and depth % 8 == 0)


def dense_swar(node: Weighted, x: QNode) -> Packed | None:
    """As `swar` for four channels; x is read from where it is, eight 4-bit elements a word."""
    length = node.weights.codes.shape[1]
    packed = _in_order(node, x, byte_order(length, 8, x.type.bits), 4)
    return packed and replace(packed, scratch_bytes=copied_bytes(x))


def rows_joined(node: Weighted, x: QNode, row_stride: int) -> Packed | None:
    """Depthwise 3x3 of four channels of 4 bits at a time; see internal/dwconv2d_v7m.h. A row's sum fits in 16 bits."""
    if x.type.bits != 4 or not rows_within(node.weights.levels, -(1 << 15), (1 << 15) - 1):
        return None
    return taps(node, x, row_stride, 4, 4 * 4 * (9 + 2 + 3 * plane_width(node)))


def _in_order(node: Weighted, x: QNode, order: NDArray[np.intp], channels: int) -> Packed | None:
    if not node.weights.codebook.is_twos_complement:
        return None
    levels = reduction_in_order(node.weights.levels, order)
    words = [_swar_words(part, channels) for part in np.split(levels, group_count(node))]
    bias = node.weights.bias.astype(np.int64) + x.type.low * node.reduction.sum(axis=1)
    if np.any(np.abs(bias) >= 1 << 31):
        return None
    peak = (1 << x.type.bits) - 1
    blocks = cut(levels + 8, lambda part: bool(peak * part.sum(axis=1).max() < 1 << 16))
    return Packed(np.concatenate(words), bias.astype(np.int32), blocks=blocks)


def _swar_words(w: Int, channels: int) -> NDArray[np.uint32]:
    """w (O, K) of one group."""
    pairs = (np.pad(w, ((0, len(w) % 2), (0, 0))) + 8).reshape(-1, 2, w.shape[1] // 4, 4)  # pair, channel, word, weight
    words = (pairs.transpose(0, 2, 1, 3).reshape(len(pairs), -1, 8) << 4 * np.arange(8)).sum(axis=2).astype(np.uint32)
    whole = len(words) // (channels // 2) * (channels // 2)
    tiles = words[:whole].reshape(-1, channels // 2, words.shape[1]).transpose(0, 2, 1)
    return np.concatenate([tiles.ravel(), words[whole:].ravel()])
