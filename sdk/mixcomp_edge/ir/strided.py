"""Operators that copy elements of one value to places of another: each axis of y walks over x in equal steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view
from mixcomp_edge.ir.bounds import MAX_RANK
from mixcomp_edge.ir.c_view import Call, Fields
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import QNode

TOGETHER = 8  # bytes that are worth a loop of their own


@dataclass(frozen=True)
class Loop:
    """`size` steps, each so many elements further in x and in y."""

    size: int
    x_step: int
    y_step: int


def steps(shape: Shape) -> tuple[int, ...]:
    """Elements from one index of each axis to the next, in row-major order."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def copy(node: QNode, start: int, x_steps: tuple[int, ...]) -> tuple[Call, ...]:
    """The call that makes y of elements of x: start is y's first one, x_steps leads along each axis of y.

    Axes that walk on where the one inside them ends are one loop. Bytes go in the order of y where many stay together,
    else the longest loop inside, so that it costs little to enter; half bytes in the order of y, or two at a time as
    bytes where they stay together. Elements of 16 bits are two bytes that stay together."""
    loops = _joined(node.shape, x_steps)
    type_ = c_view.type_of(node.type)
    if node.type.bits == 16:
        wide = [Loop(loop.size, 2 * loop.x_step, 2 * loop.y_step) for loop in loops]
        loops, start, type_ = _joined_loops([*wide, Loop(2, 1, 1)]), 2 * start, f"MCE_{node.type.dtype[0].upper()}8"
    if node.type.bits == 4 and (halved := _halved(loops, start)) is not None:
        loops, start, type_ = halved, start // 2, f"MCE_{node.type.dtype[0].upper()}8"
    if type_.endswith("8") and not (loops[-1].x_step == 1 and loops[-1].size >= TOGETHER):
        loops.append(loops.pop(max(range(len(loops)), key=lambda i: (loops[i].size, i))))
    loops = [Loop(1, 0, 0)] * (MAX_RANK - len(loops)) + loops
    lines: tuple[Fields, ...] = (
        {"type": type_, "start": start, "size": tuple(loop.size for loop in loops)},
        {"x_step": tuple(loop.x_step for loop in loops), "y_step": tuple(loop.y_step for loop in loops)},
    )
    return (Call("mce_strided", lines, node.inputs),)


def check_wide(node: QNode) -> None:
    """GraphError for elements of 16 bits that may need more loops than C has."""
    if node.type.bits == 16 and len(node.shape) == MAX_RANK:
        raise GraphError(
            f"{node.name}: {node.op} moves {node.type.dtype} of up to {MAX_RANK - 1} axes, not {node.shape}."
        )


def _joined(shape: Shape, x_steps: tuple[int, ...]) -> list[Loop]:
    """The loops in the order of y, the outermost first; one at least."""
    axes = zip(shape, x_steps, steps(shape), strict=True)
    return _joined_loops([Loop(*axis) for axis in axes if axis[0] > 1]) or [Loop(1, 0, 1)]


def _joined_loops(loops: list[Loop]) -> list[Loop]:
    joined: list[Loop] = []
    for loop in loops:
        if joined and joined[-1].x_step == loop.size * loop.x_step:
            joined[-1] = replace(loop, size=joined[-1].size * loop.size)
        else:
            joined.append(loop)
    return joined


def _halved(loops: list[Loop], start: int) -> list[Loop] | None:
    """The loops over pairs of elements; None where a pair of y is none of x."""
    *outer, last = loops
    if last.x_step != 1 or (last.size | start) % 2 or any(loop.x_step % 2 for loop in outer):
        return None
    halves = [Loop(loop.size, loop.x_step // 2, loop.y_step // 2) for loop in outer]
    return [*halves, Loop(last.size // 2, 1, 1)]
