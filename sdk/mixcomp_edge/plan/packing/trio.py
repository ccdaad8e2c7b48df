"""Packing of internal/conv2d_trio_dsp.h: bytes with fixp4 weights, two channels at three pixels."""

from __future__ import annotations

import numpy as np

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.operators.conv2d import QConv2d
from mixcomp_edge.plan.packing.packed import Packed, reduction_in_order

SUM_LIMIT = 1 << 19  # of an accumulator without its bias: it has 20 bits above those that its weights leave free


def trio(node: QConv2d, x: QNode) -> Packed | None:
    """For each two channels [n/4] words: nibbles 0 and 4 the first one's weights 0 and 1, 1 and 5 the second's, 2 and 6
    the first one's weights 2 and 3, 3 and 7 the second's. None where a sum leaves 20 bits."""
    weights = node.weights
    plain = node.groups == 1 and node.window.dilation[1] == 1 and node.shape[-1] % 2 == 0
    if not plain or not weights.codebook.is_twos_complement or _largest(node, x) >= SUM_LIMIT:
        return None
    rows = node.window.kernel[0]
    order = row_order(rows, weights.codes.shape[1] // rows)
    nibbles = reduction_in_order(weights.levels, order) & 15
    places = nibbles.reshape(len(nibbles) // 2, 2, -1, 2, 2).transpose(0, 2, 4, 3, 1)  # (O/2, n/4, of a pair, pair, O)
    words = (places.reshape(-1, 8) << 4 * np.arange(8)).sum(axis=1).astype(np.uint32)
    in_bytes = len(order) if x.shape[-1] % 4 else 0
    return Packed(words, weights.bias, scratch_bytes=6 * len(order) + in_bytes)


def row_order(rows: int, run: int) -> np.ndarray:
    """(n,) for each place of a patch the index of its element in the reduction of `rows` rows, -1 for a zero: bytes
    0 2 1 3 of each four of a row, then what is left of the rows, n a multiple of 4."""
    whole = run // 4 * 4
    elements = np.arange(rows * run).reshape(rows, run)
    words = elements[:, :whole].reshape(-1, 4)[:, [0, 2, 1, 3]].ravel()
    rest = elements[:, whole:].ravel()
    return np.concatenate([words, np.pad(rest, (0, -len(rest) % 4), constant_values=-1)])


def _largest(node: Weighted, x: QNode) -> int:
    """The largest |sum| of products, over all channels and inputs."""
    levels = node.weights.levels.astype(np.int64)
    down, up = np.minimum(levels, 0).sum(axis=1), np.maximum(levels, 0).sum(axis=1)
    ends = x.type.high * up + x.type.low * down, x.type.high * down + x.type.low * up
    return int(np.abs(ends).max())
