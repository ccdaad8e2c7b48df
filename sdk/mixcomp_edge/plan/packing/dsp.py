"""Packings of kernels/dsp that make two multiply-accumulates in one SMLAD; quad.py has those that make four."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Protocol

import numpy as np

from mixcomp_edge.ir.broadcast import QPair
from mixcomp_edge.ir.graph import Shape, Window
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.ir.windows import plane
from mixcomp_edge.operators.normalize import QNormalize
from mixcomp_edge.plan.packing.depthwise import plane_width, rows_within, taps
from mixcomp_edge.plan.packing.packed import (
    Int,
    Packed,
    copied_bytes,
    gather_order,
    group_count,
    patch_bytes,
    reduction_in_order,
    shifted_bias,
)
from mixcomp_edge.plan.packing.quad import BLOCK_BYTES, blocks_within, quad_in_place

ROW_MIN, ROW_MAX = -1024, 1023  # the upper row's field of internal/dwconv2d_packed_dsp.h
STRIP_BYTES = 1024  # of `strip_of_columns`
HALVES_BYTES = 2048  # of `rows_in_halves`
FEWEST_ROWS = 8  # of `rows_of_words`
TWO_MOST_INPUTS = 512  # of `dense_two`, which takes a byte a weight: half a kilobyte more at most


def pair(node: Weighted, x: QNode) -> Packed | None:
    """fixp4 weights plus 8: nibbles i and i + 4 of a word are weights 2i and 2i + 1; see internal/pair_dsp.h.

    For each two channels [K/8][2] words; a last odd one has a neighbour of zeros."""
    if not node.weights.codebook.is_twos_complement:
        return None
    nibbles = reduction_in_order(node.weights.levels, gather_order(node, x)) + 8
    return _paired(node, x, nibbles.reshape(len(nibbles), -1, 4, 2).transpose(0, 1, 3, 2), empty=8, table="")


def pair_table(node: Weighted, x: QNode) -> Packed | None:
    """Codes of any format, byte i of a word holds weights 2i (low nibble) and 2i + 1; otherwise as `pair`."""
    order = gather_order(node, x)
    nibbles = np.where(order < 0, 0, node.weights.codes[:, order].astype(np.int64))
    return _paired(node, x, nibbles, empty=0, table="pairs")


def _paired(node: Weighted, x: QNode, nibbles: Int, empty: int, table: str) -> Packed | None:
    """nibbles (O, ...) of each channel, in the order of their place in the words."""
    flat = nibbles.reshape(len(nibbles), -1)
    groups = group_count(node)
    words = []
    for part in np.split(flat, groups):
        even = np.pad(part, ((0, len(part) % 2), (0, 0)), constant_values=empty).reshape(-1, 2, flat.shape[1] // 8, 8)
        words.append((even << 4 * np.arange(8)).sum(axis=3).transpose(0, 2, 1).astype(np.uint32).ravel())
    bias = shifted_bias(node, x)
    return None if bias is None else Packed(np.concatenate(words), bias, table, scratch_bytes=patch_bytes(node, x))


def dw3x3(node: Weighted, x: QNode, row_stride: int) -> Packed | None:
    """Depthwise 3x3, channels in whole words of x; see internal/dwconv2d_packed_dsp.h and
    internal/dwconv2d_bytes_dsp.h.

    4-bit inputs: two rows share an accumulator, so the sum of one must fit in 11 bits for all x 0..15."""
    packed = x.type.bits == 4
    if packed and not rows_within(node.weights.levels, ROW_MIN, ROW_MAX):
        return None
    width = plane_width(node)
    words = 4 * (9 + 4 + 3 * width) if packed else 2 * 9 + width * (3 + row_stride)
    return taps(node, x, row_stride, 8 if packed else 4, 4 * words)


def dense_quad(node: Weighted, x: QNode) -> Packed | None:
    """As `quad_in_place`; a sum of x for each block, and a copy of x where it is s4 or does not fill words."""
    packed = quad_in_place(node, x)
    return packed and without_patches(packed, x)


def dense_two(node: Weighted, x: QNode) -> Packed | None:
    """A dense layer of one or two outputs: a halfword an input, level of the first + 2048 * level of the second; see
    internal/dense_two_dsp.h. Twice the flash of 4 bits, so only where that is little."""
    levels = reduction_in_order(node.weights.levels, gather_order(node, x))
    bias = shifted_bias(node, x)
    if len(levels) > 2 or levels.shape[1] > TWO_MOST_INPUTS or bias is None:
        return None
    low, high = levels[0], levels[1] if len(levels) == 2 else np.zeros_like(levels[0])
    halfwords = low + 2048 * high
    sums_fit = 15 * np.abs(high).sum() < 1 << 20 and 15 * 8 * np.abs(low).max() <= ROW_MAX  # a word of x always fits
    if not sums_fit or np.abs(halfwords).max() >= 1 << 15:
        return None
    blocks = blocks_within(low[np.newaxis], ROW_MIN, ROW_MAX)
    return Packed(halfwords.astype("<i2").view("<u4"), bias, blocks=blocks, scratch_bytes=copied_bytes(x))


def dense_four(node: Weighted, x: QNode) -> Packed | None:
    """fixp4 weights plus 8, but those of each fourth channel as they are: nibble c of a word is weight 0 of channel c,
    nibble c + 4 its weight 1; see internal/dense_sums_dsp.h. For each four channels [K/2] words, the last three are
    four with one of zeros; one or two are left with [K/4] words of weights plus 8, nibbles 0 and 4 weights 0 and 1, 2
    and 6 weights 2 and 3 of the first."""
    if not node.weights.codebook.is_twos_complement:
        return None
    levels = reduction_in_order(node.weights.levels, gather_order(node, x))
    levels = np.pad(levels, ((0, -len(levels) % 2), (0, 0)))
    split = len(levels) // 4 * 4
    levels = levels + 8
    levels[3:split:4] = levels[3:split:4] - 8 & 15
    fours = levels[:split].reshape(-1, 4, levels.shape[1] // 2, 2).transpose(0, 2, 3, 1)  # (O/4, K/2, 2, 4)
    pairs = levels[split:].reshape(-1, 2, levels.shape[1] // 4, 2, 2).transpose(0, 2, 4, 3, 1)  # (1, K/4, 2, 2, 2)
    nibbles = np.concatenate([fours.reshape(-1, 8), pairs.reshape(-1, 8)])
    words = (nibbles << 4 * np.arange(8)).sum(axis=1).astype(np.uint32)
    bias = shifted_bias(node, x)
    return None if bias is None else without_patches(Packed(words, bias), x)


def dense_table(node: Weighted, x: QNode) -> Packed | None:
    """Codes of any format: byte c of a word holds weights 0 (low nibble) and 1 of channel c. For each four channels
    [K/2] words, the last three are four with one of zeros; one or two are left as in `pair_table`."""
    order = gather_order(node, x)
    codes = np.where(order < 0, 0, node.weights.codes[:, order].astype(np.int64))
    codes = np.pad(codes, ((0, -len(codes) % 2), (0, 0)))
    split, length = len(codes) // 4 * 4, codes.shape[1]
    fours = codes[:split].reshape(-1, 4, length // 2, 2).transpose(0, 2, 1, 3)  # (O/4, K/2, 4, 2)
    pairs = codes[split:].reshape(-1, 2, length // 8, 8).transpose(0, 2, 1, 3)  # (1, K/8, 2, 8)
    nibbles = np.concatenate([fours.reshape(-1, 8), pairs.reshape(-1, 8)])
    words = (nibbles << 4 * np.arange(8)).sum(axis=1).astype(np.uint32)
    bias = shifted_bias(node, x)
    return None if bias is None else without_patches(Packed(words, bias, table="pairs"), x)


def without_patches(packed: Packed, x: QNode) -> Packed:
    """The packing of a dense layer: scratch for its blocks, and for x where the kernel copies it."""
    blocks = BLOCK_BYTES * max(len(packed.blocks) - 1, 0)
    return replace(packed, scratch_bytes=blocks + copied_bytes(x))


def strips_of_values(node: QPair, x: QNode) -> Packed | None:
    """For a product of two values whose shift goes into one of them: room for 128 codes and halfwords."""
    return Packed(scratch_bytes=384) if node.factors[2] <= 7 else None


class Summed(Protocol):
    """What sums products."""

    @property
    def count(self) -> int: ...


def rows_in_halves(node: Summed, x: QNode) -> Packed | None:
    """For products of matrices: room for eight vectors of halfwords, or four long ones, and one to meet them."""
    length = -(-node.count // 4) * 4
    wanted = [2 * length * (rows + 1) for rows in (8, 4)]
    return next((Packed(scratch_bytes=size) for size in wanted if size <= HALVES_BYTES), None)


class Windowed(Protocol):
    """What goes over windows."""

    @property
    def window(self) -> Window: ...
    @property
    def shape(self) -> Shape: ...


def strip_of_columns(node: Windowed, x: QNode) -> Packed:
    """For a maximum over windows: room for the columns of x that some outputs of a row need, and for a copy of them
    where they begin in half bytes."""
    (_, k), (_, stride), (_, dilation) = node.window.kernel, node.window.stride, node.window.dilation
    parts = x.type.bits == 4 and x.shape[-1] % 2 == 1
    pixel, reach = x.shape[-1] // (2 if x.type.bits == 4 and not parts else 1), (k - 1) * dilation + 1
    room = STRIP_BYTES // pixel
    outputs = min((room - reach) // stride + 1 if room > reach else 1, plane(node.shape)[1])
    line = ((outputs - 1) * stride + reach) * pixel + 4
    return Packed(scratch_bytes=(2 if parts else 1) * line)


class Shifted(Protocol):
    """What ends in a shift."""

    @property
    def shift(self) -> int: ...


def strips_of_terms(node: Shifted, x: QNode) -> Packed | None:
    """For sums, minima and maxima of two values that end in a multiplication by 2**(32 - shift): room for 128 codes of
    each."""
    return Packed(scratch_bytes=256) if node.shift >= 2 else None


def rows_of_words(node: QNode, x: QNode) -> Packed | None:
    """For a softmax whose rows fill words, of enough rows for what its code takes of flash."""
    return Packed() if node.shape[-1] % 4 == 0 and prod(node.shape[:-1]) >= FEWEST_ROWS else None


def groups_of_words(node: QNormalize, x: QNode) -> Packed | None:
    """For a norm over the last axes, whole words of x, with a gain for each of its elements: what is below the root
    stays within 36 bits."""
    last = tuple(range(len(node.view) - len(node.axes), len(node.view)))
    most = (node.count * 255) ** 2 + node.epsilon
    plain = node.axes == node.over == last and node.count % 4 == 0
    return Packed() if plain and most < 1 << 36 else None
