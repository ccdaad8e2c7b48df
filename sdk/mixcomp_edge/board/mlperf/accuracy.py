"""Accuracy mode: every file once, the results of its windows averaged; top-1 and area under the ROC curve.

By the public runner's arithmetic: probabilities are divided by their sum, the largest of the mean is the class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mixcomp_edge.board.mlperf.benchmarks import Benchmark
from mixcomp_edge.board.mlperf.dataset import Sample
from mixcomp_edge.board.mlperf.runner import Device, Runner
from mixcomp_edge.errors import BoardError

INFER_SECONDS = 60.0


@dataclass(frozen=True)
class Accuracy:
    """`results` has a row a sample: probabilities by class, or one mean error. `top1` in percent, None for ad01, which
    is judged by `auc` alone; that is the mean over the classes, each against the rest, None where all labels agree."""

    device: Device
    labels: tuple[int, ...]
    results: tuple[tuple[float, ...], ...]

    @property
    def top1(self) -> float | None:
        if self.device.benchmark.reconstructs:
            return None
        right = sum(row.index(max(row)) == label for row, label in zip(self.results, self.labels, strict=True))
        return 100 * right / len(self.labels)

    @property
    def auc(self) -> float | None:
        columns = list(zip(*self.results, strict=True))
        first = 1 if len(columns) == 2 else 0  # of two classes one says all
        areas = []
        for number, column in enumerate(columns[first:], first):
            positive = [label == number if len(columns) > 1 else label == 1 for label in self.labels]
            if any(positive) and not all(positive):
                areas.append(area_under_curve(column, positive))
        return sum(areas) / len(areas) if areas else None

    def lines(self) -> list[str]:
        """As the public runner writes them."""
        lines = [f"Samples = {len(self.labels)}"]
        lines += [] if self.top1 is None else [f"Top 1% = {self.top1:2.1f}"]
        return lines + ([] if self.auc is None else [f"AUC = {self.auc:.3f}"])

    def __str__(self) -> str:
        top1 = "" if self.top1 is None else f"top-1 {self.top1:.1f} %, "
        auc = "not defined, for all labels are one" if self.auc is None else f"{self.auc:.3f}"
        return f"{top1}AUC {auc}, {len(self.labels)} samples"


def evaluate(
    runner: Runner, device: Device, samples: Sequence[Sample], progress: Callable[[int, int], None] | None = None
) -> Accuracy:
    """Accuracy mode over the samples."""
    results = []
    for number, sample in enumerate(samples):
        windows = [_result(runner, data, device.benchmark) for data in sample.inputs(device.benchmark)]
        results.append(tuple(sum(column) / len(column) for column in zip(*windows, strict=True)))
        if progress is not None:
            progress(number + 1, len(samples))
    return Accuracy(device, tuple(sample.label for sample in samples), tuple(results))


def _result(runner: Runner, data: bytes, benchmark: Benchmark) -> tuple[float, ...]:
    """One window's: an error, or probabilities that sum to 1."""
    runner.load(data)
    found = runner.infer(1, 0, timeout=INFER_SECONDS).results
    if len(found) != benchmark.results or min(found) < 0 or (len(found) > 1 and sum(found) == 0):
        raise BoardError(
            f"{runner.port.url}: {benchmark.model} gives {benchmark.results} numbers that are not negative, the board "
            f"gave {len(found)}, the least of them {min(found):g}. Flash a firmware of this version."
        )
    return found if len(found) == 1 else tuple(value / sum(found) for value in found)


def area_under_curve(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """Chance that a positive one scores higher than a negative one, ties counting half (Mann and Whitney, 1947)."""
    order = sorted(range(len(scores)), key=scores.__getitem__)
    ranks, at = [0.0] * len(scores), 0
    while at < len(order):
        end = at
        while end < len(order) and scores[order[end]] == scores[order[at]]:
            end += 1
        for index in order[at:end]:
            ranks[index] = (at + 1 + end) / 2  # of ties their mean; ranks count from 1
        at = end
    count = sum(positive)
    above = sum(rank for rank, yes in zip(ranks, positive, strict=True) if yes) - count * (count + 1) / 2
    return above / (count * (len(scores) - count))
