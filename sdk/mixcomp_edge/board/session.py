"""One conversation with a board: operations of several requests, each repeated until its result is sound.

What may be done twice is simply asked again; RUN may not, because it uses up its input, so the board remembers the
answer. A reset board has no input any more and says so. An end without a result is a BoardError, in exchange.LIMIT."""

from __future__ import annotations

import contextlib
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from mixcomp_edge.board.exchange import LIMIT, PATIENCE, RUN_PATIENCE, Exchange, NoAnswer, Refused, Wire
from mixcomp_edge.board.frames import DATA_BYTES
from mixcomp_edge.board.messages import NO_STOP, Command, Hello, Record, Region, RunAnswer, SelfTest, Status
from mixcomp_edge.board.port import PortLost
from mixcomp_edge.errors import BoardError

ATTEMPTS = 200  # at an operation, however fast each of them fails
LOSSES = 10  # of the port in one operation

T = TypeVar("T")


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
        self.port = port
        self.exchange = Exchange(port, patience, clock)
        self.request = self.exchange.request
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
        attempts = losses = 0
        self.exchange.begin()
        while not self.exchange.over and attempts < ATTEMPTS and losses < LOSSES:
            attempts += 1
            try:
                if reason is not None:
                    self._recover(reason)
                return operation()
            except (NoAnswer, Refused, Unsound, PortLost, struct.error) as error:
                reason = error
                losses += isinstance(error, PortLost)
        raise BoardError(f"{self.port.url}: gave up after {attempts} attempts, {LIMIT:.0f} s at most: {reason}.")

    def _recover(self, reason: Exception) -> None:
        if isinstance(reason, PortLost | NoAnswer):
            self._reconnect()
        if Hello.parse(self.request(Command.HELLO)) != self.hello:
            raise BoardError(f"{self.port.url}: another firmware answers than before.")

    def _reconnect(self) -> None:
        deadline = self.exchange.clock() + self.exchange.patience
        while True:
            try:
                self.exchange.reopen()
                return
            except BoardError:
                if self.exchange.clock() > deadline:
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

    # The beginning

    def _first_hello(self) -> Hello:
        try:
            hello = Hello.parse(self.request(Command.HELLO))
        except PortLost as error:
            raise BoardError(f"{self.port.url}: the port was lost ({error}).") from error
        except (NoAnswer, Refused) as error:
            raise BoardError(f"{self.port.url}: {self.exchange.diagnosis()}") from error
        self.exchange.layers = hello.layers
        return hello
