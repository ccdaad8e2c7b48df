"""Packings of kernels/mve, whose weights are signed bytes by the time they are multiplied, sixteen at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir import qops
from mixcomp_edge.ir.qops import reduction
from mixcomp_edge.plan.packing.packed import Int, Packed, Weighted, group_count

PIXELS = 3  # patches that are summed together
SLACK = 32  # bytes behind a copy of activations
LANES = [0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15]  # channels in the order of mce_mve_slice
SLICE_BYTES = 4 * 16 + 16 * 10  # its multipliers and weights in scratch
OFFSET = {"u4": 0, "s4": 8, "u8": -128, "s8": 0}  # what is added to x so that it is a signed byte


def channel_pairs(node: Weighted, x: qops.QNode) -> Packed | None:
    """fixp4 weights: a byte holds those of two output channels, the first one's in its lower nibble; for each two
    channels [K] bytes, K rounded up to a multiple of 16. Groups with an odd number of channels end in an empty one.

    Sums and biases are 16 times their value, which has to fit in 32 bits."""
    weights = node.weights
    peak = max(x.type.high, -x.type.low)
    sums = np.abs(weights.bias.astype(np.int64)) + np.abs(reduction(node)).sum(axis=1) * peak
    fits = weights.codebook.is_twos_complement and 16 * int(sums.max()) < 1 << 31
    return _paired(node, x, "", 16) if fits else None


def channel_pairs_table(node: Weighted, x: qops.QNode) -> Packed | None:
    """As `channel_pairs`, for any codebook whose levels are bytes."""
    return _paired(node, x, "levels", 1) if _levels_are_bytes(node) else None


def slices3x3(node: Weighted, x: qops.QNode) -> Packed | None:
    """Depthwise 3x3 without dilation, an output a channel, channels in eights, levels that are bytes: for each 16
    channels [9 taps][8] bytes, two codes a byte; eight that are left are there twice. Biases in the order LANES.

    Sums of products, without the bias, fit in 16 bits; see internal/dwconv2d_mve.h."""
    assert isinstance(node, qops.DwConv2d)
    window, channels = node.window, x.shape[2]
    peak = 15 if x.type.bits == 4 else 128
    if (
        (window.kernel, window.dilation) != ((3, 3), (1, 1))
        or node.shape[2] != channels
        or channels % 8
        or not _levels_are_bytes(node)
        or peak * int(np.abs(node.weights.levels).sum(axis=0).max()) >= 1 << 15
    ):
        return None
    lane = np.arange(-(-channels // 16) * 16)
    lane = np.where(lane < channels, lane, lane - 8)
    codes = node.weights.codes[:, lane].reshape(9, -1, 8, 2).transpose(1, 0, 2, 3)  # slice, tap, byte, nibble
    bias = moved_bias(node, x)[lane].reshape(-1, 16)[:, LANES].ravel()
    pitch = 8 if channels == 8 else 16
    row = ((node.shape[1] - 1) * window.stride[1] + 3) * pitch + SLACK
    return Packed(
        codes=(codes[..., 0] | codes[..., 1] << 4).astype(np.uint8).ravel(),
        bias=wrapped(bias),
        table="levels",
        scratch_bytes=SLICE_BYTES + 3 * row,
    )


def _levels_are_bytes(node: Weighted) -> bool:
    return min(node.weights.codebook.levels) >= -128 and max(node.weights.codebook.levels) <= 127


def _paired(node: Weighted, x: qops.QNode, table: str, scale: int) -> Packed:
    groups = group_count(node)
    codes = _even(node.weights.codes.astype(np.int64), groups)
    codes = np.pad(codes, ((0, 0), (0, -codes.shape[1] % 16)))
    bias = _even(moved_bias(node, x)[:, None], groups)[:, 0]
    step, length = len(codes) // groups, codes.shape[1]
    return Packed(
        codes=(codes[0::2] | codes[1::2] << 4).astype(np.uint8).ravel(),
        bias=wrapped(scale * bias),
        table=table,
        scratch_bytes=PIXELS * (4 * step + length) + SLACK + _ring_bytes(node, x),
    )


def _ring_bytes(node: Weighted, x: qops.QNode) -> int:
    """The rows of x under a kernel, padding included, one byte an element, and what parts patches; nothing where
    patches are x itself."""
    assert isinstance(node, qops.Conv2d)
    window = node.window
    plain = (window.kernel, window.stride, window.padding[:2], node.groups) == ((1, 1), (1, 1), (0, 0), 1)
    if plain and node.shape[1] == x.shape[1]:
        return 0
    rows, columns = ((k - 1) * d + 1 for k, d in zip(window.kernel, window.dilation, strict=True))
    return 16 * PIXELS + rows * (((node.shape[1] - 1) * window.stride[1] + columns) * x.shape[2] + SLACK)


def _even(rows: Int, groups: int) -> Int:
    """rows (O, K) with an even number of them in each group."""
    parts = np.split(rows, groups)
    return np.concatenate([np.pad(part, ((0, len(part) % 2), (0, 0))) for part in parts])


def moved_bias(node: Weighted, x: qops.QNode) -> Int:
    """The bias for kernels that add OFFSET to x."""
    return node.weights.bias.astype(np.int64) - OFFSET[x.type.dtype] * reduction(node).sum(axis=1)


def wrapped(values: Int) -> NDArray[np.int32]:
    """Modulo 2**32: the products that belong to a bias bring its sum back into range."""
    return (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
