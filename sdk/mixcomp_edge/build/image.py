"""What a firmware puts into flash: the loadable bytes of an ELF, checked against the board's memory."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import Board

PT_LOAD = 1


@dataclass(frozen=True)
class Chunk:
    """`data` lies in flash from `address` on."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Image:
    """Chunks by address, apart from one another; `ram_bytes` is what the firmware holds in RAM, its stack included."""

    chunks: tuple[Chunk, ...]
    ram_bytes: int

    @property
    def flash_bytes(self) -> int:
        """From the first to the last byte, gaps included: what the flash must have room for."""
        last = self.chunks[-1]
        return last.address + len(last.data) - self.chunks[0].address

    def sizes(self) -> dict[str, int]:
        """Both, under the names that reports use."""
        return {"flash_bytes": self.flash_bytes, "ram_bytes": self.ram_bytes}


def read_image(elf: Path, board: Board) -> Image:
    """The image in an ELF file, if it is for the board: right machine, inside its flash, within its RAM."""
    try:
        data = elf.read_bytes()
    except OSError as error:
        raise BoardError(f"{elf}: cannot read it ({error.strerror}).") from error
    image = _parse(data, str(elf), board.target.machine)
    origin, flash_bytes = image.chunks[0].address, board.flash_bytes
    if origin != board.flash_origin:
        raise BoardError(
            f"{elf} starts at 0x{origin:08x}, the flash of {board.name} at 0x{board.flash_origin:08x}: it was "
            f"built for another board. Export it again with --board {board.name}."
        )
    for what, needed, room in (("flash", image.flash_bytes, flash_bytes), ("RAM", image.ram_bytes, board.ram_bytes)):
        if needed > room:
            raise BoardError(
                f"{elf}: too large for {board.name}: {needed:,} B of {what}, which has {room:,} B "
                f"({needed - room:,} B too many). Take a smaller model or a larger board."
            )
    return image


def _parse(data: bytes, name: str, machine: int) -> Image:
    parts = [segment for segment in _segments(data, name, machine) if segment[3]]
    chunks = tuple(Chunk(load, content) for load, _, content, _ in sorted(parts) if content)
    if not chunks:
        raise BoardError(f"{name} holds nothing to program. An object file? Link it first.")
    for below, above in pairwise(chunks):
        if below.address + len(below.data) > above.address:
            raise BoardError(f"{name}: two parts share the flash at 0x{above.address:08x}.")
    # What runs elsewhere than it is loaded, or has no bytes in the file, lies in RAM: data, bss and stack.
    ram_bytes = sum(size for load, at, content, size in parts if at != load or not content)
    return Image(chunks, ram_bytes)


def _segments(data: bytes, name: str, machine: int) -> list[tuple[int, int, bytes, int]]:
    """(load address, address at run time, bytes, size in memory) of what is to be loaded. ELF, System V ABI 4.1 and
    5: e_machine at 18, e_phoff at 28, e_phentsize and e_phnum at 42; a program header has eight words."""
    try:
        if data[:6] != b"\x7fELF\x01\x01" or data[18:20] != machine.to_bytes(2, "little"):
            raise BoardError(
                f"{name} is not a 32-bit ELF file for the board's core. Build the exported project for the board first."
            )
        (table,) = struct.unpack_from("<I", data, 28)
        size, count = struct.unpack_from("<HH", data, 42)
        headers = [struct.unpack_from("<8I", data, table + i * size) for i in range(count)]
    except struct.error:
        raise BoardError(f"{name} ends in the middle of its headers. Build it again.") from None
    found = []
    for kind, offset, at, load, file_bytes, memory_bytes, _, _ in headers:
        if kind == PT_LOAD:
            content = data[offset : offset + file_bytes]
            if len(content) != file_bytes or memory_bytes < file_bytes:
                raise BoardError(f"{name} is cut or damaged: a part of it has no bytes. Build it again.")
            found.append((load, at, content, memory_bytes))
    return found
