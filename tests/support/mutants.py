"""Damaged and hostile variants of whole inputs: bytes cut, flipped, repeated; values of a JSON tree replaced, dropped,
moved. A seed gives the same mutant always."""

from __future__ import annotations

import json
import random
from typing import Any

NUMBERS = [0, 1, -1, 2, 3, 7, 15, 16, 255, 2**15, 2**16, 2**24, 2**31 - 1, 2**31, -(2**31), 2**40, 2**63, 2**64, 10**30]
FLOATS = [0.0, -0.0, 0.5, -1.0, 1e-320, 1e-30, 1e30, 1e308, -1e308]
TEXTS = [
    "", "a", "A", "x" * 200, "x" * 9000, "../../etc/passwd", "/etc/passwd", "a/b", "a\nb", "a\0b", "\ud800", "\x1b[2J",
    "é", "fixp4", "posit4", "channel", "u4", "s8", "input", "conv2d", "cortex-m4", "mps2-an386", "con", "a b", "%s",
    "{0}", "a.b", "𝔘", "0", "1e3", "nan", "-", ".", "..", "~", "*", "[red]", "'", '"',
]  # fmt: skip


def value(rng: random.Random, depth: int = 0) -> Any:
    """Something that hardly fits."""
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind < 2:
        return rng.choice(NUMBERS)
    if kind == 2:
        return rng.choice(FLOATS)
    if kind == 3:
        return rng.choice([None, True, False])
    if kind < 6:
        return rng.choice(TEXTS)
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 7:
        return {str(rng.choice(TEXTS)): value(rng, depth + 1) for _ in range(rng.randrange(3))}
    nest: Any = value(rng, depth + 1)
    for _ in range(rng.choice([2, 30, 70, 300])):
        nest = [nest] if rng.random() < 0.5 else {"a": nest}
    return nest


def places(tree: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every value below the top."""
    found, level = [], [tree]
    while level:
        outer = level.pop()
        items = outer.items() if isinstance(outer, dict) else enumerate(outer) if isinstance(outer, list) else ()
        for key, inner in items:
            found.append((outer, key))
            level.append(inner)
    return found


def mutate(tree: Any, rng: random.Random) -> None:
    """Changes one to four places of a tree of dicts and lists."""
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        known = places(tree)
        if not known:
            return
        outer, key = rng.choice(known)
        kind = rng.randrange(8)
        if kind < 3:
            outer[key] = value(rng)
        elif kind == 3 and isinstance(outer[key], int) and not isinstance(outer[key], bool):
            outer[key] += rng.choice([-1, 1, 2, 100, 2**20])
        elif kind == 4:
            del outer[key]
        elif kind == 5:
            other, place = rng.choice(known)
            if place in other if isinstance(other, dict) else place < len(other):
                outer[key] = json.loads(json.dumps(other[place]))
        elif kind == 6 and isinstance(outer, dict):
            outer[rng.choice(TEXTS)] = outer[key] if rng.random() < 0.5 else value(rng)
        elif isinstance(outer[key], list):
            outer[key] = outer[key] * rng.choice([0, 2, 3])


def damage(data: bytes, rng: random.Random) -> bytes:
    """One to eight changes of the bytes."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 8])):
        at = rng.randrange(len(out) + 1)
        size = rng.choice([1, 1, 2, 4, 16, 200])
        kind = rng.randrange(6)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del out[at : at + size]
        elif kind == 2:
            out[at:at] = rng.randbytes(size)
        elif kind == 3:
            out[at:at] = out[rng.randrange(len(out) + 1) :][: size * 4]
        elif kind == 4:
            out[at : at + size] = (
                rng.choice([b"\0", b"\xff", b'"', b"[", b"{", b"}", b"=", b".", b"9", b"\n", b"#"]) * size
            )
        elif rng.random() < 0.1:
            del out[at:]
    return bytes(out)


def toml(table: dict[str, Any]) -> str:
    """A tree as TOML, as far as TOML goes: tables one level deep as [headers], all else inline."""
    lines, after = [], []
    for key, entry in table.items():
        if isinstance(entry, dict):
            after += [f"[{_text(key)}]", *(f"{_text(k)} = {_inline(v)}" for k, v in entry.items())]
        else:
            lines.append(f"{_text(key)} = {_inline(entry)}")
    return "\n".join([*lines, *after]) + "\n"


def _inline(entry: Any) -> str:
    if isinstance(entry, dict):
        return "{" + ", ".join(f"{_text(key)} = {_inline(inner)}" for key, inner in entry.items()) + "}"
    if isinstance(entry, list):
        return "[" + ", ".join(map(_inline, entry)) + "]"
    return _text(entry) if isinstance(entry, str) else json.dumps(entry)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
