"""A chip is a core at a clock, with flash, caches and a run current. Data: chips/<name>.toml, each number with its
source."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "chips"


@dataclass(frozen=True)
class Cache:
    """A line is filled a sector (one read of the flash) at a time; least recently used lines go first."""

    bytes: int
    ways: int
    line_bytes: int


@dataclass(frozen=True)
class Flash:
    """A read of the array that the core waits for stalls it by wait_states + refill_cycles."""

    wait_states: int
    read_bytes: int
    prefetch: bool
    icache: Cache | None = None
    dcache: Cache | None = None
    unified: bool = False  # data goes through icache
    refill_cycles: int = 0
    base: int = 0x08000000

    @property
    def miss_cycles(self) -> int:
        return self.wait_states + self.refill_cycles


@dataclass(frozen=True)
class Power:
    """Of the whole chip while it computes. error: relative, of the product of both."""

    current_ua_per_mhz: float
    voltage: float
    error: float


@dataclass(frozen=True)
class Chip:
    name: str
    description: str
    core: str
    clock_hz: int
    default: bool  # the one that stands for its core when none is named
    flash_bytes: int
    ram_bytes: int
    flash: Flash
    power: Power

    @property
    def power_mw(self) -> float:
        return self.power.current_ua_per_mhz * self.clock_hz / 1e9 * self.power.voltage

    @property
    def energy_pj_per_cycle(self) -> float:
        return self.power_mw * 1e9 / self.clock_hz


@cache
def chips() -> dict[str, Chip]:
    """Every known chip by name."""
    return {path.stem: _read(path) for path in sorted(_FOLDER.glob("*.toml"))}


def find_chip(name: str) -> Chip:
    """The chip of that name; ValueError lists the names there are."""
    try:
        return chips()[name]
    except KeyError:
        raise ValueError(f"unknown chip {name!r}. Known: {', '.join(chips())}.") from None


def default_chip(core: str) -> Chip:
    """The chip that stands for a core; ValueError if there is none."""
    for chip in chips().values():
        if chip.core == core and chip.default:
            return chip
    raise ValueError(f"no chip stands for {core!r}. Known: {', '.join(chips())}.")


def _read(path: Path) -> Chip:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    values: dict[str, Any] = table["flash"]
    values |= {key: Cache(**values[key]) for key in ("icache", "dcache") if key in values}
    flash, power = Flash(**values), Power(**table["power"])
    return Chip(
        path.stem,
        table["description"],
        table["core"],
        table["clock_hz"],
        table.get("default", False),
        1024 * table["flash_kib"],
        1024 * table["ram_kib"],
        flash,
        power,
    )
