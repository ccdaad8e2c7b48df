"""The chips there are: chips/<name>.toml, each number with its source."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from .chip import Cache, Chip, Flash, Power, Uart
from .chip_file import read_chip

__all__ = ["Cache", "Chip", "Flash", "Power", "Uart", "chips", "default_chip", "find_chip", "read_chip"]
_FOLDER = Path(__file__).parent / "chips"


@cache
def chips() -> dict[str, Chip]:
    """Every known chip by name."""
    return {path.stem: read_chip(path) for path in sorted(_FOLDER.glob("*.toml"))}


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
