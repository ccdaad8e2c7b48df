"""MLPerf Tiny's runner, as a board sees it: text commands over the UART, performance mode, the results tree.

    python -m mixcomp_edge.board.mlperf /dev/ttyACM0 -o submission [--inputs DIR]

Five inputs; each is loaded, then inferred N times after a warm-up, with N such that a window lasts 10 s or more; the
result is the median throughput. Times are the board's own (m-lap-us)."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import random
import re
import secrets
import statistics
import struct
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mixcomp_edge.board.port import BITS_PER_BYTE, Port, PortLost
from mixcomp_edge.errors import BoardError, MixcompError
from mixcomp_edge.targets.boards import BAUD

WINDOWS = 5
WINDOW_SECONDS = 10.0  # the benchmark's rule
WARMUPS = 1
LINE_BYTES = 31  # of data in one db command, as the public runner sends them
LAP = r"m-lap-us-(\d+)"
NUMBER = r"(?:-?\d+\.\d+|nan|-?inf)"
RESULTS = rf"m-results-\[({NUMBER}(?:,{NUMBER})*)\]"
BENCHMARKS = {"ic01": "ic", "vww01": "vww", "kws01": "kws", "ad01": "ad"}  # folders of a submission


@dataclass(frozen=True)
class Window:
    """One input's measurement."""

    inferences: int
    seconds: float
    results: tuple[float, ...]

    @property
    def throughput(self) -> float:
        """Inferences a second."""
        return self.inferences / self.seconds


@dataclass(frozen=True)
class Performance:
    """`median` is what a submission reports, inferences a second."""

    device: str
    model: str
    windows: tuple[Window, ...]

    @property
    def median(self) -> float:
        return statistics.median(window.throughput for window in self.windows)


class Runner:
    """Sends commands, gathers the lines of each answer up to m-ready; `log` keeps all of them."""

    def __init__(self, port: Port, timeout: float = 5.0) -> None:
        self.port, self.timeout = port, timeout
        self.log: list[str] = []
        self._rest = b""
        self._synchronize()

    def _synchronize(self) -> None:
        """What is heard from here on answers our own commands. A board that starts, or that takes a command to its end
        which another has begun, says m-ready too; only a word that nobody else sent tells its answer from those."""
        word = f"sync-{secrets.token_hex(4)}"
        lines = self.command(f"\0%{word}")  # the zero ends a frame that somebody left open
        while f"e-[Unknown command: {word}]" not in lines:
            lines = self._answer(word, time.monotonic() + self.timeout)

    def command(self, text: str, timeout: float | None = None) -> list[str]:
        """The answer's lines, without m-ready."""
        self.log.append(f"> {text.lstrip(chr(0))}%")
        wire = f"{text}%".encode("ascii")
        until = time.monotonic() + (timeout or self.timeout) + len(wire) * BITS_PER_BYTE / BAUD
        try:
            self.port.write(wire)
        except PortLost as error:
            raise BoardError(f"{self.port.url}: the port was lost ({error}).") from error
        return self._answer(text, until)

    def _answer(self, text: str, until: float) -> list[str]:
        lines: list[str] = []
        try:
            while not lines or lines[-1] != "m-ready":
                left = until - time.monotonic()
                if left <= 0:
                    raise BoardError(f"{self.port.url}: no m-ready after '{text[:20]}' (heard: {lines[-3:]}).")
                *whole, self._rest = (self._rest + self.port.read(left)).split(b"\n")
                lines += [line.decode("ascii", "replace").rstrip("\r") for line in whole]
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
            raise BoardError(f"{self.port.url}: '{text[:20]}' was answered by {lines}.")
        return [match[1] for match in found if match is not None]

    def input_bytes(self) -> int:
        """What the firmware takes for an input; it says so when it is asked for too much."""
        answer = " ".join(self.command("db load 4294967295"))
        found = re.fullmatch(r"e-\[The buffer has (\d+) bytes\]", answer)
        if found is None:
            raise BoardError(f"{self.port.url}: does not tell the size of its input ({answer}).")
        return int(found[1])

    def load(self, data: bytes) -> None:
        self.ask(f"db load {len(data)}", r"m-\[(Expecting \d+ bytes)\]")
        done: list[str] = []
        for at in range(0, len(data), LINE_BYTES):
            done = self.command(f"db {data[at : at + LINE_BYTES].hex()}")
        if done != ["m-load-done"]:
            raise BoardError(f"{self.port.url}: the board took another number of bytes ({done}).")

    def infer(self, inferences: int, warmups: int, timeout: float) -> Window:
        text = f"infer {inferences} {warmups}"
        start, end, results = self.ask(text, LAP, LAP, RESULTS, timeout=timeout)
        if int(end) < int(start):
            raise BoardError(f"{self.port.url}: the board's clock went back from {start} to {end} us.")
        return Window(inferences, (int(end) - int(start)) / 1e6, tuple(map(float, results.split(","))))


