"""Semihosting: what a program asks of its debugger by BKPT 0xAB (Arm's "Semihosting for AArch32 and AArch64", 2.0).

Text goes to the console, input comes from bytes given beforehand, and the program may end itself. Files of the host
are out of its reach: the only one to open is ":tt", the console."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

IMMEDIATE = 0xAB
_STOPPED_BY_EXIT = 0x20026  # ADP_Stopped_ApplicationExit
_FAILED = 0xFFFFFFFF
_FEATURES, _FEATURES_HANDLE = b"SHFB\x03", 4  # SYS_EXIT_EXTENDED, and errors apart from output
_LONGEST = 1 << 20  # bytes of one call


class Memory(Protocol):
    """The memory of the program."""

    def read(self, address: int, n: int) -> bytes: ...

    def write(self, address: int, data: bytes) -> None: ...


@dataclass
class Console:
    """Where the program's bytes go, and those that it will read."""

    output: Callable[[bytes], None]
    input: bytes = b""

    def take(self, n: int) -> bytes:
        """The next n bytes of the input, fewer at its end."""
        taken, self.input = self.input[:n], self.input[n:]
        return taken


@dataclass
class Semihosting:
    """heap: (base, limit) of free RAM; stack: (top, lowest address), for SYS_HEAPINFO. now: cycles since the start."""

    memory: Memory
    console: Console
    clock_hz: int
    now: Callable[[], int]
    heap: tuple[int, int]
    stack: tuple[int, int]
    status: int | None = None  # the program's exit status, once it has one
    features: bytes = b""  # what is left to read of them
    unknown: int | None = None  # number of a call that is not served

    def call(self, operation: int, argument: int) -> int:
        """The result for r0. argument: r1, mostly the address of a block of words."""
        serve = _CALLS.get(operation)
        if serve is None:
            self.unknown = operation
            return _FAILED
        return serve(self, argument) & 0xFFFFFFFF

    def _words(self, address: int, n: int) -> tuple[int, ...]:
        return struct.unpack(f"<{n}I", self.memory.read(address, 4 * n))

    def _open(self, block: int) -> int:
        name, mode, length = self._words(block, 3)
        text = self.memory.read(name, min(length, 64))
        if text == b":semihosting-features":
            self.features = _FEATURES
            return _FEATURES_HANDLE
        return 1 + mode // 4 if text == b":tt" else _FAILED  # input, output, errors: 1, 2, 3

    def _write_byte(self, address: int) -> int:
        self.console.output(self.memory.read(address, 1))
        return 0

    def _write_text(self, address: int) -> int:
        text = bytearray()
        while len(text) < _LONGEST and (byte := self.memory.read(address + len(text), 1)) != b"\0":
            text += byte
        self.console.output(bytes(text))
        return 0

    def _write(self, block: int) -> int:
        """How many bytes were not written."""
        handle, address, length = self._words(block, 3)
        if not 1 <= handle <= 3 or length > _LONGEST:
            return length
        self.console.output(self.memory.read(address, length))
        return 0

    def _read(self, block: int) -> int:
        """How many bytes were not read."""
        handle, address, length = self._words(block, 3)
        if handle == _FEATURES_HANDLE:
            data, self.features = self.features[:length], self.features[length:]
        else:
            data = self.console.take(length)
        self.memory.write(address, data)
        return length - len(data)

    def _seek(self, block: int) -> int:
        handle, position = self._words(block, 2)
        if handle != _FEATURES_HANDLE or position > len(_FEATURES):
            return _FAILED
        self.features = _FEATURES[position:]
        return 0

    def _read_byte(self, _: int) -> int:
        return (self.console.take(1) or b"\xff")[0]

    def _heap(self, argument: int) -> int:
        block = self._words(argument, 1)[0]
        self.memory.write(block, struct.pack("<4I", *self.heap, *self.stack))
        return 0

    def _command_line(self, block: int) -> int:
        address, length = self._words(block, 2)
        if length < 1:
            return _FAILED
        self.memory.write(address, b"\0")
        self.memory.write(block + 4, struct.pack("<I", 0))
        return 0

    def _elapsed(self, block: int) -> int:
        self.memory.write(block, struct.pack("<Q", self.now()))
        return 0

    def _exit(self, reason: int) -> int:
        """On 32-bit cores SYS_EXIT tells a reason and no status."""
        self.status = 0 if reason == _STOPPED_BY_EXIT else 1
        return 0

    def _exit_extended(self, block: int) -> int:
        reason, status = self._words(block, 2)
        self.status = status if reason == _STOPPED_BY_EXIT else 1
        return 0


_CALLS: dict[int, Callable[[Semihosting, int], int]] = {
    0x01: Semihosting._open,
    0x02: lambda host, block: 0,  # close
    0x03: Semihosting._write_byte,
    0x04: Semihosting._write_text,
    0x05: Semihosting._write,
    0x06: Semihosting._read,
    0x07: Semihosting._read_byte,
    0x08: lambda host, block: int(host._words(block, 1)[0] >> 31),  # is it an error
    0x09: lambda host, block: int(host._words(block, 1)[0] != _FEATURES_HANDLE),  # is it a console
    0x0A: Semihosting._seek,
    0x0C: lambda host, block: len(_FEATURES) if host._words(block, 1)[0] == _FEATURES_HANDLE else 0,
    0x10: lambda host, block: host.now() * 100 // host.clock_hz,  # hundredths of a second
    0x11: lambda host, block: 0,  # seconds since 1970: output depends on inputs only
    0x13: lambda host, block: 0,  # errno
    0x15: Semihosting._command_line,
    0x16: Semihosting._heap,
    0x18: Semihosting._exit,
    0x20: Semihosting._exit_extended,
    0x30: Semihosting._elapsed,
    0x31: lambda host, block: host.clock_hz,
}
