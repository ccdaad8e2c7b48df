"""A counted call as a profile for Perfetto, chrome://tracing and speedscope: Chrome's trace event format.

Layers follow one another as they ran. Below each layer stand its functions, longest first: how often each was called
and when is not recorded, so a function is one bar as long as its share of the layer's instructions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .counts import Counts
from .elf import read_elf


@dataclass(frozen=True)
class Span:
    """One layer."""

    name: str
    microseconds: float
    functions: dict[str, int]  # name -> executed instructions
    details: dict[str, Any]  # shown by the viewer


def instructions_by_function(elf: Path | bytes, counts: Counts) -> list[dict[str, int]]:
    """For each layer, executed instructions by function, most first."""
    image = read_elf(elf)
    layers = []
    for executed in counts.by_address:
        found: Counter[str] = Counter()
        for address, times in executed.items():
            found[image.nearest(address).rsplit("+", 1)[0]] += times
        layers.append(dict(found.most_common()))
    return layers


def chrome_trace(spans: Sequence[Span], process: str) -> dict[str, Any]:
    """The object to write as JSON."""
    events: list[dict[str, Any]] = [
        {"ph": "M", "pid": 1, "tid": 1, "name": "process_name", "args": {"name": process}},
        {"ph": "M", "pid": 1, "tid": 1, "name": "thread_name", "args": {"name": "inference"}},
    ]
    start = 0.0
    for span in spans:
        events.append(_event(span.name, start, span.microseconds, span.details))
        at, instructions = start, sum(span.functions.values())
        for name, n in span.functions.items():
            length = span.microseconds * n / instructions
            events.append(_event(name, at, length, {"instructions": n}))
            at += length
        start += span.microseconds
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _event(name: str, start: float, length: float, details: dict[str, Any]) -> dict[str, Any]:
    return {"ph": "X", "pid": 1, "tid": 1, "name": name, "ts": start, "dur": length, "args": details}