def measure(
    runner: Runner, inputs: Sequence[bytes], window_seconds: float = WINDOW_SECONDS,
    progress: Callable[[int, int], None] | None = None,
) -> Performance:  # fmt: skip
    """Performance mode over the inputs."""
    (device,) = runner.ask("name", r"m-name-dut-\[(.*)\]")
    (model,) = runner.ask("profile", r"m-model-\[(.*)\]")
    runner.ask("timestamp", LAP)
    windows = []
    for number, data in enumerate(inputs):
        runner.load(data)
        count, window = 1, runner.infer(1, 0, timeout=60)
        while window.seconds < window_seconds:
            count = max(count + 1, math.ceil(1.1 * window_seconds * count / max(window.seconds, 1e-6)))
            count = min(count, 100 * window.inferences)  # one inference may have been too short to measure
            window = runner.infer(count, WARMUPS, timeout=60 + 3 * window_seconds)
        windows.append(window)
        if progress is not None:
            progress(number + 1, len(inputs))
    return Performance(device, model, tuple(windows))


def write_results(performance: Performance, runner: Runner, system: dict[str, str], folder: Path) -> Path:
    """The submission's tree: systems/<id>.json and results/<id>/<benchmark>/performance/{results.txt, results.json,
    log.txt}. Returns the last folder."""
    identity = system["system_name"]
    place = folder / "results" / identity / BENCHMARKS.get(performance.model, performance.model) / "performance"
    place.mkdir(parents=True, exist_ok=True)
    (folder / "systems").mkdir(exist_ok=True)
    lines = []
    for number, window in enumerate(performance.windows, 1):
        lines += [
            f"ulp-mlperf: Performance results for window {number}:",
            f"ulp-mlperf:   # Inferences : {window.inferences:>13}",
            f"ulp-mlperf:   Runtime      : {window.seconds:>10.3f} sec.",
            f"ulp-mlperf:   Throughput   : {window.throughput:>10.3f} inf./sec.",
        ]
        if window.seconds >= WINDOW_SECONDS:
            lines.append("ulp-mlperf: Runtime requirements have been met.")
    lines.append(f"ulp-mlperf: Median throughput is {performance.median:.3f} inf./sec.")
    (place / "results.txt").write_text("\n".join(lines) + "\n")
    (place / "results.json").write_text(
        json.dumps(asdict(performance) | {"median": performance.median}, indent=1) + "\n"
    )
    (place / "log.txt").write_text("\n".join(runner.log) + "\n")
    (folder / "systems" / f"{identity}.json").write_text(json.dumps(system, indent=1) + "\n")
    return place


def random_inputs(size: int, floats: bool, seed: int = 0) -> list[bytes]:
    """Five inputs of noise, for speed only: bytes, or float32 as AD's."""
    rng = random.Random(seed)
    if floats:
        return [
            struct.pack(f"<{size // 4}f", *(rng.uniform(-80, 10) for _ in range(size // 4))) for _ in range(WINDOWS)
        ]
    return [rng.randbytes(size) for _ in range(WINDOWS)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", help="serial port or pyserial URL")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--inputs", type=Path, metavar="DIR", help="the benchmark's .bin files; default: noise")
    parser.add_argument(
        "--window", type=float, default=WINDOW_SECONDS, metavar="SECONDS", help="default: the rule's 10"
    )
    parser.add_argument("--system", default="mixcomp-edge", help="name of the system in the tree")
    words = parser.parse_args()
    if words.window <= 0:
        parser.error(f"--window {words.window:g}: must be above 0 seconds.")
    try:
        with contextlib.closing(Port(words.port)) as port:
            benchmark(port, words)
    except (MixcompError, OSError) as error:
        sys.exit(f"error: {error}")


def benchmark(port: Port, words: argparse.Namespace) -> None:
    """The whole of it, at an open port."""
    runner = Runner(port)
    size = runner.input_bytes()
    (model,) = runner.ask("profile", r"m-model-\[(.*)\]")
    inputs = random_inputs(size, model == "ad01")
    if words.inputs is not None:
        inputs = [path.read_bytes() for path in sorted(words.inputs.glob("*.bin"))[:WINDOWS]]
        if len(inputs) < WINDOWS or any(len(data) != size for data in inputs):
            raise BoardError(f"{words.inputs}: needs {WINDOWS} .bin files of {size} bytes, what {model} reads.")
    result = measure(runner, inputs, words.window, lambda done, of: print(f"window {done}/{of}", file=sys.stderr))
    place = write_results(result, runner, {"system_name": words.system, "device": result.device}, words.output)
    print(f"{result.model}: median {result.median:.3f} inferences a second; {place}")


if __name__ == "__main__":
    main()
