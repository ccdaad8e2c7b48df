"""What a firmware puts into flash: the loadable bytes of an ELF, checked against the board's memory."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from mixcomp_edge.errors import BoardError, ToolchainError
from mixcomp_edge.targets.boards import Board


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


def read_image(elf: Path, board: Board) -> Image:
    """The image in an ELF file, if it is for the board: right machine, inside its flash, within its RAM."""
    try:
        data = elf.read_bytes()
    except OSError as error:
        raise BoardError(f"{elf}: cannot read it ({error.strerror}).") from error
    image = _parse(data, str(elf))
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


def _parse(data: bytes, name: str) -> Image:
    try:
        from elftools.elf.elffile import ELFFile
    except ModuleNotFoundError as error:
        raise ToolchainError(
            "reading firmware needs the package pyelftools: pip install 'mixcomp-edge[sim]'"
        ) from error
    make: Any = ELFFile  # pyelftools is untyped
    try:
        elf = make(io.BytesIO(data))
        if elf.elfclass != 32 or not elf.little_endian or elf["e_machine"] != "EM_ARM":
            raise BoardError(f"{name} is not a 32-bit Arm ELF file. Build the exported project for the board first.")
        segments = list(elf.iter_segments("PT_LOAD"))
        parts = [(p["p_paddr"], p["p_vaddr"], p.data(), p["p_memsz"]) for p in segments]
        if any(len(data) != p["p_filesz"] for p, (_, _, data, _) in zip(segments, parts, strict=True)):
            raise ValueError("it ends early")
    except BoardError:
        raise
    except Exception as error:  # pyelftools has many ways to stumble over damaged bytes
        raise BoardError(f"{name} is not a readable ELF file ({type(error).__name__}: {error}).") from error
    chunks = tuple(Chunk(load, content) for load, _, content, _ in sorted(parts) if content)
    if not chunks:
        raise BoardError(f"{name} holds nothing to program. An object file? Link it first.")
    for below, above in pairwise(chunks):
        if below.address + len(below.data) > above.address:
            raise BoardError(f"{name}: two parts share the flash at 0x{above.address:08x}.")
    # What runs elsewhere than it is loaded, or has no bytes in the file, lies in RAM: data, bss and stack.
    ram_bytes = sum(size for load, at, content, size in parts if at != load or not content)
    return Image(chunks, ram_bytes)
