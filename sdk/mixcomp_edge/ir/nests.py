"""Operators that run over some axes of a shape, for each place along the others: their loops.

Axes side by side that are both of one kind are one loop, so that four axes leave at most two of each kind."""

from __future__ import annotations

from math import prod

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir.c_view import CValue
from mixcomp_edge.ir.graph import Node, Shape

MAX_LOOPS = 2  # of a kind, what C has room for

Loop = tuple[int, int]  # how often, and how many elements further each time


def check_axes(node: Node, axes: tuple[int, ...], shape: Shape) -> None:
    """GraphError unless the axes are some of the shape's, in order."""
    if not axes or list(axes) != sorted(set(axes)) or not 0 <= axes[0] <= axes[-1] < len(shape):
        raise GraphError(f"{node.name}: axes {axes} must be some of those of shape {shape}, in order.")


def without(shape: Shape, axes: tuple[int, ...]) -> Shape:
    """The shape with the length 1 along the axes."""
    return tuple(1 if axis in axes else size for axis, size in enumerate(shape))


def along(shape: Shape, axes: tuple[int, ...]) -> int:
    """How many elements lie along the axes."""
    return prod(shape[axis] for axis in axes)


def loops(shape: Shape, axes: tuple[int, ...]) -> tuple[list[Loop], list[Loop]]:
    """(those over all other axes, those along the axes) of a dense array, outermost first."""
    found: tuple[list[Loop], list[Loop]] = ([], [])
    last = None
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        mine, stride = found[axis in axes], prod(shape[axis + 1 :])
        if mine is last:
            mine[-1] = (mine[-1][0] * size, stride)
        else:
            mine.append((size, stride))
        last = mine
    return found


def nest(shape: Shape, axes: tuple[int, ...]) -> CValue:
    """An mce_nest over a dense array."""
    return tuple(loop for kind in loops(shape, axes) for loop in [*[(1, 0)] * (MAX_LOOPS - len(kind)), *kind])
