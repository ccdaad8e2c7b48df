"""Packings of internal/quad_dsp.h: weights of two output channels share a 16-bit lane, so that one SMLAD makes four
multiply-accumulates. Four channels lie side by side, a last one or two by themselves."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import prod

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir.bounds import INT32_MAX
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.operators.conv2d import QConv2dAdd
from mixcomp_edge.plan.packing.packed import (
    Int,
    Packed,
    cut,
    fills_bytes,
    gather_order,
    group_count,
    patch_bytes,
    reduction_in_order,
    shifted_bias,
)

LOW_MIN, LOW_MAX, HIGH_LIMIT = -2048, 2047, 1 << 19  # the fields of lanes that are not decoded
BLOCK_BYTES = 12  # of mce_quad_block
MOST_SHIFT = 23  # of a byte of a residual, without a sign
BASE_LIMIT = 1 << 14
FEWEST_OUTPUTS = 16  # of a dense layer for which x is parted first

# Instructions, as counted on Cortex-M4: of the inner loop for a product, weights in place or decoded; for decoding a
# weight; for gathering an element of a patch, and for adding it up, which weights in place need.
IN_PLACE, DECODED, DECODING, GATHERING, SUMMING = 0.5, 0.375, 3.25, 2.4, 0.75


def quad(node: Weighted, x: QNode) -> Packed | None:
    """What a convolution of 4-bit inputs and outputs reads."""
    return None if node.type.bits == 8 or fills_bytes(node, x) else _quad(node, x)


def quad_halves(node: Weighted, x: QNode) -> Packed | None:
    """The same where the channels fill bytes, but not words."""
    return _quad(node, x) if node.type.bits == 4 and fills_bytes(node, x) else None


def quad_bytes(node: Weighted, x: QNode) -> Packed | None:
    """Where outputs have 8 bits, any channels."""
    return _quad(node, x) if node.type.bits == 8 else None


def quad_sums(node: QConv2dAdd, x: QNode) -> Packed | None:
    """Where outputs have 8 bits and a residual joins them, pairs of channels in each group: as products of 64 bits, in
    which everything that an output is made of has to fit, y's zero point included."""
    by = node.weights.requant
    product = (node.accumulator_peak(x.type) << by.shift) * int(by.multiplier.max())
    fits = product + INT32_MAX * node.residual_multiplier + (1 << 41) < 1 << 63
    paired = node.shape[-1] // node.groups % 2 == 0
    return quad_bytes(node, x) if fits and paired and node.residual_shift <= MOST_SHIFT else None


def _quad(node: Weighted, x: QNode) -> Packed | None:
    """With as little scratch as it can do with; s4 inputs run as x + 8, which the bias makes up for."""
    in_place, decoded = quad_in_place(node, x), quad_decoded(node, x)
    if decoded is None:
        return in_place
    return replace(in_place or decoded, roomier=partial(_roomier, node, x, in_place, decoded))


