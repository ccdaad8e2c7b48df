"""The exact commands and their payloads. SPEC.md 8.3"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from mixcomp_edge.board.frames import DATA_BYTES
from mixcomp_edge.errors import BoardError

VERSION = 1
REPLY = 0x80  # added to a request's type
BUSY = 0xFE
ERROR = 0xFF
NO_STOP = 0xFFFF


class Command(IntEnum):
    HELLO = 1
    WRITE = 2
    RUN = 3
    STEP = 4
    READ = 5
    STATUS = 6
    SELF_TEST = 7


class Region(IntEnum):
    """What READ reads."""

    OUTPUT = 0
    RECORDS = 1
    LAYER = 2


REFUSALS = {
    1: "unknown command",
    2: "wrong length",
    3: "outside the memory that it names",
    4: "its input is not the one that was meant",
    5: "no run stands still",
}


def printable(data: bytes) -> str:
    """Text of a board for people: what could act on a terminal or is no ASCII becomes '?'."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "?" for byte in data)


@dataclass(frozen=True)
class Hello:
    """Who answers: the firmware's model, its export, the board."""

    version: int
    data_bytes: int
    layers: int
    clock_hz: int
    arena_bytes: int
    input_bytes: int
    output_bytes: int
    sha256: str
    build_id: str
    model: str
    board: str
    core: str
    compiler: str

    @staticmethod
    def parse(payload: bytes) -> Hello:
        try:
            version, _, data, layers, _ = struct.unpack_from("<BBHHH", payload)
            clock, arena, inputs, outputs = struct.unpack_from("<4I", payload, 8)
            strings, at = [], 64
            for _ in range(4):
                length = payload[at]
                strings.append(printable(payload[at + 1 : at + 1 + length]))
                at += 1 + length
        except (struct.error, IndexError) as error:
            raise BoardError(
                "the firmware's hello is of another protocol. Flash a firmware of this version."
            ) from error
        if version == VERSION and data != DATA_BYTES:
            raise BoardError(f"the firmware takes {data} bytes a frame, not {DATA_BYTES}. Flash it again.")
        if version != VERSION:
            raise BoardError(f"the firmware speaks protocol {version}, this is {VERSION}. Flash it again.")
        sha256, build_id = payload[24:56].hex(), payload[56:64].hex()
        model, board, core, compiler = strings
        return Hello(
            version, data, layers, clock, arena, inputs, outputs, sha256, build_id, model, board, core, compiler
        )


@dataclass(frozen=True)
class RunAnswer:
    """Where a run stands. state 1: done; 2: it stands still behind `layer`."""

    state: int
    status: int
    layer: int
    input_crc: int
    output_crc: int
    cycles: int

    @staticmethod
    def parse(payload: bytes) -> RunAnswer:
        return RunAnswer(*struct.unpack("<BBHIIQ", payload))


@dataclass(frozen=True)
class Record:
    """One layer of the last run: CRC-32 of its output, cycles of the core."""

    crc: int
    cycles: int

    @staticmethod
    def parse_all(payload: bytes) -> list[Record]:
        return [Record(*pair) for pair in struct.iter_unpack("<II", payload)]


@dataclass(frozen=True)
class Status:
    """Health of the firmware since its reset, in bytes and frames."""

    stack_bytes: int
    stack_used_bytes: int
    lost_bytes: int
    bad_frames: int
    good_frames: int

    @staticmethod
    def parse(payload: bytes) -> Status:
        return Status(*struct.unpack("<5I", payload))


@dataclass(frozen=True)
class SelfTest:
    """The built-in golden vector: output bytes compared, how many differ, the first one that does."""

    status: int
    compared: int
    wrong: int
    first: int
    expected: int
    got: int

    @staticmethod
    def parse(payload: bytes) -> SelfTest:
        return SelfTest(*struct.unpack("<BIIIBB", payload))
