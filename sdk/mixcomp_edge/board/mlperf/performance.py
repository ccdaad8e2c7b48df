"""Performance mode: five inputs, each loaded, then inferred N times after a warm-up, with N such that a window lasts
10 s or more; the result is the median throughput. Times are the board's own (m-lap-us)."""

from __future__ import annotations

import math
import random
import statistics
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mixcomp_edge.board.mlperf.benchmarks import Benchmark
from mixcomp_edge.board.mlperf.runner import Device, Inferences, Runner
from mixcomp_edge.errors import BoardError

WINDOWS = 5
WINDOW_SECONDS = 10.0  # the benchmark's rule
WARMUPS = 1
GROWTH = 100  # of the number of inferences from one try to the next: one may have been too short to measure
TRIES = 8  # at a window: from less than a microsecond to 10 s it takes five


@dataclass(frozen=True)
class Performance:
    """`median` is what a submission reports, inferences a second."""

    device: Device
    windows: tuple[Inferences, ...]

    @property
    def median(self) -> float:
        return statistics.median(window.count / window.seconds for window in self.windows)

    def lines(self) -> list[str]:
        """As the public runner writes them."""
        lines = []
        for number, window in enumerate(self.windows, 1):
            lines += [
                f"Performance results for window {number}:",
                f"  # Inferences : {window.count:>13}",
                f"  Runtime      : {window.seconds:>10.3f} sec.",
                f"  Throughput   : {window.count / window.seconds:>10.3f} inf./sec.",
            ]
            if window.seconds >= WINDOW_SECONDS:
                lines.append("Runtime requirements have been met.")
        return [*lines, f"Median throughput is {self.median:.3f} inf./sec."]

    def __str__(self) -> str:
        return f"median {self.median:.3f} inferences a second"


def measure(
    runner: Runner, device: Device, inputs: Sequence[bytes], window_seconds: float = WINDOW_SECONDS,
    progress: Callable[[int, int], None] | None = None,
) -> Performance:  # fmt: skip
    """Performance mode over the inputs."""
    windows = []
    for number, data in enumerate(inputs):
        runner.load(data)
        windows.append(_window(runner, window_seconds))
        if progress is not None:
            progress(number + 1, len(inputs))
    return Performance(device, tuple(windows))


def _window(runner: Runner, seconds: float) -> Inferences:
    count, window = 1, runner.infer(1, 0, timeout=60)
    for _ in range(TRIES):
        if window.seconds >= seconds:
            return window
        count = max(count + 1, math.ceil(1.1 * seconds * count / max(window.seconds, 1e-6)))
        count = min(count, GROWTH * window.count)
        window = runner.infer(count, WARMUPS, timeout=60 + 3 * seconds)
    if window.seconds >= seconds:
        return window
    raise BoardError(
        f"{runner.port.url}: {window.count:,} inferences took {window.seconds:g} s by the board's clock, which stands "
        "or is too slow to measure a window by."
    )


def random_inputs(benchmark: Benchmark, seed: int = 0) -> list[bytes]:
    """Five inputs of noise, for speed only: bytes, or float32 as AD's."""
    rng, size = random.Random(seed), benchmark.input_bytes
    if benchmark.reconstructs:
        return [
            struct.pack(f"<{size // 4}f", *(rng.uniform(-80, 10) for _ in range(size // 4))) for _ in range(WINDOWS)
        ]
    return [rng.randbytes(size) for _ in range(WINDOWS)]


def read_inputs(folder: Path, benchmark: Benchmark) -> list[bytes]:
    """The first five .bin files of a folder."""
    paths = sorted(folder.glob("*.bin"))[:WINDOWS]
    size = benchmark.input_bytes
    if len(paths) < WINDOWS or any(path.stat().st_size != size for path in paths):
        raise BoardError(f"{folder}: needs {WINDOWS} .bin files of {size} bytes, what {benchmark.model} reads.")
    return [path.read_bytes() for path in paths]
