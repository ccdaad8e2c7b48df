"""Where each buffer lies. First fit in several orders, the best kept; a lower bound tells how good it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.plan.lifetimes import Buffer, lifetimes

ALIGNMENT = 4  # bytes
TRIALS = 200  # random orders tried when the plain ones miss the lower bound
MOST_WORK = 2_000_000  # pairs of buffers compared in those trials


@dataclass(frozen=True)
class Arena:
    """Offsets of every value and scratch in one block of memory. `total_bytes` is the block's size; `lower_bound_bytes`
    is what any plan needs at least: the most that is alive at one step. What is kept for the next run lies behind the
    block, `kept_bytes` of it, what goes in where its new value comes out."""

    total_bytes: int
    lower_bound_bytes: int
    offsets: dict[str, int]  # value -> byte offset
    scratch: dict[str, int]  # node -> byte offset of its scratch
    buffers: tuple[tuple[Buffer, int], ...]
    kept_bytes: int = 0


def plan_arena(graph: Graph, scratch_bytes: dict[str, int], in_place: frozenset[str] | None = None) -> Arena:
    """Places the input, the output, all values between and each kernel's scratch (`scratch_bytes`, by node).

    in_place: the nodes whose kernels may write over an input; None: all whose operator allows it."""
    ends = {kept.input: kept.input for kept in graph.kept}
    ends |= {graph.outputs[kept.output]: kept.input for kept in graph.kept}
    every = lifetimes(graph, scratch_bytes, in_place)
    apart = {buffer.name: ends[value] for buffer in every for value in buffer.values if value in ends}
    buffers = [buffer for buffer in every if buffer.name not in apart]
    bound = max(
        sum(_aligned(b.nbytes) for b in buffers if b.first <= step <= b.last) for step in range(len(graph.nodes))
    )
    placed = _place(buffers, bound)
    offsets = {value: offset for buffer, offset in placed for value in buffer.values}
    scratch = {b.name.removesuffix(" scratch"): offset for b, offset in placed if not b.values}
    total = _height(placed)
    at, kept = {}, total
    for buffer in every:
        if apart.get(buffer.name) == buffer.name:
            at[buffer.name] = kept
            kept += _aligned(buffer.nbytes)
    behind = [(buffer, at[apart[buffer.name]]) for buffer in every if buffer.name in apart]
    offsets |= {value: offset for buffer, offset in behind for value in buffer.values}
    return Arena(total, bound, offsets, scratch, (*placed, *behind), kept - total)


Placement = list[tuple[Buffer, int]]


def _place(buffers: list[Buffer], bound: int) -> Placement:
    """The lowest placement in the usual orders and, unless one of those meets the bound, in seeded random ones."""
    orders: list[Callable[[Buffer], tuple[int, ...]]] = [
        lambda b: (-b.nbytes, b.first),
        lambda b: (-(b.last - b.first), -b.nbytes),
        lambda b: (b.first, -b.nbytes),
        lambda b: (-b.nbytes * (b.last - b.first + 1), b.first),
    ]
    best = min((_first_fit(sorted(buffers, key=order)) for order in orders), key=_height)
    rng = np.random.default_rng(0)
    for _ in range(min(TRIALS, MOST_WORK // len(buffers) ** 2)):
        if _height(best) == bound:
            break
        trial = _first_fit([buffers[i] for i in rng.permutation(len(buffers))])
        best = min(best, trial, key=_height)
    return best


def _first_fit(order: list[Buffer]) -> Placement:
    """Each buffer at the lowest offset at which it meets no buffer alive at the same time."""
    placed: Placement = []
    for buffer in order:
        offset = 0
        for other, start in sorted(((o, s) for o, s in placed if o.overlaps(buffer)), key=lambda pair: pair[1]):
            if offset + buffer.nbytes <= start:
                break
            offset = max(offset, _aligned(start + other.nbytes))
        placed.append((buffer, offset))
    return placed


def _height(placed: Placement) -> int:
    return max((_aligned(offset + buffer.nbytes) for buffer, offset in placed), default=0)


def _aligned(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
