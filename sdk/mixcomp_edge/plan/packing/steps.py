"""Packings of recurrent layers: the dense layer of a step, laid out as any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.operators.dense import QDense
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.recurrent import QRecurrent
from mixcomp_edge.plan.packing.packed import Packed

Packing = Callable[[QDense, QNode], Packed | None]


def by_steps(node: QRecurrent, x: QNode, packing: Packing) -> Packed | None:
    """Scratch, each part from a multiple of four bytes on: the gates in halfwords, the state as it is multiplied, a
    state in halfwords, and what the dense layer needs."""
    size, product = node.product_shape[1], node.product
    state = QInput(name="state", inputs=(), shape=(size,), type=product.type)
    packed = packing(product, state)
    if packed is None:
        return None
    own = sum(-(-count // 4) * 4 for count in (2 * node.gates * size, state.nbytes, 2 * size))
    return replace(packed, roomier=None, scratch_bytes=own + (packed.scratch_bytes or 0))
