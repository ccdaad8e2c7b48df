"""Where a program lies on a chip: its image, the RAM beside it, its stack, and where it begins."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from unicorn.unicorn_py3.unicorn import Uc, UcError

from .elf import Image
from .errors import EmulatorError
from .memory import Region, map_image, plan_regions, without
from .stack import TOP, Stack

_RAM_BYTES = 16 << 20
_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Place:
    """top, lowest: of the stack; free: where RAM that the image does not use begins. stack: of a function's own."""

    top: int
    entry: int
    lowest: int
    free: int
    stack: Stack | None


def vector_table(image: Image) -> int | None:
    """The address of the vector table: a stack pointer on a word, then the odd address of code."""
    for table in image.tables:
        with suppress(EmulatorError):
            top, reset = (int.from_bytes(_word(image, table + 4 * i), "little") for i in range(2))
            in_ram = 0 < top < 0x40000000 or 0x60000000 <= top < 0xA0000000
            if in_ram and top % 4 == 0 and reset & 1 and any(0 <= reset - c.address < len(c.data) for c in image.code):
                return table
    return None


def _word(image: Image, address: int) -> bytes:
    for segment in image.segments:
        at = address - segment.address
        if 0 <= at <= len(segment.data) - 4:
            return segment.data[at : at + 4]
    raise EmulatorError(f"the program has no word at 0x{address:08x}.")


def place(uc: Uc, image: Image, vectors: int | None, function: str | None) -> Place:
    """Map an image and RAM beside it. vectors: the address of its table, which says where it begins, if it has
    one; function: what begins instead, on a stack of its own."""
    regions = plan_regions(image.segments, _RAM_BYTES)
    data_end = max((s.address + s.size for s in image.segments if s.writable), default=0)
    stack: Stack | None = None
    if function:
        entry = image.symbol(function).address
        stack = Stack(uc, 1 << 20)
        top, lowest = TOP, stack.base
    elif vectors is not None:
        top, entry = (int.from_bytes(_word(image, vectors + 4 * i), "little") for i in range(2))
        entry &= ~1
    else:
        entry = image.entry & ~1
        home = next((r for r in regions if r.writable and r.start < data_end <= r.end), None)
        if home is None:
            raise EmulatorError("the program has no vector table, and no RAM of its own to put a stack into.")
        top = home.end
    for base in {r.start for r in regions if r.writable and r.start >= 0x10000000}:
        regions += without(base // _MEBIBYTE * _MEBIBYTE, base, regions, writable=True)
    if not function and not any(r.writable and r.start < top <= r.end for r in regions):
        base = (top - 1) // _RAM_BYTES * _RAM_BYTES
        regions += without(base, base + _RAM_BYTES, regions, writable=True)
    try:
        map_image(uc, image.segments, sorted(regions, key=lambda r: r.start))
    except UcError as error:
        raise EmulatorError(f"cannot lay out the program's memory: {error}", kind="memory") from error
    if not function:
        home = next((r for r in regions if r.writable and r.start < top <= r.end), Region(0, top, True))
        lowest = max([home.start, *(s.address + s.size for s in image.segments if s.address + s.size <= top)])
    return Place(top, entry, lowest, (data_end + 7) & ~7, stack)
