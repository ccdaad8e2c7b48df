"""Packings of transposed convolutions: a convolution for each phase, laid out as any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mixcomp_edge.ir.c_view import Array
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.operators.conv2d import QConv2d
from mixcomp_edge.operators.conv2d_transpose import QConv2dTranspose
from mixcomp_edge.plan.packing.packed import Packed

Packing = Callable[[QConv2d, QNode], Packed | None]


@dataclass(frozen=True, eq=False)
class Phases(Packed):
    """Scratch holds the outputs of the largest phase, and what its convolution needs."""

    parts: tuple[Packed, ...] = ()

    @property
    def arrays(self) -> tuple[Array, ...]:
        return tuple(
            replace(array, name=f"{array.name}_{i}") for i, part in enumerate(self.parts) for array in part.arrays
        )


def by_phases(node: QConv2dTranspose, x: QNode, packing: Packing) -> Phases | None:
    """None where the packing cannot serve one of them."""
    parts, scratch = [], 0
    for _, _, conv in node.phases(x.type):
        packed = packing(conv, x)
        if packed is None:
            return None
        parts.append(replace(packed, roomier=None))
        scratch = max(scratch, -(-conv.nbytes // 4) * 4 + (packed.scratch_bytes or 0))
    return Phases(table=parts[0].table, scratch_bytes=scratch, parts=tuple(parts))
