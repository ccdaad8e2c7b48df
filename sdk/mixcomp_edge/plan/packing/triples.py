"""Packing of internal/triple_row.h: three taps of a row and three pixels are polynomials, whose product makes nine
multiply-accumulates."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.windows import plane
from mixcomp_edge.operators.conv2d import QConv2d
from mixcomp_edge.plan.packing.packed import Int, Packed, cut
from mixcomp_edge.plan.packing.quad import quad

TAPS = 3  # of a row
FIELD, LAST_FIELD = 8191, 4095  # the most that fields of a sum hold, the last of five less
UNIT = 32  # of how fields begin
SUMS_BYTES, PIECE_BYTES = 32, 8  # of mce_triple_sums and mce_triple_piece
MOST = 255  # of rows kept and of groups, which are bytes

# Instructions, as counted on Cortex-M4 and M3: for a product, and for four channels at three positions besides; of
# kernels that would serve else, for a product (lanes or a table of pairs; pairs of channels or plain C) and for an
# output.
PRODUCT, TILE = 0.27, 200.0
LANES, TABLE, PAIRS, PLAIN, OUTPUT = 0.5, 1.4, 1.25, 6.5, 15.0


def triples_dsp(node: QConv2d, x: QNode) -> Packed | None:
    """`triples`, where lanes serve else or a table."""
    return triples(node, x, TABLE if quad(node, x) is None else LANES)


def triples_v7m(node: QConv2d, x: QNode) -> Packed | None:
    """`triples`, where pairs of channels serve else or plain C."""
    return triples(node, x, PAIRS if node.weights.codebook.is_twos_complement else PLAIN)


def triples(node: QConv2d, x: QNode, other: float) -> Packed | None:
    """A convolution of 4-bit inputs with three taps a row, input channels in whole words of x, outputs in fours, if it
    takes less than kernels with `other` instructions a product. It computes the outputs between two that a stride of
    columns leaves out, too. With as little scratch as it can do with; with more it decodes more channels at a time, and
    keeps all rows of x where it cannot decode all.

    Words: for each four channels a word a block, bytes of how their fields begin, then [3][K/2] with K = KH * C,
    nibble i of word j of row t the code of channel i % 4 for element 2 * j + i / 4 and the tap 2 - t."""
    window, channels = node.window, node.shape[-1]
    levels = node.reduction.reshape(channels, window.kernel[0], -1, x.shape[-1] // node.groups)
    plain = window.kernel[1] == TAPS and window.kernel[0] <= MOST and window.dilation == (1, 1) and node.groups == 1
    plain &= node.type.bits == 4 and node.weights.requant.shift == 0
    if not plain or x.shape[-1] % 8 or channels % 4 or not _pays(node, x, other):
        return None
    w = levels[:, :, ::-1].transpose(0, 1, 3, 2).reshape(channels, -1, TAPS)  # (O, K, taps in reverse)
    if not _fit_words(w) or not all(_fits(x, w[:, i : i + 8]) for i in range(0, w.shape[1], 8)):
        return None
    blocks = cut(w, partial(_fits, x))
    ends = np.cumsum(8 * blocks.astype(np.int64))
    starts = np.stack([_starts(x, part)[0] for part in np.split(w, ends[:-2], axis=1)], axis=1)  # (O, blocks)
    bias = node.weights.bias.astype(np.int64) - starts.sum(axis=1)
    if np.any(bias < -(1 << 31)):
        return None
    twos = node.weights.codebook.is_twos_complement
    codes = node.weights.codes.astype(np.int64).reshape(channels, window.kernel[0], TAPS, -1)[:, :, ::-1]
    codes = codes.transpose(0, 1, 3, 2).reshape(channels // 4, 4, -1, 2, TAPS)  # four, channel, K/2, element, tap
    nibbles = codes.transpose(0, 4, 2, 3, 1).reshape(channels // 4, -1, 8)
    words = (nibbles << 4 * np.arange(8)).sum(axis=2)
    bytes_ = (starts // UNIT).reshape(channels // 4, 4, -1) << 8 * np.arange(4)[:, np.newaxis]  # four, channel, block
    heads = bytes_.sum(axis=1)
    packed = Packed(
        np.concatenate([heads, words], axis=1).astype(np.uint32).ravel(),
        bias.astype(np.int32),
        "" if twos else "levels",
    )
    room = partial(_with_room, node, x, packed, blocks)
    return replace(room(1, window.kernel[0]), roomier=partial(_roomier, node, room))


def _with_room(node: QConv2d, x: QNode, packed: Packed, blocks: np.ndarray, fours: int, rows: int) -> Packed:
    """Decodes that many times four channels together and keeps that many rows of x."""
    kh, count, depth = node.window.kernel[0], len(blocks) - 1, x.shape[-1]
    triples = triple_count(node, x)
    scratch = depth // 2 + 4 * rows * triples * depth + PIECE_BYTES * (kh + count) + SUMS_BYTES * count
    scratch += fours * (SUMS_BYTES * count + 16 * kh * depth) + 3 * triples * 2 * fours
    return replace(packed, blocks=np.array([fours, rows, *blocks], np.uint8), scratch_bytes=scratch)


def triple_count(node: QConv2d, x: QNode) -> int:
    """Triples of pixels that a row of outputs meets. They begin at the first pixel, as padding with zeros adds nothing
    to what comes before; other padding is among them."""
    left = node.window.padding[1]
    lead = left if x.type.zero_point else max(left - 2, 0)
    last = (plane(node.shape)[1] - 1) * node.window.stride[1]
    return (last + 2 - left + lead) // TAPS + 1


def _pays(node: QConv2d, x: QNode, other: float) -> bool:
    products = node.window.kernel[0] * TAPS * x.shape[-1]
    tile = 4 * 3 * products * PRODUCT + TILE
    outputs = 4 * plane(node.shape)[1]
    return triple_count(node, x) * tile < outputs * (products * other + OUTPUT)


def _roomier(node: QConv2d, room: partial[Packed], free: int, most: int) -> Packed:
    """Gathers each row of x but once, if that takes at most `most` bytes, with as little as that takes; else as seldom
    as the free bytes allow."""
    kh, fours = node.window.kernel[0], plane(node.shape)[2] // 4
    every = (plane(node.shape)[0] - 1) * node.window.stride[0] + kh
    together = sorted({-(-fours // times) for times in range(1, fours + 1)} & set(range(MOST + 1)), reverse=True)
    options = [room(n, kh) for n in together]
    if together[0] == fours and size(options[0]) <= most:
        return options[0]
    if every <= MOST and size(kept := room(1, every)) <= most:
        return next((each for n in together if size(each := room(n, every)) <= free), kept)
    return next((each for each in options if size(each) <= free), options[-1])


def size(packed: Packed) -> int:
    """Its scratch."""
    return packed.scratch_bytes or 0


def _fit_words(w: Int) -> bool:
    """Whether each polynomial of three taps, w (O, K, 3), is an int32."""
    words = (w << 13 * np.arange(TAPS)).sum(axis=2)
    return bool(np.all(np.abs(words) < 1 << 31))


def _fits(x: QNode, part: Int) -> bool:
    """Whether there are starts for a block, part (O, n, 3)."""
    least, most = _starts(x, part)
    return bool(np.all(least <= most))


def _starts(x: QNode, part: Int) -> tuple[Int, Int]:
    """The least and the most that each channel's fields may begin with, (O,): whole sums stay within a field, those of
    the one tap that the last field holds, which begins at start >> 1, within that."""
    up = np.maximum(part * x.type.high, part * x.type.low).sum(axis=1)  # (O, 3)
    down = -np.minimum(part * x.type.high, part * x.type.low).sum(axis=1)
    least = -(-np.maximum(down.sum(axis=1), 2 * down[:, -1]) // UNIT) * UNIT
    most = np.minimum(FIELD - up.sum(axis=1), 2 * (LAST_FIELD - up[:, -1]))
    return least, most
