"""What a network's layers really multiply: pairs of weight code and activation in the order of the kernels, sum after
sum. One accumulator takes one pair a cycle and starts again with each sum (output-stationary)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import MacError, folder
from .units import Unit

FILE = "operands.npz"


@dataclass(frozen=True, eq=False)
class Stream:
    """A sample of one layer. codes holds for each weight format (N,) uint8; x (N,) the activations as bits of x_bits;
    start (N,) is 1 where a sum begins. macs and parameters are the whole layer's."""

    network: str
    layer: str
    op: str
    macs: int
    parameters: int
    x_bits: int
    x_signed: bool
    start: NDArray[np.uint8]
    x: NDArray[np.uint8]
    codes: Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class Streams:
    """levels holds the sixteen integers of each weight format, as the kernels' tables do; origin says how it was
    made."""

    layers: tuple[Stream, ...]
    levels: Mapping[str, tuple[int, ...]]
    origin: str

    def of(self, network: str) -> tuple[Stream, ...]:
        return tuple(stream for stream in self.layers if stream.network == network)

    @property
    def networks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(stream.network for stream in self.layers))


@dataclass(frozen=True, eq=False)
class Run:
    """What a unit's ports carry in each cycle, and the sums that must come out: state before, result after it."""

    ports: dict[str, NDArray[np.int64]]
    state: NDArray[np.int64]
    result: NDArray[np.int64]


def run(unit: Unit, weight_format: str, operands: tuple[NDArray[Any], ...], levels: Mapping[str, Sequence[int]]) -> Run:
    """The cycles of a unit on operands (w, x, start), each (T,): weight codes, activation bits, 1 where a sum begins.
    Sums wrap at the accumulator's width."""
    w, x, start = (np.asarray(each, np.int64) for each in operands)
    if unit.x_format:
        value = np.array(levels[unit.x_format])[x]
    else:
        value = np.where(x >> (unit.x_bits - 1) == 1, x - (1 << unit.x_bits), x) if unit.x_signed else x
    total = np.cumsum(np.array(levels[weight_format])[w] * value)
    begins = np.maximum.accumulate(np.where(start == 1, np.arange(len(w)), 0))  # index at which each cycle's sum began
    before = np.where(begins > 0, total[begins - 1], 0)
    half = 1 << (unit.acc_bits - 1)
    result = (total - before + half) % (2 * half) - half
    ports = {"w": w, "x": x, "start": start, "posit": np.full(len(w), unit.formats.index(weight_format))}
    return Run(ports, np.concatenate([[0], result[:-1]]), result)


def save(streams: Streams, path: Path | None = None) -> None:
    """Writes the file that `load` reads; the same streams give the same bytes."""
    table = [
        {
            "network": s.network, "layer": s.layer, "op": s.op, "macs": s.macs, "parameters": s.parameters,
            "x_bits": s.x_bits, "x_signed": s.x_signed, "count": len(s.x),
        }
        for s in streams.layers
    ]  # fmt: skip
    head = {"layers": table, "levels": {name: list(v) for name, v in streams.levels.items()}, "origin": streams.origin}
    arrays = {name: np.concatenate([s.codes[name] for s in streams.layers]) for name in streams.levels}
    arrays["x"] = np.concatenate([s.x for s in streams.layers])
    arrays["start"] = np.packbits(np.concatenate([s.start for s in streams.layers]))
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    (path or folder() / FILE).write_bytes(buffer.getvalue())


@cache
def load(path: Path | None = None) -> Streams:
    """The streams in a file, by default those that travel with the package."""
    path = path or folder() / FILE
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(arrays["head"].tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise MacError(
            f"{path}: cannot read operand streams ({error}). `mixcomp-edge mac --record` makes them."
        ) from error
    ends = np.cumsum([row["count"] for row in head["layers"]])
    start = np.unpackbits(arrays["start"])
    layers = []
    for row, end in zip(head["layers"], ends, strict=True):
        part = slice(int(end) - row.pop("count"), int(end))
        codes = {name: arrays[name][part] for name in head["levels"]}
        layers.append(Stream(**row, start=start[part], x=arrays["x"][part], codes=codes))
    return Streams(tuple(layers), {name: tuple(v) for name, v in head["levels"].items()}, head["origin"])
