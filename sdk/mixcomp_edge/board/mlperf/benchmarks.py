"""The four benchmarks that the runner knows. firmware/protocol answers for them: codegen/profiles.py, SPEC.md 8.2"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Benchmark:
    """`model` is what a board says, `folder` the name in a submission. An input has `input_bytes`, its result
    `results` numbers: a probability a class, or one reconstruction error."""

    model: str
    folder: str
    input_bytes: int
    results: int

    @property
    def reconstructs(self) -> bool:
        """Whether the input is float32, a window of a longer recording, and the result an error to be averaged."""
        return self.results == 1


BENCHMARKS = {
    benchmark.model: benchmark
    for benchmark in (
        Benchmark("ic01", "ic", 32 * 32 * 3, 10),
        Benchmark("vww01", "vww", 96 * 96 * 3, 2),
        Benchmark("kws01", "kws", 49 * 10, 12),
        Benchmark("ad01", "ad", 4 * 640, 1),
    )
}
