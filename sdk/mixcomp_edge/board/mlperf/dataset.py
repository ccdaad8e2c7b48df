"""A benchmark's data as its runner reads it: a folder of files, and y_labels.csv with a line for each.

name,classes,label                  one input
name,2,label,bytes,stride           ad01: windows of `bytes`, each `stride` bytes behind the one before"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from mixcomp_edge.board.mlperf.benchmarks import Benchmark
from mixcomp_edge.errors import TaskError

LABELS = "y_labels.csv"
LARGEST = 16 << 20  # bytes of a file that could belong to a benchmark


@dataclass(frozen=True)
class Sample:
    """One file and what it is: a class, or 1 for an anomaly."""

    path: Path
    label: int
    stride: int

    def inputs(self, benchmark: Benchmark) -> Iterator[bytes]:
        """The file's windows; the whole file where it is one input."""
        data, width = self.path.read_bytes(), benchmark.input_bytes
        return (data[at : at + width] for at in range(0, len(data) - width + 1, self.stride))


def read_dataset(folder: Path, benchmark: Benchmark, limit: int | None = None) -> list[Sample]:
    """The samples in the order of the labels, `limit` at most; what does not fit the benchmark is an error by line."""
    path = folder / LABELS
    try:
        if path.stat().st_size > LARGEST:
            raise TaskError(f"{path}: has more than {LARGEST >> 20} MiB, and is no list of labels.")
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise TaskError(f"{path}: cannot be read ({error}). Give the benchmark's folder by --inputs.") from error
    if not rows:
        raise TaskError(f"{path}: has no line.")
    return [_sample(folder, number, row, benchmark) for number, row in enumerate(rows[:limit], 1)]


def _sample(folder: Path, number: int, row: list[str], benchmark: Benchmark) -> Sample:
    where = f"{folder / LABELS}, line {number}"
    width, classes = benchmark.input_bytes, max(benchmark.results, 2)
    numbers = [_number(text) for text in row[1:]]
    if len(row) != (5 if benchmark.reconstructs else 3) or None in numbers:
        wanted = "name,2,label,bytes,stride" if benchmark.reconstructs else "name,classes,label"
        raise TaskError(f"{where}: is not {wanted}, as {benchmark.model} needs it.")
    said, label, window, stride = [*(value for value in numbers if value is not None), width, width][:4]
    if said != classes or label >= classes:
        raise TaskError(f"{where}: label {label} of {said} classes; {benchmark.model} has {classes}, counted from 0.")
    if window != width or stride == 0:
        raise TaskError(f"{where}: windows of {window} bytes at a stride of {stride}; {benchmark.model} reads {width}.")
    if PurePath(row[0]).name != row[0]:
        raise TaskError(f"{where}: '{row[0]}' is not the name of a file beside {LABELS}.")
    try:
        size = (folder / row[0]).stat().st_size
    except (OSError, ValueError) as error:
        raise TaskError(f"{where}: '{row[0]}' cannot be read ({error}).") from error
    if not (width <= size <= LARGEST if benchmark.reconstructs else size == width):
        raise TaskError(f"{where}: '{row[0]}' has {size:,} bytes; {benchmark.model} reads {width:,}.")
    return Sample(folder / row[0], label, stride)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None
