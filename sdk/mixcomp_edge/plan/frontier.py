"""Kernels for all layers, where speed and flash pull apart: the choices that no other beats in both.

Layers share a kernel's code, so flash is decided over sets of kernels. Exact, and exponential in the kernels that the
layers of one kind may share, which are few."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from mixcomp_edge.plan.kernels import Candidates, Choices

TABLE_BYTES = {"": 0, "levels": 32, "pairs": 1024}  # what a packing's codebook takes in flash
Costs = Mapping[str, Mapping[str, float]]  # layer -> kernel -> what it costs to run it there


@dataclass(frozen=True, eq=False)
class Point:
    """Choices for some layers, and what they take together: bytes of flash, instructions or an estimate of them."""

    flash: int
    cost: float
    choices: Choices


def flash_bytes(choices: Choices, code: Mapping[str, int]) -> int:
    """Flash of code, codebooks and packed weights, each shared part once. code: kernel -> bytes."""
    kernels = {kernel.name for kernel, _ in choices.values()}
    tables = {(kernel.name, packed.table, packed.book) for kernel, packed in choices.values()}
    return (
        sum(code[name] for name in kernels)
        + sum(TABLE_BYTES[table] for _, table, _ in tables)
        + sum(packed.nbytes for _, packed in choices.values())
    )


def frontier(found: Candidates, code: Mapping[str, int], costs: Costs) -> list[Point]:
    """The smallest choice first, the fastest last. Without costs the smallest alone."""
    points = [Point(0, 0.0, {})]
    for group in _groups(found):
        names = list(dict.fromkeys(kernel.name for layer in group for kernel, _ in found[layer]))
        sets = (allowed for size in range(1, len(names) + 1) for allowed in combinations(names, size))
        of_group = _unbeaten(point for allowed in sets for point in _points(group, found, code, costs, allowed))
        points = _unbeaten(
            Point(a.flash + b.flash, a.cost + b.cost, a.choices | b.choices) for a in points for b in of_group
        )
    return points


def _points(
    group: list[str], found: Candidates, code: Mapping[str, int], costs: Costs, allowed: tuple[str, ...]
) -> Iterable[Point]:
    """Of each layer the fastest allowed kernel, and the one that packs its weights smallest."""
    options = {layer: [option for option in found[layer] if option[0].name in allowed] for layer in group}
    if not all(options.values()):
        return
    for by_speed in (True, False) if costs else (False,):
        choices, cost = {}, 0.0
        for layer, those in options.items():
            prices = [(costs[layer][kernel.name] if costs else 0.0, packed.nbytes) for kernel, packed in those]
            ranks = [price if by_speed else price[::-1] for price in prices]
            best = ranks.index(min(ranks))
            choices[layer], cost = those[best], cost + prices[best][0]
        yield Point(flash_bytes(choices, code), cost, choices)


def _unbeaten(points: Iterable[Point]) -> list[Point]:
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (point.flash, point.cost)):
        if not kept or point.cost < kept[-1].cost:
            kept.append(point)
    return kept


def _groups(found: Candidates) -> Iterable[list[str]]:
    """Layers whose candidates have a kernel in common, directly or by others."""
    groups: list[tuple[set[str], list[str]]] = []
    for layer, options in found.items():
        names, layers = {kernel.name for kernel, _ in options}, [layer]
        for other in [group for group in groups if group[0] & names]:
            groups.remove(other)
            names, layers = names | other[0], other[1] + layers
        groups.append((names, layers))
    return [layers for _, layers in groups]
