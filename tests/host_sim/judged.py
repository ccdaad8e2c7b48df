"""The model against published cycles of other people's programs (judged.toml), and the intervals that follow.

A core's interval is what a board took more than the model said, from the 10th to the 90th percentile of its rows."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from pathlib import Path

FILE = Path(__file__).parent / "judged.toml"
Row = tuple[str, float, float]


def sets() -> list[dict]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))["set"]


def cores(*, few: bool = False) -> list[str]:
    """Those whose rows make an interval, or those with too few."""
    return sorted({one["core"] for one in sets() if one.get("few", False) == few})


def rows(core: str) -> list[Row]:
    """(program, published cycles, modelled cycles) of every row of a core."""
    return [tuple(row) for one in sets() if one["core"] == core for row in one["rows"]]


def percentile(values: list[float], share: float) -> float:
    """With a straight line between neighbours."""
    ranked, at = sorted(values), share * (len(values) - 1)
    low, high = ranked[math.floor(at)], ranked[math.ceil(at)]
    return low + (high - low) * (at - math.floor(at))


def interval(core: str) -> tuple[float, float]:
    """Relative to the model, rounded outward to a thousandth."""
    more = [published / modelled - 1 for _, published, modelled in rows(core)]
    return math.floor(1e3 * percentile(more, 0.1)) / 1e3, math.ceil(1e3 * percentile(more, 0.9)) / 1e3


def table() -> Iterator[str]:
    """For DECISIONS.md, a line a set."""
    yield "| core | programs and their source | rows | model against board |"
    yield "| --- | --- | --- | --- |"
    for one in sets():
        errors = [100 * (modelled / published - 1) for _, published, modelled in one["rows"]]
        bounds = f"{min(errors):+.1f} %" if len(errors) == 1 else f"{min(errors):+.1f} to {max(errors):+.1f} %"
        yield f"| {one['core']} | {one['source']} | {len(errors)} | {bounds} |"


if __name__ == "__main__":
    print("\n".join(table()))
    for core in cores():
        print(f"{core}: judged = {list(interval(core))}")
