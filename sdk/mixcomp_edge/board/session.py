"""One conversation with a board: each request is sent until its own answer comes, an input until its run is whole.

A request has a sequence number and its answer repeats it, so that late, doubled and foreign answers fall away. What
may be done twice is simply asked again; RUN may not, because it uses up its input, so the board remembers the answer. A
reset board has no input any more and says so. An end without a result is a BoardError, in a time that LIMIT sets."""

from __future__ import annotations

import contextlib
import random
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from mixcomp_edge.board.frames import DATA_BYTES, Damaged, Decoder, Frame
from mixcomp_edge.board.messages import (
    BUSY,
    ERROR,
    NO_STOP,
    REFUSALS,
    REPLY,
    Command,
    Hello,
    Record,
    Region,
    RunAnswer,
    SelfTest,
    Status,
)
from mixcomp_edge.board.port import BITS_PER_BYTE, PortLost
from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import BAUD

RESEND = 0.2  # seconds without an answer, beside the time on the wire, before a request is sent again
PATIENCE = 5.0  # seconds of silence before a request is given up
RUN_PATIENCE = 20.0  # the same for a run; it tells once a second that it is alive, unless one layer takes longer
LIMIT = 60.0  # seconds after which a whole operation ends, not counting those in which a run tells that it is alive

T = TypeVar("T")


class Wire(Protocol):
    """What a session needs of a port; board.port.Port is one."""

    url: str
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


class Unsound(Exception):
    """An answer does not belong to what was asked."""


@dataclass(frozen=True)
class Run:
    """One inference on the board: the output's bytes, a record a layer, cycles of all layers."""

    output: bytes
    records: list[Record]
    cycles: int


