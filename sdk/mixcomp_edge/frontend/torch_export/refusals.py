"""What a model holds that C has no counterpart for: found one by one, told all at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from mixcomp_edge.errors import Missing, UnsupportedError

PLACES = 4  # module paths that a message lists for one operator
OUTSIDE = "replace it there, or cut the model before it and compute the rest outside"
CAST = "only casts among float16, bfloat16, float32 and float64 leave values as they are; " + OUTSIDE

REMEDIES: dict[str, str] = {
    **dict.fromkeys(("_to_copy", "to", "type_as"), CAST),
    "native_dropout": "it drops at random in eval mode, too; use nn.Dropout, which eval() turns off",
}  # fmt: skip


@dataclass(frozen=True)
class Refusal:
    """One call that has no counterpart."""

    what: str  # "the operator aten.silu is not supported"
    operator: str  # silu
    place: str  # path of the module whose forward() makes the call; empty for the top one
    call: str  # the call's own name in the traced graph
    own_remedy: str = ""

    @property
    def remedy(self) -> str:
        return self.own_remedy or REMEDIES.get(self.operator, OUTSIDE)


class Refused(Exception):
    """Raised by what translates a call, and collected by the importer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.what)
        self.refusal = refusal


def unsupported(name: str, refusals: Iterable[Refusal]) -> UnsupportedError:
    """The error that lists them: one line for each kind, with its places, how often, and what to do."""
    kinds: dict[tuple[str, str], list[Refusal]] = defaultdict(list)
    for refusal in refusals:
        kinds[refusal.what, refusal.remedy].append(refusal)
    lines = [f"{what}, {_places(found)}: {remedy}." for (what, remedy), found in kinds.items()]
    missing = tuple(
        Missing(what, found[0].operator, tuple(dict.fromkeys(r.place for r in found)), len(found), remedy)
        for (what, remedy), found in kinds.items()
    )
    if len(lines) == 1:
        return UnsupportedError(f"{name}: {lines[0]}", missing)
    count = sum(len(found) for found in kinds.values())
    listed = "".join(f"\n  - {line}" for line in lines)
    return UnsupportedError(f"{name}: {count} calls of {len(lines)} kinds have no counterpart in C:{listed}", missing)


def _places(found: list[Refusal]) -> str:
    """in module 'a' (silu); 3 times, in modules 'a', 'b'."""
    places = [f"'{place}'" if place else "the top module" for place in dict.fromkeys(r.place for r in found)]
    rest = f" and {len(places) - PLACES} more" if len(places) > PLACES else ""
    if len(found) == 1:
        return f"in {'' if not found[0].place else 'module '}{places[0]} ({found[0].call})"
    several = "modules " if len(places) > 1 else "" if not found[0].place else "module "
    return f"{len(found)} times, in {several}{', '.join(places[:PLACES])}{rest}"
