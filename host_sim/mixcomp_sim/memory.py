"""The address space of an emulated program: which pages to map for an ELF image, and with which contents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unicorn.unicorn_const import UC_PROT_ALL, UC_PROT_EXEC, UC_PROT_READ
from unicorn.unicorn_py3.unicorn import UcError

from .elf import Segment
from .errors import EmulatorError

PAGE_BYTES = 1024  # Unicorn's page on M-profile cores; families.py has that of others


@dataclass(frozen=True)
class Region:
    start: int
    end: int
    writable: bool


class EngineMemory:
    """The memory of a program in a Unicorn engine, as semihosting reads and writes it."""

    _uc: Any

    def read(self, address: int, n: int) -> bytes:
        try:
            return bytes(self._uc.mem_read(address, n))
        except UcError:
            raise EmulatorError(f"the program asks for {n} bytes at 0x{address:08x}, where nothing is.") from None

    def write(self, address: int, data: bytes) -> None:
        try:
            self._uc.mem_write(address, data)
        except UcError:
            raise EmulatorError(f"the program wants {len(data)} bytes at 0x{address:08x}, where nothing is.") from None


def data_bytes(segments: Sequence[Segment], page: int = PAGE_BYTES) -> int:
    """From the first writable byte to the last, from the page's start."""
    parts = [(s.address, s.address + s.size) for s in segments if s.writable]
    return max(end for _, end in parts) - _round_down(min(start for start, _ in parts), page) if parts else page


def plan_regions(segments: Sequence[Segment], ram_bytes: int, page: int = PAGE_BYTES) -> list[Region]:
    """Disjoint page-aligned regions: RAM of ram_bytes from the first writable segment on, flash as the ELF fills it.

    Writable segments further than ram_bytes from the first open a RAM of their own (a chip with TCM and SRAM). RAM
    ends early where flash follows it. EmulatorError when a segment does not fit into its RAM.
    """
    flash = sorted(
        (_round_down(start, page), _round_up(start + size, page))
        for s in segments
        for start, size in ((s.load_address, len(s.data)), (s.address, 0 if s.writable else s.size))
        if size
    )
    regions: list[Region] = []
    for segment in sorted((s for s in segments if s.writable), key=lambda s: s.address):
        start = regions[-1].start if regions else -1
        if not regions or segment.address >= start + ram_bytes:
            start = _round_down(segment.address, page)
            regions.append(Region(start, start, True))
        end = segment.address + segment.size
        if end - start > ram_bytes:
            raise EmulatorError(
                f"RAM at 0x{start:08x} is {ram_bytes} bytes, but the program's data needs {end - start}. "
                f"Give Emulator(ram_bytes={end - start}) or more, or make the model smaller.",
                kind="memory",
            )
        limits = [start + _round_up(ram_bytes, page), 1 << 32, *(a for a, _ in flash if a >= end)]
        regions[-1] = Region(start, min(limits), True)
    for start, end in flash:
        regions += without(start, end, regions)
    return sorted(regions, key=lambda r: r.start)


def without(start: int, end: int, taken: Sequence[Region], *, writable: bool = False) -> list[Region]:
    """[start, end) less the pages that are taken already."""
    free = [(start, end)]
    for region in taken:
        free = [
            piece
            for a, b in free
            for piece in ((a, min(b, region.start)), (max(a, region.end), b))
            if piece[0] < piece[1]
        ]
    return [Region(a, b, writable) for a, b in sorted(set(free))]


def _round_down(value: int, page: int) -> int:
    return value // page * page


def _round_up(value: int, page: int) -> int:
    return -(-value // page) * page


def map_image(uc: Any, segments: Sequence[Segment], regions: Sequence[Region]) -> None:
    """Map the regions and fill them: empty flash reads 0xFF, RAM 0; data is where the program sees it and in flash."""
    for region in regions:
        access = UC_PROT_ALL if region.writable else UC_PROT_READ | UC_PROT_EXEC
        uc.mem_map(region.start, region.end - region.start, access)
        if not region.writable:
            uc.mem_write(region.start, b"\xff" * (region.end - region.start))
    for segment in segments:
        uc.mem_write(segment.load_address, segment.data)
    for segment in segments:
        uc.mem_write(segment.address, segment.data.ljust(segment.size, b"\0"))
