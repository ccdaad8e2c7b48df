"""Packings of kernels/mve, whose weights are signed bytes by the time they are multiplied, sixteen at once."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.operators.avgpool2d import QAvgPool2d
from mixcomp_edge.operators.conv2d import QConv2d
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.plan.packing.packed import Int, Packed, group_count

PIXELS = 3  # patches that are summed together
SLACK = 32  # bytes behind a copy of activations
STEPS = 7  # rows of y that windows go down until their bytes move back
LANES = [0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15]  # channels in the order of mce_mve_slice
SLICE_BYTES = 4 * 16 + 16 * 10  # its multipliers and weights in scratch
OFFSET = {"u4": 0, "s4": 8, "u8": -128, "s8": 0}  # what is added to x so that it is a signed byte


def channel_pairs(node: Weighted, x: QNode) -> Packed | None:
    """fixp4 weights: a byte holds those of two output channels, the first one's in its lower nibble; for each two
    channels [K] bytes, the window's columns one after the other, K rounded up to a multiple of 16. Groups with an odd
    number of channels end in an empty one.

    Sums and biases are 16 times their value, which has to fit in 32 bits."""
    return _with_patches(node, x, "", 16) if _fits_16_times(node, x) else None


def channel_pairs_table(node: Weighted, x: QNode) -> Packed | None:
    """As `channel_pairs`, for any codebook whose levels are bytes."""
    return _with_patches(node, x, "levels", 1) if node.weights.codebook.fits_int8 else None


def channel_fours(node: Weighted, x: QNode) -> Packed | None:
    """As `channel_pairs`, for dense layers: empty channels fill up a multiple of four."""
    return _with_copy(_paired(node, node.weights.codes, x, 4, "", 16), x) if _fits_16_times(node, x) else None


def channel_fours_table(node: Weighted, x: QNode) -> Packed | None:
    """As `channel_fours`, for any codebook whose levels are bytes."""
    return (
        _with_copy(_paired(node, node.weights.codes, x, 4, "levels", 1), x) if node.weights.codebook.fits_int8 else None
    )


def _fits_16_times(node: Weighted, x: QNode) -> bool:
    weights = node.weights
    peak = max(x.type.high, -x.type.low)
    sums = np.abs(weights.bias.astype(np.int64)) + np.abs(node.reduction).sum(axis=1) * peak
    return weights.codebook.is_twos_complement and 16 * int(sums.max()) < 1 << 31


def _paired(node: Weighted, rows: NDArray[np.uint8], x: QNode, together: int, table: str, scale: int) -> Packed:
    """rows (O, K): the codes in the order in which x is met."""
    groups = group_count(node)
    codes = _filled(rows.astype(np.int64), groups, together)
    codes = np.pad(codes, ((0, 0), (0, -codes.shape[1] % 16)))
    bias = _filled(moved_bias(node, x)[:, None], groups, together)[:, 0]
    return Packed((codes[0::2] | codes[1::2] << 4).astype(np.uint8).ravel(), wrapped(scale * bias), table)


def _filled(rows: Int, groups: int, together: int) -> Int:
    """rows (O, K) with a multiple of `together` of them in each group."""
    parts = np.split(rows, groups)
    return np.concatenate([np.pad(part, ((0, -len(part) % together), (0, 0))) for part in parts])


def _with_copy(packed: Packed, x: QNode) -> Packed:
    """x as bytes in scratch; 8-bit ones that fill vectors are read where they are."""
    copied = x.type.bits == 4 or x.elements % 16
    return replace(packed, scratch_bytes=-(-x.elements // 16) * 16 + SLACK if copied else 0)


def _with_patches(node: Weighted, x: QNode, table: str, scale: int) -> Packed:
    """Accumulators and patches; unless patches are x itself, what parts them, the strip of x under a row of windows,
    padding included, one byte an element, and one row on its way there."""
    assert isinstance(node, QConv2d)
    window, outputs = node.window, node.weights.codes.shape[0]
    codes = node.weights.codes.reshape(outputs, *window.kernel, -1).swapaxes(1, 2).reshape(outputs, -1)
    packed = _paired(node, codes, x, 2, table, scale)
    length, step = -(-codes.shape[1] // 16) * 16, packed.bias.size // node.groups
    scratch = PIXELS * (4 * step + length) + SLACK
    plain = (window.kernel, window.stride, window.padding[:2], node.groups) == ((1, 1), (1, 1), (0, 0), 1)
    if not plain or node.shape[:-1] != x.shape[:-1]:
        rows, columns = ((k - 1) * d + 1 for k, d in zip(window.kernel, window.dilation, strict=True))
        columns += (node.shape[-2] - 1) * window.stride[1]
        spare = min((1, *node.shape)[-3] - 1, STEPS) * window.stride[0] if window.stride[0] < rows else 0
        strip = (columns * rows + spare) * x.shape[-1] + SLACK
        row = columns * x.shape[-1] + SLACK if rows > 1 else 0
        scratch += 16 * PIXELS + strip + row
    return replace(packed, scratch_bytes=scratch)


def channels16(node: QNode, x: QNode) -> Packed | None:
    """For a pooling of sixteen channels at a time with sums of 16 bits."""
    assert isinstance(node, QAvgPool2d)
    fits = prod(node.window.kernel) * ((1 << x.type.bits) - 1) < 1 << 16
    return Packed() if fits and x.shape[-1] % 16 == 0 else None


def slices3x3(node: Weighted, x: QNode) -> Packed | None:
    """Depthwise 3x3 without dilation, an output a channel, channels in eights, levels that are bytes: for each 16
    channels [9 taps][8] bytes, two codes a byte; eight that are left are there twice. Biases in the order LANES.

    Sums of products, without the bias, fit in 16 bits; see internal/dwconv2d_mve.h."""
    assert isinstance(node, QDwConv2d)
    window, channels = node.window, x.shape[-1]
    peak = 15 if x.type.bits == 4 else 128
    if (
        (window.kernel, window.dilation) != ((3, 3), (1, 1))
        or node.shape[-1] != channels
        or channels % 8
        or not node.weights.codebook.fits_int8
        or peak * int(np.abs(node.weights.levels).sum(axis=0).max()) >= 1 << 15
    ):
        return None
    lane = np.arange(-(-channels // 16) * 16)
    lane = np.where(lane < channels, lane, lane - 8)
    codes = node.weights.codes[:, lane].reshape(9, -1, 8, 2).transpose(1, 0, 2, 3)  # slice, tap, byte, nibble
    bias = moved_bias(node, x)[lane].reshape(-1, 16)[:, LANES].ravel()
    pitch = 8 if channels == 8 else 16
    row = ((node.shape[-2] - 1) * window.stride[1] + 3) * pitch + SLACK
    return Packed(
        codes=(codes[..., 0] | codes[..., 1] << 4).astype(np.uint8).ravel(),
        bias=wrapped(bias),
        table="levels",
        scratch_bytes=SLICE_BYTES + 3 * row,
    )


def moved_bias(node: Weighted, x: QNode) -> Int:
    """The bias for kernels that add OFFSET to x."""
    return node.weights.bias.astype(np.int64) - OFFSET[x.type.dtype] * node.reduction.sum(axis=1)


def wrapped(values: Int) -> NDArray[np.int32]:
    """Modulo 2**32: the products that belong to a bias bring its sum back into range."""
    return (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
