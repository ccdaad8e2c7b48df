"""Packings of the kernels in plain C, which take any codebook."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.numerics.packing import pack_rows
from mixcomp_edge.operators.avgpool2d import QAvgPool2d
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.plan.packing.packed import Packed


def rows(node: Weighted, x: QNode) -> Packed | None:
    """SPEC.md 2: rows of codes, two to a byte."""
    return Packed(pack_rows(node.weights.codes).ravel(), node.weights.bias, table="levels")


def rows_gathered(node: Weighted, x: QNode) -> Packed | None:
    """As `rows`, for kernels that copy the patch under the kernel into halfwords first."""
    packed = rows(node, x)
    assert packed is not None
    return Packed(packed.codes, packed.bias, table="levels", scratch_bytes=2 * node.weights.codes.shape[1])


def rows3x3(node: Weighted, x: QNode) -> Packed | None:
    """As `rows`, for depthwise 3x3 without dilation, row stride 1 or 2, an output a channel, channels in pairs: two
    rows share a multiplication, so the sum of either must fit in 16 bits; see internal/dwconv2d_3x3.h."""
    assert isinstance(node, QDwConv2d)
    window, channels = node.window, x.shape[-1]
    plain = window.kernel == (3, 3) and window.dilation == (1, 1) and window.stride[0] in (1, 2)
    peak = max(x.type.high, -x.type.low)
    if (
        not plain
        or node.shape[-1] != channels
        or channels % 2
        or not np.all(np.abs(node.weights.levels).sum(axis=0) * peak < 1 << 15)
    ):
        return None
    packed = rows(node, x)
    assert packed is not None
    width = (node.shape[-2] - 1) * window.stride[1] + 3
    return replace(packed, scratch_bytes=4 * 6 * width)


def words(node: QNode, x: QNode) -> Packed | None:
    """For a pooling that reads words: whole ones of each pixel, aligned, and sums of 16 bits."""
    assert isinstance(node, QAvgPool2d)
    fits = prod(node.window.kernel) * ((1 << x.type.bits) - 1) < 1 << 16
    aligned = x.shape[-1] % (32 // x.type.bits) == 0 and bool(x.inputs)
    return Packed() if fits and aligned else None


def strips(node: QNode, x: QNode) -> Packed:
    """For kernels that take two values strip by strip: room for 128 codes of each."""
    return Packed(scratch_bytes=256)
