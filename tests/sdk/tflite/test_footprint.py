"""What TensorFlow Lite Micro takes is its own word: one step less than the least arena does not start."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mixcomp_edge import save_bundle
from mixcomp_edge.cli import main
from mixcomp_edge.tflite import footprint as module
from mixcomp_edge.tflite.export import content
from sdk.codegen import zoo


def fits(file, size: int) -> bool:
    """Whether an arena of that many units starts, as a process of its own says: a size alone in its range is tried."""
    words = [sys.executable, "-m", module.__name__, str(file), str(size - 1), str(size + 1)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout == f"{size} fits\n"


def test_simulate_puts_the_file_and_its_least_arena_beside_ours(tmp_path, monkeypatch, capsys):
    pytest.importorskip("tflite_micro", reason="the package tflite-micro is missing")
    bundle, file = tmp_path / "m.mce", tmp_path / "m.tflite"
    save_bundle(zoo.bundle("dense"), bundle)
    monkeypatch.setattr(sys, "argv", ["mixcomp-edge", "simulate", str(bundle), "--compare", "tflm", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    told = json.loads(capsys.readouterr().out)["compare"]
    file.write_bytes(content(zoo.bundle("dense"))[1])
    assert (ended.value.code, told["with"], told["file_bytes"]) == (0, "tflm", file.stat().st_size)
    units, rest = divmod(told["arena_bytes"], module.UNIT)
    assert (rest, fits(file, units), fits(file, units - 1)) == (0, True, False)


def test_a_crash_counts_as_too_small_and_a_file_that_never_starts_has_no_arena(monkeypatch):
    def run(words, **_):
        few, many = map(int, words[-2:])
        middle = (few + many) // 2
        return subprocess.CompletedProcess(words, -11, f"{middle}{' fits' if middle > 40 else ''}\n")

    monkeypatch.setattr(module.subprocess, "run", run)
    assert module.least_arena(b"") == 41 * module.UNIT
    monkeypatch.setattr(module.subprocess, "run", lambda words, **_: subprocess.CompletedProcess(words, 1, ""))
    assert module.least_arena(b"") is None
