"""Commands to a board and the lines of their answers, in bounded time and memory whatever comes."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mixcomp_edge.board.messages import printable
from mixcomp_edge.board.mlperf.benchmarks import BENCHMARKS, Benchmark
from mixcomp_edge.board.port import BITS_PER_BYTE, PortLost
from mixcomp_edge.errors import BoardError

LINE_BYTES = 31  # of data in one db command, as the public runner sends them
ANSWER_BYTES = 8192  # of one answer; the longest, twelve numbers, has some 300
NOISE_BYTES = 1 << 16  # that a board may say before it answers our first command
TRIES = 8  # answers of others before our own
LAP = r"m-lap-us-(\d{1,18})"
NUMBER = r"-?\d{1,16}\.\d{1,9}"
RESULTS = rf"m-results-\[({NUMBER}(?:,{NUMBER})*)\]"
CLOCK_SHARE, CLOCK_SECONDS = 1.1, 0.5  # by which a board's clock may be fast


class Wire(Protocol):
    """What is needed of a port; board.port.Port is one."""

    url: str
    baud: int

    def write(self, data: bytes) -> None: ...
    def read(self, timeout: float) -> bytes: ...


@dataclass(frozen=True)
class Device:
    """Who answers: the name of the device, and the benchmark that its firmware is for."""

    name: str
    benchmark: Benchmark


@dataclass(frozen=True)
class Inferences:
    """`seconds` is what `count` of them took by the board's clock."""

    count: int
    seconds: float
    results: tuple[float, ...]


