"""One request and its answer over a line that may say anything, or nothing, for as long as it likes.

A request has a sequence number and its answer repeats it, so that late, doubled and foreign answers fall away. Time is
this machine's monotonic clock. Whatever comes, a request ends within its patience, and all requests of one operation
within LIMIT; a run that gets on, layer by layer, has as much again. Who says more than a firmware does is hung up."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from typing import Protocol

from mixcomp_edge.board.frames import Damaged, Decoder, Frame
from mixcomp_edge.board.messages import BUSY, ERROR, REFUSALS, REPLY, Command
from mixcomp_edge.board.port import BITS_PER_BYTE
from mixcomp_edge.errors import BoardError

RESEND = 0.2  # seconds without an answer, beside the time on the wire, before a request is sent again
PATIENCE = 5.0  # seconds of silence before a request is given up
RUN_PATIENCE = 20.0  # the same for a run; it tells once a second that it is alive, unless one layer takes longer
LIMIT = 60.0  # seconds after which a whole operation ends; twice that for one whose run tells that it is alive
LIFE_SECONDS = 2.0  # by which one sign of life puts the end off
FLOOD_BYTES = 1 << 16  # that may come before the answer to one request, which has some 300
FALSE_SIGNS = 8  # signs of life that show no progress: more than a bad line doubles


class Wire(Protocol):
    """What is needed of a port; board.port.Port is one."""

    url: str
    baud: int
    sent: int
    received: int

    def write(self, data: bytes) -> None: ...
    def read(self, timeout: float) -> bytes: ...
    def reopen(self) -> None: ...
    def close(self) -> None: ...


class NoAnswer(Exception):
    """A request was not answered in time."""


class Refused(Exception):
    """The board refused a request."""

    def __init__(self, code: int) -> None:
        super().__init__(REFUSALS.get(code, f"reason {code}"))
        self.code = code


class Exchange:
    """Requests and answers over an open port. `begin` starts an operation; `layers` is how many a run has."""

    def __init__(self, port: Wire, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> None:
        self.port, self.patience, self.clock = port, patience, clock
        self.layers = 0
        self.resets = self.damaged = self.resent = 0
        self.heard = ""  # the last text of the board
        self._decoder, self._frames = Decoder(b"\n", 200), list[Frame]()
        self._run_seconds = 0.5  # that the last run took
        self._sequence = random.randrange(0x10000)
        self._flood = 0  # of port.received, where it is one
        self.begin()

    def begin(self) -> None:
        """An operation starts here."""
        self._deadline, self._spare = self.clock() + LIMIT, LIMIT

    @property
    def over(self) -> bool:
        """Whether the operation's time has passed."""
        return self.clock() >= self._deadline

    def reopen(self) -> None:
        """The port, opened again; nothing that came before counts."""
        self.port.reopen()
        self._decoder = Decoder(b"\n", 200)
        self._frames.clear()

    def request(self, command: Command, payload: bytes = b"", *, patience: float | None = None) -> bytes:
        """The payload of the answer; the request is sent again as long as none comes."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        wire = b"\0" + Frame(command, self._sequence, payload).encode()  # the zero ends what noise may have opened
        interval = RESEND + 4 * len(wire) * BITS_PER_BYTE / self.port.baud
        if command in (Command.RUN, Command.STEP):
            interval += 2 * self._run_seconds
        limit = patience or self.patience
        life = Life(self.port.url, self.layers if command in (Command.RUN, Command.STEP) else 0)
        self._flood = self.port.received + FLOOD_BYTES
        began = silent_since = self.clock()
        while (now := self.clock()) < min(silent_since + limit, self._deadline):
            self.port.write(wire)
            until = now + interval
            while (frame := self._next_frame(until)) is not None:
                if frame.sequence != self._sequence:
                    continue
                if frame.kind == BUSY and life.shown(frame.payload):
                    spent = min(self.clock() - silent_since, LIFE_SECONDS, self._spare)
                    self._deadline, self._spare = self._deadline + spent, self._spare - spent
                    silent_since = self.clock()
                    until = silent_since + max(interval, LIFE_SECONDS)
                elif frame.kind == ERROR:
                    raise Refused(frame.payload[0] if frame.payload else 0)
                elif frame.kind == command | REPLY:
                    if command == Command.RUN:
                        self._run_seconds = self.clock() - began
                    return frame.payload
            self.resent += 1
        raise NoAnswer(f"no answer to {command.name} within {limit:.0f} s")

    def _next_frame(self, until: float) -> Frame | None:
        while (left := until - self.clock()) > 0:
            if self._frames:
                return self._frames.pop(0)
            for event in self._decoder.feed(self.port.read(left)):
                if isinstance(event, Frame):
                    self._frames.append(event)
                elif isinstance(event, Damaged):
                    self.damaged += 1
                else:
                    self._hear(event)
            if self.port.received > self._flood:
                raise BoardError(
                    f"{self.port.url}: {FLOOD_BYTES >> 10} KiB came in place of an answer: {self.diagnosis()}"
                )
        return None

    def _hear(self, text: str) -> None:
        self.heard = text or self.heard
        if text == "m-init-done":
            self.resets += 1
        if text == "e-[Fault]":
            raise BoardError(f"{self.port.url}: the firmware faulted (HardFault). A stack too small? Reset the board.")

    def diagnosis(self) -> str:
        """What may be wrong with who does not answer, by what was heard."""
        if self.heard:
            return f"says '{self.heard}', but does not know our protocol. Flash a firmware of `export --board`."
        if self.port.received:
            return (
                f"{self.port.received} bytes came, none of them makes sense. Is its UART at {self.port.baud} baud, "
                "8N1? Is this the right port?"
            )
        return (
            f"silent for {self.patience:.0f} s. Is the board powered and flashed, and is this its port? "
            "`mixcomp-edge doctor` lists ports."
        )


class Life:
    """A run's signs of life: each names a layer behind the one before. `layers`: of the model; 0 where nothing runs."""

    def __init__(self, url: str, layers: int) -> None:
        self.url, self.layers = url, layers
        self._last, self._false = -1, 0

    def shown(self, payload: bytes) -> bool:
        """Whether the run got on. BoardError once it says too often that it lives and does not."""
        layer = struct.unpack("<H", payload)[0] if len(payload) == 2 else -1
        if self._last < layer < self.layers:
            self._last = layer
            return True
        self._false += 1
        if self._false > FALSE_SIGNS:
            raise BoardError(f"{self.url}: keeps saying that it is busy, and does not get on. Reset the board.")
        return False
