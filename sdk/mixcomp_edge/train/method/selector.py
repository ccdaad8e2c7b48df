"""Which layers become Posit: the set with the largest sum of scores that fits every budget, found exactly.

Partial sets grow layer by layer; one that another beats or equals in every respect is dropped, so that what is left at
the end holds the optimum (Nemhauser and Ullmann 1969). Layers are tens, so the list stays short."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from mixcomp_edge.errors import PlanError

TABLE_BYTES = 32  # of flash for each codebook that a model uses beside the first: 16 levels of 16 bits


@dataclass(frozen=True)
class Candidate:
    """A layer that might take `format`, and what that brings: `score`, the larger the better."""

    name: str
    parameters: int
    macs: int
    format: str
    score: float


@dataclass(frozen=True)
class Budget:
    """What all chosen layers together may use; None: no limit."""

    parameters: float
    macs: float | None = None
    table_bytes: float | None = None


@dataclass(frozen=True)
class _Partial:
    names: frozenset[str]
    formats: frozenset[str]
    parameters: int
    macs: int
    score: float

    def plus(self, layer: Candidate) -> _Partial:
        return _Partial(
            self.names | {layer.name}, self.formats | {layer.format}, self.parameters + layer.parameters,
            self.macs + layer.macs, self.score + layer.score,
        )  # fmt: skip

    def fits(self, budget: Budget) -> bool:
        return (
            self.parameters <= budget.parameters
            and (budget.macs is None or self.macs <= budget.macs)
            and (budget.table_bytes is None or TABLE_BYTES * len(self.formats) <= budget.table_bytes)
        )

    def beats(self, other: _Partial, budget: Budget) -> bool:
        """At least as good and nowhere more expensive, looking only at what is limited."""
        return (
            self.score >= other.score
            and self.parameters <= other.parameters
            and (budget.macs is None or self.macs <= other.macs)
            and (budget.table_bytes is None or self.formats <= other.formats)
        )


def select(candidates: list[Candidate], budget: Budget, forced: Set[str] = frozenset()) -> frozenset[str]:
    """Names of the chosen layers: the forced ones, and of the others with a score above 0 the best set that fits."""
    start = _Partial(frozenset(), frozenset(), 0, 0, 0.0)
    for layer in candidates:
        if layer.name in forced:
            start = start.plus(layer)
    if not start.fits(budget):
        raise PlanError(
            f"forced layers alone are beyond the budget: {start.parameters:,} parameters of "
            f"{int(budget.parameters):,}, {start.macs:,} MAC, formats {', '.join(sorted(start.formats))}."
        )
    front = [start]
    for layer in sorted(candidates, key=lambda c: -c.score):
        if layer.name in forced or layer.score <= 0.0:
            continue
        grown = [more for more in (partial.plus(layer) for partial in front) if more.fits(budget)]
        front = _undominated([*front, *grown], budget)
    return max(front, key=lambda partial: (partial.score, -partial.parameters)).names


def _undominated(partials: list[_Partial], budget: Budget) -> list[_Partial]:
    kept: list[_Partial] = []
    for partial in sorted(partials, key=lambda p: (-p.score, p.parameters, p.macs, len(p.formats))):
        if not any(other.beats(partial, budget) for other in kept):
            kept.append(partial)
    return kept
