"""Which layers leave FixP4, and for which format: the choice with the largest sum of scores that fits every budget,
found exactly.

Partial choices grow layer by layer; one that another beats or equals in every respect is dropped, so that what is left
at the end holds the optimum (Nemhauser and Ullmann 1969). Layers are tens, so the list stays short."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

from mixcomp_edge.errors import PlanError
from mixcomp_edge.numerics import LEARNED, members

TABLE_BYTES = 32  # of flash for each codebook that a model uses beside the first: 16 levels of 16 bits


@dataclass(frozen=True)
class Candidate:
    """A layer that might take `format`, and what that brings: `score`, the larger the better. Of several candidates of
    one layer at most one is chosen."""

    name: str
    parameters: int
    macs: int
    format: str
    score: float

    @property
    def table(self) -> str:
        """The codebook that it shares with others of its format; "" for none."""
        return "" if self.format == LEARNED or members(self.format)[0].bits == 8 else self.format

    @property
    def flash_bytes(self) -> int:
        """What it takes beyond FixP4 and a shared codebook."""
        own = TABLE_BYTES if self.format == LEARNED else 0
        return own + code_bytes(self.parameters, self.format) - code_bytes(self.parameters, "fixp4")


def code_bytes(parameters: int, weight_format: str) -> int:
    """Of so many weights' codes."""
    return (parameters * members(weight_format)[0].bits + 7) // 8


@dataclass(frozen=True)
class Budget:
    """What all chosen layers together may use; None: no limit. flash_bytes: beyond what they take in FixP4, codebooks
    included."""

    parameters: float | None
    macs: float | None = None
    table_bytes: float | None = None
    flash_bytes: float | None = None


@dataclass(frozen=True)
class _Partial:
    formats: dict[str, str]
    tables: frozenset[str]
    parameters: int
    macs: int
    flash_bytes: int
    score: float

    def plus(self, layer: Candidate) -> _Partial:
        return _Partial(
            {**self.formats, layer.name: layer.format}, self.tables | ({layer.table} - {""}),
            self.parameters + layer.parameters, self.macs + layer.macs, self.flash_bytes + layer.flash_bytes,
            self.score + layer.score,
        )  # fmt: skip

    def fits(self, budget: Budget) -> bool:
        tables = TABLE_BYTES * len(self.tables)
        used = (self.parameters, self.macs, tables, self.flash_bytes + tables)
        limits = (budget.parameters, budget.macs, budget.table_bytes, budget.flash_bytes)
        return all(limit is None or use <= limit for use, limit in zip(used, limits, strict=True))

    def uses(self, budget: Budget) -> tuple[int, ...]:
        """Of what is limited, tables aside."""
        used = (self.parameters, self.macs, self.flash_bytes)
        limits = (budget.parameters, budget.macs, budget.flash_bytes)
        return tuple(use for use, limit in zip(used, limits, strict=True) if limit is not None)


def select(candidates: list[Candidate], budget: Budget, forced: Set[str] = frozenset()) -> dict[str, str]:
    """The chosen layers, each with its format: the forced ones, and of the others with a score above 0 the best choice
    that fits."""
    layers: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if candidate.name in forced or candidate.score > 0.0:
            layers.setdefault(candidate.name, []).append(candidate)
    front = [_Partial({}, frozenset(), 0, 0, 0, 0.0)]
    for name in sorted(layers, key=lambda name: (name not in forced, -max(c.score for c in layers[name]))):
        grown = (partial.plus(layer) for partial in front for layer in layers[name])
        fitting = [partial for partial in grown if partial.fits(budget)]
        front = _undominated([*([] if name in forced else front), *fitting], budget)
        if not front:
            raise _beyond([layers[name] for name in forced if name in layers], budget)
    return max(front, key=lambda partial: (partial.score, -partial.parameters)).formats


def _beyond(forced: list[list[Candidate]], budget: Budget) -> PlanError:
    parameters, macs = (sum(getattr(layer[0], what) for layer in forced) for what in ("parameters", "macs"))
    least = sum(min(candidate.flash_bytes for candidate in layer) for layer in forced)
    takes = [f"{macs:,} MAC", f"formats {', '.join(sorted({each.format for layer in forced for each in layer}))}"]
    if budget.flash_bytes is not None:
        takes.insert(0, f"{least:,} B of flash beyond FixP4 of {int(budget.flash_bytes):,}")
    if budget.parameters is not None:
        takes.insert(0, f"{parameters:,} parameters of {int(budget.parameters):,}")
    return PlanError(f"forced layers alone are beyond the budget: {', '.join(takes)}.")


def _undominated(partials: Iterable[_Partial], budget: Budget) -> list[_Partial]:
    """Without those that another equals in score, and uses no more than of anything that is limited."""
    limited = budget.table_bytes is not None or budget.flash_bytes is not None
    kept: list[_Partial] = []
    least: dict[frozenset[str], list[tuple[int, ...]]] = {}  # of those kept, by tables: uses that no other undercuts
    for partial in sorted(partials, key=lambda p: (-p.score, p.uses(budget), len(p.tables))):
        tables, uses = partial.tables if limited else frozenset(), partial.uses(budget)
        others = (those for with_, those in least.items() if with_ <= tables)
        if any(all(a <= b for a, b in zip(those, uses, strict=True)) for each in others for those in each):
            continue
        kept.append(partial)
        mine = [those for those in least.get(tables, []) if any(a < b for a, b in zip(those, uses, strict=True))]
        least[tables] = [*mine, uses]
    return kept
