"""Writes the shared vector tables, from plain integers: python tests/vectors/write.py

Python reads them in tests/sdk/numerics/, C in tests/firmware/test_vectors.py. Each case is one line."""

import json
from pathlib import Path

LIMITS = {"u4": (0, 15), "s4": (-8, 7), "u8": (0, 255), "s8": (-128, 127)}


def packed(elements: list[int], type_: str) -> str:
    if type_ in ("u8", "s8"):
        return "".join(f"{v % 256:02x}" for v in elements)
    filled = [v % 16 for v in elements] + [0] * (len(elements) % 2)
    return "".join(f"{high:x}{low:x}" for low, high in zip(filled[::2], filled[1::2], strict=True))


def packing() -> list[dict]:
    cases = []
    for type_, (low, high) in LIMITS.items():
        every = list(range(low, high + 1))
        rows = {
            "one": [high], "the lowest alone": [low], "low then high": [low, high], "high then low": [high, low],
            "three": [low, high, low], "every value": every, "every value but one": every[1:],
            "nine zeros": [0] * 9, "every second value, odd": every[: len(every) - 1 : 2][:7],
        }  # fmt: skip
        cases += [
            {"what": f"{type_} {what}", "type": type_, "elements": values, "bytes": packed(values, type_)}
            for what, values in rows.items()
        ]
    return cases


def q32() -> list[dict]:
    top, bottom = 2**31 - 1, -(2**31)
    triples = [
        (0, 0, 0), (0, top, 30), (1, top, 0), (-1, top, 0), (1, 2**30, 0), (-1, 2**30, 0), (1, 2**30, 1),
        (-1, 2**30, 1), (1, 2**30 + 1, 1), (-1, 2**30 + 1, 1), (-1, 2**30 - 1, 1), (3, 2**30, 1), (-3, 2**30, 1),
        (5, 2**30, 1), (-5, 2**30, 1), (top, top, 0), (bottom, top, 0), (top, 1, 0), (bottom, 1, 0), (top, 2, 0),
        (bottom, 2, 0), (bottom + 1, 1, 0), (bottom, 0, 0), (top, 0, 0), (1, top, 30), (-1, top, 30), (-2, top, 30),
        (-2, 2**30, 30), (1, 1, 30), (-1, 1, 30), (-2, 1, 30), (1, 2, 30), (-1, 2, 30), (-1, 3, 30),
        (2**30 - 1, top, 1), (-(2**30), top, 1), (2**30 - 1, 2**30, 1), (-(2**30), 2**30, 1), (32767, 0x55555555, 16),
        (-32768, 0x55555555, 16), (123456, 1518500250, 14), (-123456, 1518500250, 14), (127, 2**30, 24),
        (-128, 2**30, 24), (7, 0x2AAAAAAB, 28), (-8, 0x2AAAAAAB, 28), (999, 0x7FFFFFFE, 20), (-999, 0x7FFFFFFE, 20),
    ]  # fmt: skip
    for n in (1, 7, 15, 23, 29):  # exact halves, odd and even, of both signs
        triples += [(k * 2**n, 2 ** (31 - n), 0) for k in (1, -1, 3, -3)]
    return [{"acc": acc, "m": m, "s": s, "y": (acc * 2**s * m + 2**31) // 2**32} for acc, m, s in triples]


def write(name: str, about: str, cases: list[dict]) -> None:
    lines = ",\n".join("  " + json.dumps(case) for case in cases)
    text = f'{{\n "about": {json.dumps(about)},\n "cases": [\n{lines}\n ]\n}}\n'
    Path(__file__).with_name(name).write_text(text)


if __name__ == "__main__":
    write("packing.json", "SPEC.md 1: the bytes (hex, in memory order) of a tensor's elements.", packing())
    write("q32.json", "SPEC.md 3: y = ((acc << s) * m + 2**31) >> 32.", q32())