class Session:
    """Talks to one firmware over an open port, which is its own from here on; `hello` says whose firmware it is."""

    def __init__(self, port: Wire, *, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> None:
        self.port, self.patience, self._clock = port, patience, clock
        self.resets = self.damaged = self.resent = 0
        self._decoder = Decoder(b"\n", 200)
        self._frames: list[Frame] = []
        self._heard = ""  # the last text of the board
        self._deadline = self._clock() + LIMIT  # of the operation that is under way
        self._run_seconds = 0.5  # that the last run took
        self._sequence = random.randrange(0x10000)
        try:
            self.hello = self._first_hello()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leaves the port; a request that was broken off is ended, so that the board hears who comes next."""
        with contextlib.suppress(PortLost):
            self.port.write(b"\0")
        self.port.close()

    # Whole operations, each repeated until it is sound

    def run(self, x: bytes) -> Run:
        """One inference of input x, all of it checked against checksums."""
        return self._whole(lambda: self._run(x))

    def layers(self, x: bytes, wanted: list[tuple[int, int]]) -> list[bytes]:
        """Output bytes of layers, (index, size) in ascending order, in one inference of input x."""
        return self._whole(lambda: self._layers(x, wanted))

    def status(self) -> Status:
        return self._whole(lambda: Status.parse(self.request(Command.STATUS)))

    def self_test(self) -> SelfTest:
        return self._whole(lambda: SelfTest.parse(self.request(Command.SELF_TEST, patience=RUN_PATIENCE)))

    def _whole(self, operation: Callable[[], T]) -> T:
        reason: Exception | None = None
        attempts = 0
        self._deadline = self._clock() + LIMIT
        while self._clock() < self._deadline:
            attempts += 1
            try:
                if reason is not None:
                    self._recover(reason)
                return operation()
            except (NoAnswer, Refused, Unsound, PortLost, struct.error) as error:
                reason = error
        raise BoardError(f"{self.port.url}: gave up after {attempts} attempts in {LIMIT:.0f} s; the last: {reason}.")

    def _recover(self, reason: Exception) -> None:
        if isinstance(reason, PortLost | NoAnswer):
            self._reconnect()
        if Hello.parse(self.request(Command.HELLO)) != self.hello:
            raise BoardError(f"{self.port.url}: another firmware answers than before.")

    def _reconnect(self) -> None:
        deadline = self._clock() + self.patience
        while True:
            try:
                self.port.reopen()
                self._decoder = Decoder(b"\n", 200)
                self._frames.clear()
                return
            except BoardError:
                if self._clock() > deadline:
                    raise
                time.sleep(0.2)

    # One attempt

    def _run(self, x: bytes) -> Run:
        answer = self._start(x, NO_STOP)
        if answer.state != 1:
            raise Unsound(f"the run stands at {answer.layer}")
        if answer.status != 0:
            raise BoardError(f"{self.port.url}: the model refused to run (status {answer.status}).")
        records = Record.parse_all(self._read(Region.RECORDS, 8 * self.hello.layers))
        output = self._read(Region.OUTPUT, self.hello.output_bytes)
        if zlib.crc32(output) != answer.output_crc:
            raise Unsound("the output does not have its checksum")
        return Run(output, records, answer.cycles)

    def _layers(self, x: bytes, wanted: list[tuple[int, int]]) -> list[bytes]:
        outputs = []
        for i, (index, size) in enumerate(wanted):
            if i == 0:
                answer = self._start(x, index)
            else:
                answer = RunAnswer.parse(self.request(Command.STEP, struct.pack("<H", index), patience=RUN_PATIENCE))
            if (answer.state, answer.layer) != (2, index):
                raise Unsound(f"the run does not stand at layer {index}")
            outputs.append(self._read(Region.LAYER, size))
        self.request(Command.STEP, struct.pack("<H", NO_STOP), patience=RUN_PATIENCE)
        return outputs

    def _start(self, x: bytes, stop: int) -> RunAnswer:
        for offset in range(0, len(x), DATA_BYTES):
            self.request(Command.WRITE, struct.pack("<I", offset) + x[offset : offset + DATA_BYTES])
        crc = zlib.crc32(x)
        answer = RunAnswer.parse(self.request(Command.RUN, struct.pack("<IH", crc, stop), patience=RUN_PATIENCE))
        if answer.input_crc != crc:
            raise Unsound("another input ran")
        return answer

    def _read(self, region: Region, size: int) -> bytes:
        data = b""
        while len(data) < size:
            count = min(DATA_BYTES, size - len(data))
            part = self.request(Command.READ, struct.pack("<BIH", region, len(data), count))
            if len(part) != count:
                raise Unsound(f"{len(part)} of {count} bytes")
            data += part
        return data

    # One request

    def request(self, command: Command, payload: bytes = b"", *, patience: float | None = None) -> bytes:
        """The payload of the answer; the request is sent again as long as none comes."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        wire = b"\0" + Frame(command, self._sequence, payload).encode()  # the zero ends what noise may have opened
        interval = RESEND + 4 * len(wire) * BITS_PER_BYTE / BAUD
        if command in (Command.RUN, Command.STEP):
            interval += 2 * self._run_seconds
        limit = patience or self.patience
        began = silent_since = self._clock()
        while self._clock() < min(silent_since + limit, self._deadline):
            self.port.write(wire)
            until = self._clock() + interval
            while (frame := self._next_frame(until)) is not None:
                if frame.sequence != self._sequence:
                    continue
                if frame.kind == BUSY:
                    self._deadline += min(self._clock() - silent_since, 2.0)  # the board's time, not the wire's
                    silent_since = self._clock()
                    until = silent_since + max(interval, 2.0)
                elif frame.kind == ERROR:
                    raise Refused(frame.payload[0] if frame.payload else 0)
                elif frame.kind == command | REPLY:
                    if command == Command.RUN:
                        self._run_seconds = self._clock() - began
                    return frame.payload
            self.resent += 1
        raise NoAnswer(f"no answer to {command.name} within {limit:.0f} s")

    def _next_frame(self, until: float) -> Frame | None:
        while not self._frames:
            left = until - self._clock()
            if left <= 0:
                return None
            for event in self._decoder.feed(self.port.read(left)):
                if isinstance(event, Frame):
                    self._frames.append(event)
                elif isinstance(event, Damaged):
                    self.damaged += 1
                else:
                    self._hear(event)
        return self._frames.pop(0)

    def _hear(self, text: str) -> None:
        self._heard = text or self._heard
        if text == "m-init-done":
            self.resets += 1
        if text == "e-[Fault]":
            raise BoardError(f"{self.port.url}: the firmware faulted (HardFault). A stack too small? Reset the board.")

    def _first_hello(self) -> Hello:
        try:
            return Hello.parse(self.request(Command.HELLO))
        except PortLost as error:
            raise BoardError(f"{self.port.url}: the port was lost ({error}).") from error
        except (NoAnswer, Refused) as error:
            raise BoardError(f"{self.port.url}: {self._diagnosis()}") from error

    def _diagnosis(self) -> str:
        if self._heard:
            return f"says '{self._heard}', but does not know our protocol. Flash a firmware of `export --board`."
        if self.port.received:
            return (
                f"{self.port.received} bytes came, none of them makes sense. Is its UART at {BAUD} baud, 8N1? "
                "Is this the right port?"
            )
        return (
            f"silent for {self.patience:.0f} s. Is the board powered and flashed, and is this its port? "
            "`mixcomp-edge doctor` lists ports."
        )
