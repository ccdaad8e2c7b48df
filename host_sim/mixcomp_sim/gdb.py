"""GDB's remote serial protocol, as far as driving a stopped processor needs it: memory, registers, breakpoints, run.

Packets are `$payload#checksum` over a pair of pipes (https://sourceware.org/gdb/current/onlinedocs/gdb.html/Remote-Protocol.html).
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import IO

_CHUNK_BYTES = 1024  # of memory in one packet; QEMU's packets end at 4096 characters
_REPLY_TIMEOUT_S = 60.0  # of a stopped processor: only a dead or a very busy machine takes as long
_POLL_S = 0.1


class GdbError(RuntimeError):
    """The other side is gone, is silent, or refused a packet."""


class GdbTimeout(GdbError):
    """No answer in the given time."""


class GdbClient:
    """A session with a stub that answers on `reader` to what is written to `writer`."""

    def __init__(self, reader: IO[bytes], writer: IO[bytes]) -> None:
        self._in, self._out = reader.fileno(), writer.fileno()
        self._buffer = b""
        self._ack = True
        self._ask("QStartNoAckMode")  # a pipe loses nothing
        self._ack = False
        self._ask("qXfer:features:read:target.xml:0,fff")  # before that QEMU knows no register numbers

    def read(self, address: int, n: int) -> bytes:
        parts = [
            bytes.fromhex(self._ask(f"m{at:x},{min(_CHUNK_BYTES, address + n - at):x}"))
            for at in range(address, address + n, _CHUNK_BYTES)
        ]
        return b"".join(parts)

    def write(self, address: int, data: bytes) -> None:
        for at in range(0, len(data), _CHUNK_BYTES):
            part = data[at : at + _CHUNK_BYTES]
            self._command(f"M{address + at:x},{len(part):x}:{part.hex()}")

    def registers(self) -> list[int]:
        """r0 … r15; of RISC-V x0 … x31 and the pc."""
        data = bytes.fromhex(self._ask("g"))
        return [int.from_bytes(data[4 * i : 4 * i + 4], "little") for i in range(len(data) // 4)]

    def set_register(self, number: int, value: int) -> None:
        self._command(f"P{number:x}={(value & 0xFFFFFFFF).to_bytes(4, 'little').hex()}")

    def set_breakpoint(self, address: int) -> None:
        self._command(f"Z1,{address:x},2")

    def clear_breakpoint(self, address: int) -> None:
        self._command(f"z1,{address:x},2")

    def kill(self) -> None:
        """The machine ends itself."""
        self._send("k")

    def step(self) -> None:
        """One instruction."""
        self._ask("s")

    def resume(self, expired: Callable[[], bool]) -> None:
        """Run until a breakpoint, asking every now and then whether it takes too long. After GdbTimeout the processor
        is stopped where it was."""
        self._send("c")
        while True:
            try:
                return self._stopped(self._receive(_POLL_S))
            except GdbTimeout:
                if expired():
                    os.write(self._out, b"\x03")
                    self._stopped(self._receive(_REPLY_TIMEOUT_S))
                    raise

    @staticmethod
    def _stopped(reply: str) -> None:
        if not reply.startswith("T"):
            raise GdbError(f"the processor did not stop at a breakpoint but said {reply!r}")

    def _command(self, payload: str) -> None:
        reply = self._ask(payload)
        if reply != "OK":
            raise GdbError(f"the debug stub answered {reply!r} to {payload[:40]!r}")

    def _ask(self, payload: str) -> str:
        self._send(payload)
        reply = self._receive(_REPLY_TIMEOUT_S)
        if reply.startswith("E") and len(reply) == 3:
            raise GdbError(f"the debug stub refused {payload[:40]!r}: {reply}")
        return reply

    def _send(self, payload: str) -> None:
        packet = f"${payload}#{sum(payload.encode()) & 0xFF:02x}".encode()
        try:
            while packet:
                packet = packet[os.write(self._out, packet) :]
        except OSError as error:
            raise GdbError("the machine has ended") from error

    def _receive(self, timeout_s: float) -> str:
        """The payload of the next packet."""
        deadline = time.monotonic() + timeout_s
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start)
            if start >= 0 and 0 <= end <= len(self._buffer) - 3:
                payload, self._buffer = self._buffer[start + 1 : end], self._buffer[end + 3 :]
                if self._ack:
                    os.write(self._out, b"+")
                return payload.decode("ascii")
            if not select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise GdbTimeout(f"no answer in {timeout_s:g} s")
            data = os.read(self._in, 1 << 16)
            if not data:
                raise GdbError("the machine has ended")
            self._buffer += data
