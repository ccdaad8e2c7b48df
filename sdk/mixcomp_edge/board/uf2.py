"""The UF2 file: a firmware in blocks of 512 bytes that a boot ROM takes from its USB drive in any order.

Format: github.com/microsoft/uf2, README. Each block names its family (the chip), so that a drive refuses what is for
another, and carries one page of flash."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from mixcomp_edge.build.image import Chunk

PAGE_BYTES = 256  # what RP2040's and RP2350's boot ROMs want in a block. RP2040 datasheet 2.8.4.2, RP2350 5.5.2
BLOCK_BYTES = 512
_START = 0x0A324655, 0x9E5D5157
_END = 0x0AB16F30
_FAMILY_PRESENT = 0x2000
_ERASED = 0xFF


def encode_uf2(chunks: Iterable[Chunk], family: int) -> bytes:
    """One block a page of flash, by address; bytes of a page that no chunk holds are as erased flash."""
    pages: dict[int, bytearray] = {}
    for chunk in chunks:
        for offset, byte in enumerate(chunk.data, chunk.address):
            page = pages.setdefault(offset // PAGE_BYTES, bytearray([_ERASED]) * PAGE_BYTES)
            page[offset % PAGE_BYTES] = byte
    return b"".join(
        _block(number * PAGE_BYTES, bytes(content), index, len(pages), family)
        for index, (number, content) in enumerate(sorted(pages.items()))
    )


def _block(address: int, page: bytes, index: int, count: int, family: int) -> bytes:
    head = struct.pack("<8I", *_START, _FAMILY_PRESENT, address, len(page), index, count, family)
    body = page.ljust(BLOCK_BYTES - len(head) - 4, b"\0")
    return head + body + struct.pack("<I", _END)