def _roomier(node: Weighted, x: QNode, in_place: Packed | None, decoded: Packed, free: int, most: int) -> Packed:
    """Decodes all channels of a group at a time where that takes at most `most` bytes, else as many as are free, and
    at all only where it pays."""
    outputs, pixels = node.shape[-1] // group_count(node), prod(node.shape[:-1])
    four = 4 * (-(-node.weights.codes.shape[1] // 8) * 8)  # bytes for the lanes of four channels
    assert decoded.scratch_bytes is not None
    fours = min(-(-outputs // 4), 255)
    if decoded.scratch_bytes + (fours - 1) * four > most:
        fours = max(min(fours, 1 + (free - decoded.scratch_bytes) // four), 1)
    gatherings = -(-outputs // (4 * fours))
    cost = DECODED + DECODING / pixels + (gatherings - 1) * GATHERING / outputs
    if in_place is not None and cost >= IN_PLACE + SUMMING / outputs:
        return in_place
    packed = quad_decoded(node, x, fours)
    assert packed is not None
    return packed


def quad_in_place(node: Weighted, x: QNode) -> Packed | None:
    """fixp4: lanes u_a + 4096 * w_b, u_a = w_a + 8, as nibbles. For each four channels [K/4][2] words, for a last one
    or two [K/4]; K is rounded up to a multiple of 8."""
    if not node.weights.codebook.is_twos_complement:
        return None
    _, low, high = _channels(node, x, node.weights.levels)
    bias = shifted_bias(node, x)
    if bias is None or _largest(high).max(initial=0) >= HIGH_LIMIT:
        return None
    blocks = blocks_within(low, LOW_MIN, LOW_MAX)
    scratch = patch_bytes(node, x, copies=True) + BLOCK_BYTES * (len(blocks) - 1)
    return Packed(_in_nibbles(node, low, high), bias, blocks=blocks, scratch_bytes=scratch)


def dense_lanes(node: Weighted, x: QNode) -> Packed | None:
    """A dense layer of fixp4 with many outputs: words as in `quad_in_place`; x is read less 8, so that |S_a| is at most
    8 * sum |w_a| of a block. `bias` makes up for it where x is u4."""
    whole = x.elements % 8 == 0 and node.elements % 4 == 0 and node.elements >= FEWEST_OUTPUTS
    if not node.weights.codebook.is_twos_complement or not whole:
        return None
    _, low, high = _channels(node, x, node.weights.levels)
    bias = node.weights.bias.astype(np.int64) + (8 * node.reduction.sum(axis=1) if x.type.dtype == "u4" else 0)
    if np.any(np.abs(bias) >= 1 << 31) or 8 * np.abs(high).sum(axis=1).max() >= HIGH_LIMIT:
        return None
    blocks = cut(low, lambda part: bool(8 * np.abs(part).sum(axis=1).max() <= LOW_MAX))
    scratch = BLOCK_BYTES * (len(blocks) - 1) + 2 * x.elements
    return Packed(_in_nibbles(node, low, high), bias.astype(np.int32), blocks=blocks, scratch_bytes=scratch)


def _in_nibbles(node: Weighted, low: Int, high: Int) -> NDArray[np.uint32]:
    """Words of `quad_in_place`; low and high (pairs, K)."""
    low, high = (low + 8).reshape(len(low), -1, 4), high.reshape(len(high), -1, 4) & 15
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
    return _side_by_side(np.stack(nibbles, axis=2), group_count(node))


def blocks_within(low: Int, least: int, most: int) -> NDArray[np.uint8]:
    """Blocks in which each row's sum with any activations 0..15 stays between least and most; low (O, K)."""

    def fits(part: Int) -> bool:
        top, bottom = np.maximum(part, 0).sum(axis=1).max(), np.minimum(part, 0).sum(axis=1).min()
        return bool(15 * top <= most and 15 * bottom >= least)

    return cut(low, fits)


def quad_decoded(node: Weighted, x: QNode, fours: int = 1) -> Packed | None:
    """Any codebook: the kernel makes lanes w_a + base * w_b of as many channels as its scratch holds, then meets all
    pixels with them. Words as in `quad_in_place`, byte i the codes of a (low nibble) and b of weight i. Before the
    blocks: how many times four channels are decoded together, and the base as two bytes.

    The base is the largest for which all lanes have 16 bits. T = S_a + base * S_b of a block parts into S_b = T *
    reciprocal / 2^32, rounded, and S_a while |S_a| + |T| * error / 2^32 < base / 2."""
    padded, low, high = _channels(node, x, node.weights.levels)
    bias = shifted_bias(node, x)
    base = base_of(low, high)
    reciprocal = ((1 << 32) - 1) // base
    error = (1 << 32) - base * reciprocal

    def fits(part: Int) -> bool:
        a, b = _largest(part[: len(low)]), _largest(part[len(low) :])
        t = a + base * b
        return bool(np.all(t < 1 << 31) and np.all(2 * ((a << 32) + t * error) < base << 32))

    both = np.concatenate([low, high])
    if bias is None or not all(fits(both[:, i : i + 8]) for i in range(0, padded, 8)):
        return None
    blocks = cut(both, fits)
    outputs = -(-node.shape[-1] // group_count(node) // 2) * 2
    _, low, high = _channels(node, x, node.weights.codes.astype(np.int64))
    codes = _side_by_side(np.stack([low, high], axis=2).reshape(len(low), -1, 8), group_count(node))
    head = np.array([fours, base & 255, base >> 8], np.uint8)
    scratch = patch_bytes(node, x, copies=True) + BLOCK_BYTES * (len(blocks) - 1) + min(4 * fours, outputs) * padded
    return Packed(codes, bias, "levels", np.concatenate([head, blocks]), scratch)


def _channels(node: Weighted, x: QNode, values: Int) -> tuple[int, Int, Int]:
    """K, and the low and the high channels' values (pairs, K) as they are gathered; an odd last one of a group has a
    neighbour of zeros."""
    w = reduction_in_order(values, gather_order(node, x, copies=True))
    parts = [np.pad(part, ((0, len(part) % 2), (0, 0))) for part in np.split(w, group_count(node))]
    return w.shape[1], np.concatenate([part[0::2] for part in parts]), np.concatenate([part[1::2] for part in parts])


def _largest(w: Int) -> Int:
    """(O,) the largest |sum x * w| for any x of 0..15; w (O, K)."""
    return np.asarray(15 * np.maximum(np.maximum(w, 0).sum(axis=1), np.maximum(-w, 0).sum(axis=1)))


def base_of(low: Int, high: Int) -> int:
    """The largest b, up to BASE_LIMIT, for which all low + b * high are in -32768..32767."""
    room = np.where(high > 0, 32767 - low, 32768 + low)
    return int((room // np.maximum(np.abs(high), 1)).min(initial=BASE_LIMIT, where=high != 0))


def _side_by_side(nibbles: Int, groups: int) -> NDArray[np.uint32]:
    """Nibbles (pairs, K/4, 8) to words, two pairs of a group side by side."""
    words = (nibbles << 4 * np.arange(8)).sum(axis=2).astype(np.uint32)  # (pairs, K/4)
    flat = []
    for part in np.split(words, groups):
        paired = len(part) // 2 * 2
        flat += [part[:paired].reshape(-1, 2, part.shape[1]).transpose(0, 2, 1).ravel(), part[paired:].ravel()]
    return np.concatenate(flat)
