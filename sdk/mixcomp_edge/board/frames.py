"""Frames and text out of one stream of bytes: the twin of firmware/protocol/mce_link.c. SPEC.md 8.1

frame = F0 F1 COBS(body) 00        body = type, sequence (u16), payload, CRC-32 of all before it (u32)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

OPEN = b"\xf0\xf1"
HEAD_BYTES = 3  # type, sequence
CRC_BYTES = 4
DATA_BYTES = 256  # of a tensor in one frame
BODY_BYTES = HEAD_BYTES + 4 + DATA_BYTES + CRC_BYTES


@dataclass(frozen=True)
class Frame:
    """One message of either side."""

    kind: int  # 0..255
    sequence: int  # 0..65535
    payload: bytes = b""

    def encode(self) -> bytes:
        """The bytes on the wire."""
        body = struct.pack("<BH", self.kind, self.sequence) + self.payload
        return OPEN + cobs_encode(body + struct.pack("<I", zlib.crc32(body))) + b"\0"


class Damaged(Enum):
    """A frame came that is none."""

    FRAME = 1


def cobs_encode(data: bytes) -> bytes:
    """Consistent overhead byte stuffing (Cheshire and Baker, 1997): no zero in it, at most one byte more in 254."""
    coded = bytearray()
    parts = data.split(b"\0")
    for last, part in ((i == len(parts) - 1, part) for i, part in enumerate(parts)):
        while len(part) >= 254:
            coded += b"\xff" + part[:254]
            part = part[254:]
            if last and not part:
                return bytes(coded)
        coded += bytes([len(part) + 1]) + part
    return bytes(coded)


def cobs_decode(coded: bytes) -> bytes | None:
    """The inverse; None for what is no encoding."""
    data = bytearray()
    at, zero = 0, False
    while at < len(coded):
        if zero:
            data.append(0)
        count = coded[at]
        block = coded[at + 1 : at + count]
        if count == 0 or len(block) != count - 1 or 0 in block:
            return None
        data += block
        at, zero = at + count, count != 0xFF
    return bytes(data)


def decode_frame(wire: bytes) -> Frame | Damaged:
    """The frame between its opening byte and the zero that ends it, both left out of `wire` but the first."""
    body = cobs_decode(wire[2:]) if wire[:2] == OPEN else None
    if body is None or not HEAD_BYTES + CRC_BYTES <= len(body) <= BODY_BYTES:
        return Damaged.FRAME
    content, crc = body[:-CRC_BYTES], body[-CRC_BYTES:]
    if zlib.crc32(content) != struct.unpack("<I", crc)[0]:
        return Damaged.FRAME
    kind, sequence = struct.unpack_from("<BH", content)
    return Frame(kind, sequence, content[HEAD_BYTES:])


class Decoder:
    """Takes bytes as they come, gives frames, damaged ones, and texts (str) that ended with `end`.

    A text keeps its first `limit` characters from ' ' to '~'; a frame's opening drops what had begun."""

    def __init__(self, end: bytes = b"%", limit: int = 80) -> None:
        self.end, self.limit = end[0], limit
        self._text = bytearray()
        self._frame = bytearray()  # from its opening byte on; empty outside a frame

    def feed(self, data: bytes) -> Iterator[Frame | Damaged | str]:
        for byte in data:
            if self._frame:
                if byte == 0:
                    wire, self._frame = bytes(self._frame), bytearray()
                    yield decode_frame(wire)
                elif len(self._frame) <= 2 * BODY_BYTES:  # longer ones are damaged, whatever follows
                    self._frame.append(byte)
            elif byte >= 0x80:
                self._text.clear()
                self._frame.append(byte)
            elif byte == self.end:
                text, self._text = self._text.decode("ascii"), bytearray()
                yield text
            elif byte >= 0x20 and len(self._text) < self.limit:
                self._text.append(byte)
