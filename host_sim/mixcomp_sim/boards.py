"""The QEMU board that runs a core, and the memory that it offers to an image. The list is boards.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .elf import Segment
from .errors import EmulatorError


@dataclass(frozen=True)
class Memory:
    """Where an image may be linked: [origin, length] in bytes."""

    flash: tuple[int, int]
    ram: tuple[int, int]


@dataclass(frozen=True)
class Board:
    machine: str  # as QEMU's -machine names it
    vectors: int  # address of the vector table at reset; of RISC-V where the page of ours lies
    memory: Memory
    options: tuple[str, ...]

    def refuse_misplaced(self, segments: Sequence[Segment], reserved: int) -> None:
        """EmulatorError for a segment outside of flash and RAM; `reserved` bytes at RAM's end are the stack's."""
        flash, ram = self.memory.flash, self.memory.ram
        for segment in segments:
            end = segment.address + segment.size
            in_flash = flash[0] <= segment.address and end <= sum(flash)
            if not in_flash and not (ram[0] <= segment.address and end <= sum(ram) - reserved):
                raise EmulatorError(
                    f"the program has {segment.size} bytes at 0x{segment.address:08x}; QEMU's {self.machine} "
                    f"takes flash at 0x{flash[0]:08x} ({flash[1]} bytes) and RAM at 0x{ram[0]:08x} ({ram[1]} bytes "
                    "less the stack). Link it there.",
                    kind="memory",
                )


@cache
def boards() -> dict[str, Board]:
    """Boards by the name of their core."""
    table = tomllib.loads((Path(__file__).parent / "boards.toml").read_text(encoding="utf-8"))
    return {
        core: Board(
            row["machine"],
            row["vectors"],
            Memory(tuple(row["flash"]), tuple(row["ram"])),
            tuple(row.get("options", ())),
        )
        for core, row in table.items()
    }


def find_board(core: str) -> Board:
    """The board with that core; ValueError lists the cores there are boards for."""
    try:
        return boards()[core]
    except KeyError:
        raise ValueError(f"no QEMU board has the core {core!r}. There are boards for {', '.join(boards())}.") from None
