"""Weights in bytes, each the level itself: int8 layers, and int8 builds to put beside ours (`simulate --compare`).
Any codebook whose levels fit; no bound that weights of 8 bits in general would not keep."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.plan.packing.dsp import dw3x3, without_patches
from mixcomp_edge.plan.packing.packed import (
    Int,
    Packed,
    gather_order,
    group_count,
    patch_bytes,
    reduction_in_order,
    shifted_bias,
)
from mixcomp_edge.plan.packing.portable import rows3x3


def byte_rows(node: Weighted, x: QNode) -> Packed | None:
    """The rows of SPEC.md 2, a byte a weight."""
    return Packed(_bytes(node.weights.levels).ravel(), node.weights.bias) if node.weights.codebook.fits_int8 else None


def byte_rows_gathered(node: Weighted, x: QNode) -> Packed | None:
    """As `byte_rows`, for kernels that copy the patch under the kernel into halfwords first."""
    packed = byte_rows(node, x)
    return packed and replace(packed, scratch_bytes=2 * node.weights.codes.shape[1])


def byte_rows3x3(node: Weighted, x: QNode) -> Packed | None:
    """As `byte_rows`, where `rows3x3` serves 4-bit inputs."""
    fitting, packed = rows3x3(node, x), byte_rows(node, x)
    return fitting and packed and replace(packed, scratch_bytes=fitting.scratch_bytes)


def byte_pairs(node: Weighted, x: QNode) -> Packed | None:
    """For each two channels [K/4][2] words: of four weights in the order of a gathered patch the bytes 0 2 1 3. K is
    rounded up to a multiple of 8; a last odd channel has a neighbour of zeros."""
    if not node.weights.codebook.fits_int8:
        return None
    words = [_words(part, channels=2) for part in np.split(_in_lanes(node, x), group_count(node))]
    bias = shifted_bias(node, x)
    return None if bias is None else Packed(np.concatenate(words), bias, scratch_bytes=patch_bytes(node, x))


def byte_fours(node: Weighted, x: QNode) -> Packed | None:
    """Dense: for each four channels [K/4][4] words, in the order of `byte_pairs`, which for x of 8 bits is that of x;
    channels that are not there have zeros."""
    bias = shifted_bias(node, x)
    if not node.weights.codebook.fits_int8 or bias is None:
        return None
    return without_patches(Packed(_words(_in_lanes(node, x), channels=4), bias), x)


def byte_3x3(node: Weighted, x: QNode, row_stride: int) -> Packed | None:
    """Where `dw3x3` serves bytes of x: words [channels / 4][9 taps, column by column], a byte a channel."""
    packed = dw3x3(node, x, row_stride)
    if packed is None or not node.weights.codebook.fits_int8:
        return None
    levels = node.weights.levels.reshape(3, 3, -1, 4).transpose(2, 1, 0, 3)  # word, column, row, channel
    return replace(packed, codes=_bytes(levels).view(np.uint32).ravel(), table="")


def _in_lanes(node: Weighted, x: QNode) -> Int:
    """(O, K/4, 4): of each four weights in the order of a gathered patch 0 2 1 3, which SXTB16 makes 0 1 and 2 3 of."""
    levels = reduction_in_order(node.weights.levels, gather_order(node, x))
    return levels.reshape(len(levels), -1, 4)[..., [0, 2, 1, 3]]


def _bytes(levels: Int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(levels.astype(np.int8)).view(np.uint8)


def _words(levels: Int, channels: int) -> NDArray[np.uint32]:
    """levels (O, K/4, 4) of one group to words [O/channels][K/4][channels]."""
    padded = np.pad(levels, ((0, -len(levels) % channels), (0, 0), (0, 0)))
    tiles = padded.reshape(-1, channels, *levels.shape[1:]).transpose(0, 2, 1, 3)
    return _bytes(tiles).view("<u4").astype(np.uint32).ravel()
