"""What every packing is made of: its result, the order in which a kernel meets a reduction, and blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir.c_view import Array
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.operators.conv2d import QConv2d
from mixcomp_edge.operators.dense import QDense

Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Packed:
    """What a kernel reads of a layer: codes, a flat array of bytes or little-endian words; bias (O,); `table`, what it
    reads of the codebook: "levels" (16 of them), "pairs" (256 pairs) or nothing; `blocks` of mce_conv2d, with their 0;
    bytes of scratch in RAM, None where the kernel takes no such argument.

    reads_words: x has to begin at a multiple of four bytes, as all does in the arena; the caller's input need not.
    roomier: where more scratch is faster, what the kernel reads if it gets more: told the bytes that are free anyway
    while the layer runs, and how many it may have if these hold all that it can use."""

    codes: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32] = field(
        default_factory=lambda: np.zeros(0, np.uint8)
    )
    bias: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    table: str = ""
    blocks: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    scratch_bytes: int | None = None
    reads_words: bool = False
    roomier: Callable[[int, int], Packed] | None = None
    book: str = ""  # of the table

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What of it lies in flash."""
        size = self.codes.itemsize
        form = f"0x{{:0{2 * size}x}}{'u' if size == 4 else ''}"
        arrays = (
            Array("codes", f"uint{8 * size}_t", self.codes, form),
            Array("bias", "int32_t", self.bias),
            Array("blocks", "uint8_t", self.blocks),
        )
        return tuple(array for array in arrays if array.values.size)

    @property
    def nbytes(self) -> int:
        """Their size."""
        return sum(array.values.nbytes for array in self.arrays)


def shifted_bias(node: Weighted, x: QNode) -> NDArray[np.int32] | None:
    """The bias for kernels that read s4 as x + 8; None if it leaves int32."""
    shift = 8 * node.reduction.sum(axis=1) if x.type.dtype == "s4" else 0
    bias = node.weights.bias.astype(np.int64) - shift
    return bias.astype(np.int32) if np.all(np.abs(bias) < 1 << 31) else None


def gather_order(node: Weighted, x: QNode, copies: bool = False) -> NDArray[np.intp]:
    """(K,) for each place of a gathered patch the index of its element in the reduction, -1 for a zero; K is a multiple
    of 8. internal/dsp_gather.h reads in this order. copies: whether the kernel copies 4-bit elements first."""
    length = node.weights.codes.shape[1]
    within = {4: (0, 4, 1, 5, 2, 6, 3, 7), 8: (0, 2, 1, 3)}[x.type.bits]
    order = np.pad(np.arange(length), (0, -length % 8), constant_values=-1)
    if x.type.bits == 8 or isinstance(node, QDense) or _depth(node, x) % 8 == 0 or (copies and fills_bytes(node, x)):
        order = order.reshape(-1, len(within))[:, list(within)].ravel()
    return order


def fills_bytes(node: Weighted, x: QNode) -> bool:
    """Whether the 4-bit channels of a group fill bytes, but not words."""
    return x.type.bits == 4 and _depth(node, x) % 2 == 0 and _depth(node, x) % 8 != 0


def patch_bytes(node: Weighted, x: QNode, copies: bool = False) -> int:
    """Scratch for two patches of halfwords, and for one that is copied."""
    padded = -(-node.weights.codes.shape[1] // 8) * 8
    if x.type.bits == 8 and _depth(node, x) % 4 != 0:
        return 5 * padded
    return 4 * padded + (padded // 2 if copies and fills_bytes(node, x) else 0)


def _depth(node: Weighted, x: QNode) -> int:
    """Channels of a group."""
    return x.shape[-1] // group_count(node)


def byte_order(length: int, depth: int, bits: int) -> NDArray[np.intp]:
    """As `gather_order`, for patches of bytes: 4-bit elements come as 0 2 4 6 1 3 5 7 of each eight where the channels
    fill words, all others as they are."""
    order = np.pad(np.arange(length), (0, -length % 8), constant_values=-1)
    if bits == 4 and depth % 8 == 0:
        order = order.reshape(-1, 8)[:, [0, 2, 4, 6, 1, 3, 5, 7]].ravel()
    return order


def copied_bytes(x: QNode) -> int:
    """Scratch for x of a dense layer where the kernel copies it: s4 becomes u4, and an incomplete group of eight is
    filled with zeros."""
    copied = x.type.dtype == "s4" or x.elements % 8
    return -(-x.elements // 8) * x.type.bits if copied else 0


def reduction_in_order(w: Int, order: NDArray[np.intp]) -> Int:
    """w (O, K) with its columns in that order, 0 where it has -1."""
    return np.where(order < 0, 0, w[:, order])


def cut(w: Int, fits: Callable[[Int], bool]) -> NDArray[np.uint8]:
    """Cuts the columns of w (O, K), K a multiple of 8, into the fewest stretches that fit, each a multiple of 8: their
    lengths in units of 8, at most 255, and a 0. Eight columns always fit."""
    lengths = []
    start, units = 0, w.shape[1] // 8
    while start < units:
        length = 1
        while start + length < units and length < 255 and fits(w[:, 8 * start : 8 * (start + length + 1)]):
            length += 1
        lengths.append(length)
        start += length
    return np.array([*lengths, 0], np.uint8)


def group_count(node: Weighted) -> int:
    """Groups of a convolution, whose channels never share words."""
    return node.groups if isinstance(node, QConv2d) else 1
