"""A firmware as flash tools take it: Intel HEX, which holds addresses, and raw bytes, which begin with the flash.

Format of the first: Intel, Hexadecimal Object File Format Specification, revision A, 1988."""

from __future__ import annotations

from collections.abc import Iterator

from mixcomp_edge.build.image import Chunk, Image

RECORD_BYTES = 16
_DATA, _END, _UPPER_ADDRESS = 0, 1, 4
_ERASED = b"\xff"


def encode_hex(image: Image) -> bytes:
    """Records of at most 16 bytes; none crosses 64 KiB, whose number a record before tells where it changes."""
    lines, upper = [], 0
    for address, data in _pieces(image.chunks):
        if address >> 16 != upper:
            upper = address >> 16
            lines.append(_record(0, _UPPER_ADDRESS, upper.to_bytes(2, "big")))
        lines.append(_record(address & 0xFFFF, _DATA, data))
    return "".join([*lines, _record(0, _END, b"")]).encode()


def encode_bin(image: Image) -> bytes:
    """The bytes from the first to the last; between chunks those of erased flash."""
    start, data = image.chunks[0].address, bytearray()
    for chunk in image.chunks:
        data += _ERASED * (chunk.address - start - len(data)) + chunk.data
    return bytes(data)


def _pieces(chunks: tuple[Chunk, ...]) -> Iterator[tuple[int, bytes]]:
    """(address, bytes): up to the next multiple of RECORD_BYTES."""
    for chunk in chunks:
        done = 0
        while done < len(chunk.data):
            address = chunk.address + done
            size = RECORD_BYTES - address % RECORD_BYTES
            yield address, chunk.data[done : done + size]
            done += size


def _record(address: int, kind: int, data: bytes) -> str:
    content = bytes([len(data), address >> 8, address & 0xFF, kind]) + data
    return f":{content.hex().upper()}{-sum(content) & 0xFF:02X}\n"
