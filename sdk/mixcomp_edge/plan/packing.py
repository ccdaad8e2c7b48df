"""How weights lie in flash, one function a layout: each reads a node and gives what its kernels expect, or None where
they would not be exact or cannot run. A layout is the kernel's: codes, biases and scratch belong together.

The functions that split a reduction also prove it: for the layer's real weights and every input, no field of a packed
accumulator overflows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir import qops
from mixcomp_edge.ir.qops import reduction
from mixcomp_edge.numerics.packing import pack_rows

Weighted = qops.Conv2d | qops.DwConv2d | qops.Dense
Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Packed:
    """What a kernel reads of a layer: codes, a flat array of bytes, or words where `word_bytes` is 4; bias (O,);
    `table`, what it reads of the codebook: "levels" (16 of them), "pairs" (256 pairs) or nothing; `block` of
    mce_conv2d; bytes of scratch in RAM."""

    codes: NDArray[np.uint8] | NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint8))
    bias: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    table: str = ""
    block: int = 0
    scratch_bytes: int = 0

    @property
    def nbytes(self) -> int:
        """Flash for codes and biases."""
        return self.codes.nbytes + self.bias.nbytes


def rows(node: Weighted, x: qops.QNode) -> Packed | None:
    """SPEC.md 2: rows of codes, two to a byte."""
    return Packed(pack_rows(node.weights.codes).ravel(), node.weights.bias, table="levels")


def rows_gathered(node: Weighted, x: qops.QNode) -> Packed | None:
    """As `rows`, for kernels that copy the patch under the kernel into halfwords first."""
    packed = rows(node, x)
    assert packed is not None
    return Packed(packed.codes, packed.bias, table="levels", scratch_bytes=2 * node.weights.codes.shape[1])


# The four-MAC layout of internal/quad_dsp.h.
LOW_MIN, LOW_MAX, HIGH_LIMIT = -2048, 2047, 1 << 19


def quad(node: Weighted, x: qops.QNode) -> Packed | None:
    """Two output channels in a 16-bit lane: u_a + 4096 * w_b, u_a = w_a + 8; see internal/quad_dsp.h.

    Needs fixp4 weights. s4 inputs run as x + 8, which the bias makes up for. For each four channels [K/4][2] words, for
    a last one or two [K/4]; K is rounded up to a multiple of 8."""
    if not node.weights.codebook.is_twos_complement:
        return None
    order = gather_order(node, x)
    padded = reduction_in_order(node.weights.levels, order)  # (O, K)
    groups = node.groups if isinstance(node, qops.Conv2d) else 1
    parts = np.split(padded, groups)
    block = quad_block(parts)
    if block is None:
        return None
    words = [_quad_words(part) for part in parts]
    bias = shifted_bias(node, x)
    blocks = -(-padded.shape[1] // block)
    scratch = 4 * padded.shape[1] + 12 * blocks
    return None if bias is None else Packed(np.concatenate(words), bias, block=block, scratch_bytes=scratch)


def quad_block(parts: list[Int]) -> int | None:
    """The longest block, a multiple of 8, in which the low channel of each pair stays in 12 signed bits for all
    activations 0..15; None if the high channel could leave its 20 bits.

    parts: (O, K) of each group, whose even rows are low channels and odd rows high ones."""
    high = np.concatenate([w[1::2] for w in parts])
    if high.size and max(15 * np.maximum(high, 0).sum(axis=1).max(), 15 * np.maximum(-high, 0).sum(axis=1).max()) >= (
        HIGH_LIMIT
    ):
        return None
    low, length = np.concatenate([w[0::2] for w in parts]), parts[0].shape[1]
    for block in range(length, 0, -8):
        starts = np.arange(0, length, block)
        top = 15 * np.add.reduceat(np.maximum(low, 0), starts, axis=1).max()
        bottom = 15 * np.add.reduceat(np.minimum(low, 0), starts, axis=1).min()
        if top <= LOW_MAX and bottom >= LOW_MIN:
            return block
    raise AssertionError("eight weights of fixp4 always fit")  # 8 * 8 * 15 < 2048


def _quad_words(w: Int) -> NDArray[np.uint32]:
    """w (O, K) of one group to words: nibbles from the lowest: a0 b3 a2 b0 a1 b2 a3 b1 of weights 0..3."""
    outputs, length = w.shape
    w = np.pad(w, ((0, outputs % 2), (0, 0)))
    low, high = (w[0::2] + 8).reshape(-1, length // 4, 4), w[1::2].reshape(-1, length // 4, 4) & 15
    nibbles = [
        low[..., 0],
        high[..., 3],
        low[..., 2],
        high[..., 0],
        low[..., 1],
        high[..., 2],
        low[..., 3],
        high[..., 1],
    ]
    words = np.sum([n << 4 * i for i, n in enumerate(nibbles)], axis=0).astype(np.uint32)  # (pairs, K/4)
    paired = len(words) // 2 * 2
    fours = words[:paired].reshape(-1, 2, length // 4).transpose(0, 2, 1)
    return np.concatenate([fours.ravel(), words[paired:].ravel()])


def pair(node: Weighted, x: qops.QNode) -> Packed | None:
    """fixp4 weights plus 8: nibbles i and i + 4 of a word are weights 2i and 2i + 1; see internal/pair_dsp.h.

    For each two channels [K/8][2] words; a last odd one has a neighbour of zeros."""
    if not node.weights.codebook.is_twos_complement:
        return None
    nibbles = reduction_in_order(node.weights.levels, gather_order(node, x)) + 8
    return _paired(node, x, nibbles.reshape(len(nibbles), -1, 4, 2).transpose(0, 1, 3, 2), empty=8, table="")


def pair_table(node: Weighted, x: qops.QNode) -> Packed | None:
    """Codes of any format, byte i of a word holds weights 2i (low nibble) and 2i + 1; otherwise as `pair`."""
    order = gather_order(node, x)
    nibbles = np.where(order < 0, 0, node.weights.codes[:, order].astype(np.int64))
    return _paired(node, x, nibbles, empty=0, table="pairs")


def _paired(node: Weighted, x: qops.QNode, nibbles: Int, empty: int, table: str) -> Packed | None:
    """nibbles (O, ...) of each channel, in the order of their place in the words."""
    flat = nibbles.reshape(len(nibbles), -1)
    groups = node.groups if isinstance(node, qops.Conv2d) else 1
    words = []
    for part in np.split(flat, groups):
        even = np.pad(part, ((0, len(part) % 2), (0, 0)), constant_values=empty).reshape(-1, 2, flat.shape[1] // 8, 8)
        words.append((even << 4 * np.arange(8)).sum(axis=3).transpose(0, 2, 1).astype(np.uint32).ravel())
    bias = shifted_bias(node, x)
    scratch = 4 * flat.shape[1]
    return None if bias is None else Packed(np.concatenate(words), bias, table, scratch_bytes=scratch)


ROW_MIN, ROW_MAX = -1024, 1023  # of the upper row's sum in internal/dwconv2d_dsp.h


def dw3x3(node: Weighted, x: qops.QNode, row_stride: int) -> Packed | None:
    """Depthwise 3x3 without dilation, an output a channel, as wide as x, channels in whole words of x: words
    [channels / 8 or 4][9 taps, column by column], a nibble a channel; see internal/dwconv2d_dsp.h.

    4-bit inputs: two rows share an accumulator, so the sum of one must fit in 11 bits for all x 0..15."""
    assert isinstance(node, qops.DwConv2d)
    window, channels = node.window, x.shape[2]
    together = 8 if x.type.bits == 4 else 4
    plain = window.kernel == (3, 3) and window.dilation == (1, 1) and window.stride[0] == row_stride
    plain &= window.padding[1] <= 3  # a plane holds the columns of the outputs, 3 at least: no more fit before x
    if not plain or node.shape[2] != channels or channels % together or node.type.bits != x.type.bits:
        return None
    levels = node.weights.levels
    if x.type.bits == 4:
        top, bottom = np.maximum(levels, 0).sum(axis=0).max(), np.minimum(levels, 0).sum(axis=0).min()
        if 15 * top > ROW_MAX or 15 * bottom < ROW_MIN:
            return None
    bias = shifted_bias(node, x)
    if bias is None:
        return None
    codes = node.weights.codes.reshape(3, 3, -1, together).transpose(2, 1, 0, 3).astype(np.uint32)  # word, column, row
    words = (codes << 4 * np.arange(together, dtype=np.uint32)).sum(axis=3).astype(np.uint32).ravel()
    width = (node.shape[1] - 1) * window.stride[1] + 3
    scratch = 4 * (9 * together // 2 + width * (3 + window.stride[0]))
    return Packed(words, bias, table="levels", scratch_bytes=scratch)


def swar(node: Weighted, x: qops.QNode, channels: int) -> Packed | None:
    """fixp4 weights plus 8: nibbles i and i + 4 of a word are weight i of two channels; see internal/swar.h.

    For each `channels` (2 or 4) channels [K/4][channels / 2] words, for a last one or two of four [K/4]; an odd one
    has a neighbour of zeros. A block's products of the largest x with each channel's weights fit in 16 bits."""
    if not node.weights.codebook.is_twos_complement:
        return None
    groups = node.groups if isinstance(node, qops.Conv2d) else 1
    order = byte_order(node.weights.codes.shape[1], x.shape[-1] // groups, x.type.bits)
    levels = reduction_in_order(node.weights.levels, order)
    words = [_swar_words(part, channels) for part in np.split(levels, groups)]
    bias = node.weights.bias.astype(np.int64) + x.type.low * reduction(node).sum(axis=1)
    if np.any(np.abs(bias) >= 1 << 31):
        return None
    block = swar_block(levels + 8, (1 << x.type.bits) - 1)
    return Packed(np.concatenate(words), bias.astype(np.int32), block=block, scratch_bytes=2 * levels.shape[1])


def swar_block(u: Int, peak: int) -> int:
    """The longest block, a multiple of 8, in which the sum of peak * u stays below 2^16 in every channel.

    u (O, K) 0..15; peak: the largest x, 15 or 255."""
    length = u.shape[1]
    for block in range(length, 8, -8):
        if peak * np.add.reduceat(u, np.arange(0, length, block), axis=1).max() < 1 << 16:
            return block
    return 8  # 8 * 15 * 255 < 2^16


def _swar_words(w: Int, channels: int) -> NDArray[np.uint32]:
    """w (O, K) of one group."""
    pairs = (np.pad(w, ((0, len(w) % 2), (0, 0))) + 8).reshape(-1, 2, w.shape[1] // 4, 4)  # pair, channel, word, weight
    words = (pairs.transpose(0, 2, 1, 3).reshape(len(pairs), -1, 8) << 4 * np.arange(8)).sum(axis=2).astype(np.uint32)
    whole = len(words) // (channels // 2) * (channels // 2)
    tiles = words[:whole].reshape(-1, channels // 2, words.shape[1]).transpose(0, 2, 1)
    return np.concatenate([tiles.ravel(), words[whole:].ravel()])


def byte_order(length: int, depth: int, bits: int) -> NDArray[np.intp]:
    """As `gather_order`, for patches of bytes: 4-bit elements come as 0 2 4 6 1 3 5 7 of each eight where the channels
    fill words, all others as they are."""
    order = np.pad(np.arange(length), (0, -length % 8), constant_values=-1)
    if bits == 4 and depth % 8 == 0:
        order = order.reshape(-1, 8)[:, [0, 2, 4, 6, 1, 3, 5, 7]].ravel()
    return order


def rows3x3(node: Weighted, x: qops.QNode) -> Packed | None:
    """As `rows`, for depthwise 3x3 without dilation, row stride 1 or 2, an output a channel, channels in pairs: two
    rows share a multiplication, so the sum of either must fit in 16 bits; see internal/dwconv2d_3x3.h."""
    assert isinstance(node, qops.DwConv2d)
    window, channels = node.window, x.shape[2]
    plain = window.kernel == (3, 3) and window.dilation == (1, 1) and window.stride[0] in (1, 2)
    peak = max(x.type.high, -x.type.low)
    if (
        not plain
        or node.shape[2] != channels
        or channels % 2
        or not np.all(np.abs(node.weights.levels).sum(axis=0) * peak < 1 << 15)
    ):
        return None
    packed = rows(node, x)
    assert packed is not None
    width = (node.shape[1] - 1) * window.stride[1] + 3
    return replace(packed, scratch_bytes=4 * 6 * width)


def dense_quad(node: Weighted, x: qops.QNode) -> Packed | None:
    """As `quad`; a sum of x for each block, and a copy of x where it is s4 or does not fill words."""
    packed = quad(node, x)
    return packed and _without_patches(packed, x, blocks=-(-_padded(x) // packed.block))


def dense_four(node: Weighted, x: qops.QNode) -> Packed | None:
    """fixp4 weights plus 8: nibble c of a word is weight 0 of channel c, nibble c + 4 its weight 1; see
    internal/dense_sums_dsp.h. For each four channels [K/2] words; channels that are not there have zeros."""
    if not node.weights.codebook.is_twos_complement:
        return None
    levels = reduction_in_order(node.weights.levels, gather_order(node, x))
    levels = np.pad(levels, ((0, -len(levels) % 4), (0, 0))) + 8
    nibbles = levels.reshape(-1, 4, levels.shape[1] // 2, 2).transpose(0, 2, 3, 1)  # (O/4, K/2, 2, 4)
    words = (nibbles.reshape(-1, 8) << 4 * np.arange(8)).sum(axis=1).astype(np.uint32)
    bias = shifted_bias(node, x)
    return None if bias is None else _without_patches(Packed(words, bias), x, blocks=1)


def dense_table(node: Weighted, x: qops.QNode) -> Packed | None:
    """As `pair_table`, with the scratch of `dense_quad`."""
    packed = pair_table(node, x)
    return packed and _without_patches(packed, x, blocks=1)


def _padded(x: qops.QNode) -> int:
    return -(-x.elements // 8) * 8


def _without_patches(packed: Packed, x: qops.QNode, blocks: int) -> Packed:
    copied = x.type.dtype == "s4" or x.elements % 8
    return replace(packed, scratch_bytes=12 * blocks + (_padded(x) * x.type.bits // 8 if copied else 0))


def words(node: qops.QNode, x: qops.QNode) -> Packed | None:
    """For a pooling that reads words: whole ones of each pixel, aligned, and sums of 16 bits."""
    assert isinstance(node, qops.AvgPool2d)
    fits = prod(node.window.kernel) * ((1 << x.type.bits) - 1) < 1 << 16
    aligned = x.shape[2] % (32 // x.type.bits) == 0 and not isinstance(x, qops.Input)
    return Packed() if fits and aligned else None


def shifted_bias(node: Weighted, x: qops.QNode) -> NDArray[np.int32] | None:
    """The bias for kernels that read s4 as x + 8; None if it leaves int32."""
    shift = 8 * reduction(node).sum(axis=1) if x.type.dtype == "s4" else 0
    bias = node.weights.bias.astype(np.int64) - shift
    return bias.astype(np.int32) if np.all(np.abs(bias) < 1 << 31) else None


def gather_order(node: Weighted, x: qops.QNode) -> NDArray[np.intp]:
    """(K,) for each place of a gathered patch the index of its element in the reduction, -1 for a zero; K is a multiple
    of 8. internal/dsp_gather.h reads in this order."""
    length = node.weights.codes.shape[1]
    groups = node.groups if isinstance(node, qops.Conv2d) else 1
    depth = x.shape[-1] // groups if isinstance(node, qops.Conv2d) else prod(x.shape)
    within = {4: (0, 4, 1, 5, 2, 6, 3, 7), 8: (0, 2, 1, 3)}[x.type.bits]
    order = np.pad(np.arange(length), (0, -length % 8), constant_values=-1)
    if depth % len(within) == 0 or isinstance(node, qops.Dense):
        order = order.reshape(-1, len(within))[:, list(within)].ravel()
    return order


def reduction_in_order(w: Int, order: NDArray[np.intp]) -> Int:
    """w (O, K) with its columns in that order, 0 where it has -1."""
    return np.where(order < 0, 0, w[:, order])


PACKINGS: dict[str, Callable[[Any, qops.QNode], Packed | None]] = {
    "rows": rows,
    "rows_gathered": rows_gathered,
    "rows3x3": rows3x3,
    "quad": quad,
    "pair": pair,
    "pair_table": pair_table,
    "swar2": partial(swar, channels=2),
    "swar4": partial(swar, channels=4),
    "dense_quad": dense_quad,
    "dense_four": dense_four,
    "dense_table": dense_table,
    "words": words,
    "dw3x3s1": partial(dw3x3, row_stride=1),
    "dw3x3s2": partial(dw3x3, row_stride=2),
}
