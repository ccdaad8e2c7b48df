"""What a bundle takes as a .tflite file: the bytes of the file, and the least arena with which TensorFlow Lite Micro
starts it, as its own allocator says."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mixcomp_edge.bundle import Bundle
from mixcomp_edge.tflite.export import content
from mixcomp_edge.tflite.micro import available

UNIT, MOST = 16, 1 << 20  # bytes in which TFLM aligns, and how many such an arena may have
NOTE = (
    "TensorFlow Lite Micro's arena is that of its build for this machine, whose pointers have 8 bytes; its code, which "
    "the file needs beside it, is not counted."
)


@dataclass(frozen=True)
class Footprint:
    """arena_bytes: None where the package tflite-micro is missing or does not take the file."""

    file_bytes: int
    arena_bytes: int | None

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {"with": "tflm", **asdict(self)}


def footprint(bundle: Bundle, *, decode: bool = False) -> Footprint:
    """UnsupportedError for what TensorFlow Lite Micro lacks."""
    data = content(bundle, decode=decode)[1]
    return Footprint(len(data), least_arena(data) if available() else None)


def least_arena(data: bytes) -> int | None:
    """The fewest bytes with which TensorFlow Lite Micro takes the file; None where it never does. It is asked in a
    process of its own, and after a crash in the next: in too small an arena it may crash."""
    few, many = 0, MOST + 1
    with tempfile.TemporaryDirectory(prefix="mixcomp-tflm-") as folder:
        file = Path(folder) / "m.tflite"
        file.write_bytes(data)
        while many - few > 1:
            words = [sys.executable, "-m", __name__, str(file), str(few), str(many)]
            told = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
            if not told:
                return None
            for line in told:
                size, _, fits = line.partition(" ")
                few, many = (few, int(size)) if fits else (int(size), many)
    return UNIT * many if many <= MOST else None


def search(file: Path, few: int, many: int) -> None:
    """Halves the range, and tells each size before it is tried, and whether it fits."""
    from tflite_micro.python.tflite_micro import runtime

    data = file.read_bytes()
    while many - few > 1:
        middle = (few + many) // 2
        print(middle, end="", flush=True)
        try:
            runtime.Interpreter.from_bytes(data, arena_size=UNIT * middle)
            many = middle
            print(" fits", flush=True)
        except RuntimeError:
            few = middle
            print(flush=True)


if __name__ == "__main__":
    search(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
