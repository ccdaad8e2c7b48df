"""Boards: a chip on a circuit, or one that QEMU plays. One folder each in firmware/ports: board.toml holds what Python
and C both need to know, link.ld the memories, port.c the four functions of mixcomp/port.h."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from mixcomp_edge import resources
from mixcomp_edge.errors import TargetError
from mixcomp_edge.targets import Target, targets

FLASH_METHODS = ("qemu", "pyocd", "uf2")
PROVED = ("nowhere", "qemu", "rp2040js", "board")


@dataclass(frozen=True)
class Board:
    """One folder of firmware/ports. `proved` says where the port has run, `flash` how it is programmed."""

    name: str
    folder: Path
    description: str
    target: Target
    clock_hz: int  # of the core, after mce_port_init
    uart_irq: int
    flash_bytes: int
    ram_bytes: int
    common: tuple[str, ...]  # files of firmware/ports/common, beside startup.c, sections.ld and the headers
    flash: str
    proved: str
    qemu: str = ""  # machine of qemu-system-arm
    pyocd: str = ""  # target name of pyOCD
    uf2_family: int = 0  # family id of the UF2 format
    uf2_drive: str = ""  # Board-ID in INFO_UF2.TXT of the drive that takes it
    usb: tuple[str, ...] = ()  # "vid:pid" of its serial port, in hex

    @property
    def flash_origin(self) -> int:
        """Address of the first byte of flash, as link.ld has it."""
        found = re.search(r"FLASH \(rx\)\s*:\s*ORIGIN = (\w+)", (self.folder / "link.ld").read_text(encoding="utf-8"))
        if found is None:
            raise TargetError(f"{self.folder / 'link.ld'}: no line 'FLASH (rx) : ORIGIN = ..., LENGTH = ...'.")
        return int(found[1], 0)

    def files(self) -> dict[str, Path]:
        """Name in the exported project's board/ -> file: the port, what it shares with others, the linker scripts."""
        common = resources.firmware() / "ports" / "common"
        names = ["startup.c", "sections.ld", *self.common]
        shared = [common / name for name in names] + sorted(common.glob("*.h"))
        own = sorted(path for path in self.folder.iterdir() if path.suffix in (".c", ".h", ".ld", ".S"))
        return {path.name: path for path in [*shared, *own]}


@cache
def boards() -> dict[str, Board]:
    """All boards by name."""
    return {path.parent.name: _read(path) for path in sorted((resources.firmware() / "ports").glob("*/board.toml"))}


def board(name: str) -> Board:
    """The board of that name."""
    if name not in boards():
        raise TargetError(f"unknown board '{name}'. Known boards: {', '.join(boards())}.")
    return boards()[name]


def _read(path: Path) -> Board:
    table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    known = {field.name for field in fields(Board)} - {"name", "folder"}
    required = {field.name for field in fields(Board) if field.default is MISSING} & known
    for key in sorted((set(table) - known) | (required - set(table))):
        raise TargetError(f"{path}: the key '{key}' is {'unknown' if key in table else 'missing'}.")
    for key, allowed in (("target", tuple(targets())), ("flash", FLASH_METHODS), ("proved", PROVED)):
        if table[key] not in allowed:
            raise TargetError(f"{path}: {key} is {table[key]!r}; it must be one of {', '.join(allowed)}.")
    table |= {key: tuple(table[key]) for key in ("common", "usb") if key in table}
    return Board(**{**table, "name": path.parent.name, "folder": path.parent, "target": targets()[table["target"]]})
