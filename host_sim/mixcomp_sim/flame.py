"""The tree of calls as a picture (SVG, flame graph) and as a profile in Chrome's trace event format.

A bar is a function under its callers, as long as its cycles; when each ran is not recorded, so callees stand side by
side, longest first. The picture loads nothing and holds no script; each bar's title tells its figures."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from .clock import Call

_WIDTH, _ROW, _CHARACTER = 1200.0, 18, 7.0  # pixels
_NARROWEST = 0.3  # bars below that are left out


def flame_graph(calls: Sequence[Call], names: Sequence[str], title: str) -> str:
    """The SVG. names: of the functions, by number."""
    total = sum(call.total for call in calls) or 1.0
    bars = list(_bars(calls, names, _WIDTH / total, 0.0, 0))
    height = _ROW * (2 + max((depth for depth, _ in bars), default=0) + 1)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height}" '
        'font-family="monospace" font-size="11">'
        f'<text x="4" y="13">{escape(title)}: {total:,.0f} cycles</text>'
    )
    return "\n".join([head, *(bar for _, bar in bars), "</svg>\n"])


def _bars(
    calls: Sequence[Call], names: Sequence[str], scale: float, left: float, depth: int
) -> Iterator[tuple[int, str]]:
    for call in sorted(calls, key=lambda c: -c.total):
        width, name, y = call.total * scale, _name(call, names), _ROW * (depth + 1)
        if width < _NARROWEST:
            break
        shade = zlib.crc32(name.encode()) % 50
        own = f"{call.cycles:,.0f} its own, {call.stalls:,.0f} of them waiting for flash"
        about = f"{name}: {call.total:,.0f} cycles, {own}; called {call.calls:,} times"
        shown = name if len(name) * _CHARACTER < width else name[: max(0, int(width / _CHARACTER) - 1)]
        yield (
            depth,
            (
                f'<g><title>{escape(about)}</title><rect x="{left:.2f}" y="{y}" width="{width:.2f}" '
                f'height="{_ROW - 1}" fill={quoteattr(f"hsl({10 + shade} 85% {68 + shade % 9}%)")}/>'
                f'<text x="{left + 3:.2f}" y="{y + 13}">{escape(shown)}</text></g>'
            ),
        )
        yield from _bars(call.below, names, scale, left, depth + 1)
        left += width


def call_trace(calls: Sequence[Call], names: Sequence[str], clock_hz: int, process: str) -> dict[str, Any]:
    """The object to write as JSON, for Perfetto, chrome://tracing and speedscope."""
    events: list[dict[str, Any]] = [
        {"ph": "M", "pid": 1, "tid": 1, "name": "process_name", "args": {"name": process}},
        *_events(calls, names, 1e6 / clock_hz, 0.0),
    ]
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _events(calls: Sequence[Call], names: Sequence[str], scale: float, start: float) -> Iterator[dict[str, Any]]:
    for call in sorted(calls, key=lambda c: -c.total):
        details = {"cycles": call.cycles, "waiting for flash": call.stalls, "calls": call.calls}
        yield {"ph": "X", "pid": 1, "tid": 1, "name": _name(call, names), "ts": start, "dur": call.total * scale,
               "args": details}  # fmt: skip
        yield from _events(call.below, names, scale, start)
        start += call.total * scale


def _name(call: Call, names: Sequence[str]) -> str:
    return names[call.function] if call.function < len(names) else "code without a name"
