"""What goes wrong on a serial line: bits flip, bytes get lost, doubled, late, and the board resets."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Faults:
    """`rate` is the chance of a fault in a chunk of bytes; `counts` says how many of which kind happened."""

    seed: int
    rate: float
    resets: float = 0.0  # chance of a reset in a chunk that goes to the board
    delay_seconds: float = 0.05
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def damage(self, data: bytes) -> tuple[bytes, float]:
        """(what arrives, seconds later than sent)"""
        if not data or self.random.random() >= self.rate:
            return data, 0.0
        kind = self.random.choice(("flip", "drop", "double", "delay", "burst"))
        self.counts[kind] += 1
        at = self.random.randrange(len(data))
        if kind == "flip":
            return data[:at] + bytes([data[at] ^ 1 << self.random.randrange(8)]) + data[at + 1 :], 0.0
        if kind == "drop":
            return data[:at] + data[at + 1 + self.random.randrange(3) :], 0.0
        if kind == "double":
            end = at + 1 + self.random.randrange(len(data) - at)
            return data[:end] + data[at:], 0.0
        if kind == "burst":
            return data[:at] + self.random.randbytes(self.random.randrange(1, 9)) + data[at + 1 :], 0.0
        return data, self.random.random() * self.delay_seconds

    def reset_now(self) -> bool:
        hit = self.random.random() < self.resets
        self.counts["reset"] += hit
        return hit