class Runner:
    """Sends commands, gathers the lines of each answer up to m-ready; `log` keeps all of them."""

    def __init__(self, port: Wire, timeout: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.port, self.timeout, self.clock = port, timeout, clock
        self.log: list[str] = []
        self._rest = b""
        self._synchronize()

    def _synchronize(self) -> None:
        """What is heard from here on answers our own commands. A board that starts, or that takes a command to its end
        which another has begun, says m-ready too; only a word that nobody else sent tells its answer from those."""
        word = f"sync-{secrets.token_hex(4)}"
        until = self._send(f"\0%{word}", self.timeout)  # the zero ends a frame that somebody left open
        for _ in range(TRIES):
            if f"e-[Unknown command: {word}]" in self._answer(word, until, NOISE_BYTES):
                return
        raise BoardError(f"{self.port.url}: says m-ready again and again, and nothing to our command. Reset the board.")

    def command(self, text: str, timeout: float | None = None) -> list[str]:
        """The answer's lines, without m-ready."""
        return self._answer(text, self._send(text, timeout or self.timeout), ANSWER_BYTES)

    def _send(self, text: str, timeout: float) -> float:
        """When the answer must be there."""
        self.log.append(f"> {text.lstrip(chr(0))}%")
        wire = f"{text}%".encode("ascii")
        until = self.clock() + timeout + len(wire) * BITS_PER_BYTE / self.port.baud
        try:
            self.port.write(wire)
        except PortLost as error:
            raise BoardError(f"{self.port.url}: the port was lost ({error}).") from error
        return until

    def _answer(self, text: str, until: float, limit: int) -> list[str]:
        lines: list[str] = []
        heard = len(self._rest)
        try:
            while not lines or lines[-1] != "m-ready":
                *whole, self._rest = self._rest.split(b"\n", 1) if b"\n" in self._rest else [self._rest]
                lines += [printable(line.rstrip(b"\r")) for line in whole]
                if whole:
                    continue
                left = until - self.clock()
                if left <= 0:
                    raise BoardError(f"{self.port.url}: no m-ready after '{text[:20]}' (heard: {shown(lines[-3:])}).")
                part = self.port.read(left)
                heard += len(part)
                self._rest += part
                if heard > limit:
                    raise BoardError(
                        f"{self.port.url}: more than {limit:,} B after '{text[:20]}' (heard: {shown(lines[:3])})."
                    )
        except PortLost as error:
            raise BoardError(f"{self.port.url}: the port was lost ({error}).") from error
        self.log += lines
        return lines[:-1]

    def ask(self, text: str, *patterns: str, timeout: float | None = None) -> list[str]:
        """The groups of the patterns, which must fit the answer's lines in this order, others in between."""
        lines = self.command(text, timeout)
        rest = iter(lines)
        found = [next((match for line in rest if (match := re.fullmatch(pattern, line))), None) for pattern in patterns]
        if None in found or any(line.startswith("e-[") for line in lines):
            raise BoardError(f"{self.port.url}: '{text[:20]}' was answered by {shown(lines)}.")
        return [match[1] for match in found if match is not None]

    def identify(self) -> Device:
        """Who answers. One that is for no benchmark, reads inputs of another size or tells no times is an error."""
        (name,) = self.ask("name", r"m-name-dut-\[(.{0,100})\]")
        (model,) = self.ask("profile", r"m-model-\[(.{0,100})\]")
        if model not in BENCHMARKS:
            raise BoardError(
                f"{self.port.url}: answers for '{model}', which is no benchmark; known are {', '.join(BENCHMARKS)}. "
                "Flash a firmware of `export --board B --profile P`."
            )
        benchmark = BENCHMARKS[model]
        size = self._input_bytes()
        if size != benchmark.input_bytes:
            raise BoardError(
                f"{self.port.url}: reads {size:,} B for an input, {model} sends {benchmark.input_bytes:,}. "
                "Flash a firmware of this version."
            )
        if not any(re.fullmatch(LAP, line) for line in self.command("timestamp")):
            raise BoardError(
                f"{self.port.url}: tells no times, as in energy mode, which the public runner measures with a power "
                "monitor. Flash a firmware that was exported without --energy."
            )
        return Device(name, benchmark)

    def _input_bytes(self) -> int:
        """What the firmware takes for an input; it says so when it is asked for too much."""
        answer = self.command("db load 4294967295")
        found = re.fullmatch(r"e-\[An input has (\d{1,10}) bytes, not 4294967295\]", " ".join(answer))
        if found is None:
            raise BoardError(f"{self.port.url}: does not tell the size of its input ({shown(answer)}).")
        return int(found[1])

    def load(self, data: bytes) -> None:
        """The next input; nothing but what was asked for may be said to it."""
        self.ask(f"db load {len(data)}", r"m-\[(Expecting \d{1,10} bytes)\]")
        for at in range(0, len(data), LINE_BYTES):
            said = self.command(f"db {data[at : at + LINE_BYTES].hex()}")
            if said != (["m-load-done"] if at + LINE_BYTES >= len(data) else []):
                raise BoardError(f"{self.port.url}: the board took another number of bytes ({shown(said)}).")

    def infer(self, inferences: int, warmups: int, timeout: float) -> Inferences:
        """Some inferences of the input that was loaded."""
        began = self.clock()
        start, end, results = self.ask(f"infer {inferences} {warmups}", LAP, LAP, RESULTS, timeout=timeout)
        seconds, passed = (int(end) - int(start)) / 1e6, self.clock() - began
        if seconds < 0:
            raise BoardError(f"{self.port.url}: the board's clock went back from {start} to {end} us.")
        if seconds > CLOCK_SHARE * passed + CLOCK_SECONDS:
            raise BoardError(
                f"{self.port.url}: the board's clock counted {seconds:,.1f} s while {passed:,.1f} s passed here."
            )
        return Inferences(inferences, seconds, tuple(map(float, results.split(","))))


def shown(lines: list[str]) -> str:
    """The first lines of an answer, for a message."""
    cut = [line if len(line) <= 60 else f"{line[:60]}..." for line in lines[:3]]
    return repr(cut) + (f" and {len(lines) - 3} more" if len(lines) > 3 else "")
