"""The command as a user runs it: one JSON object on stdout, exit codes, messages without a traceback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mixcomp_edge import export

VERBS = ["run", "check", "quantize", "export", "flash", "verify", "simulate", "bench", "targets", "boards", "doctor"]
NO_TORCH = """
import builtins, runpy, sys
real = builtins.__import__
def guarded(name, *words, **keywords):
    if name.split(".")[0] in ("torch", "torchvision", "sklearn"):
        raise ModuleNotFoundError(f"{name} is blocked by the test", name=name.split(".")[0])
    return real(name, *words, **keywords)
builtins.__import__ = guarded
sys.modules["torch"] = None
sys.argv = ["mixcomp-edge", *sys.argv[1:]]
from mixcomp_edge.cli import main
main()
"""


def command(*words: object, program: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, on a wide terminal that is none."""
    start = ["-c", program or "from mixcomp_edge.cli import main; main()"]
    surroundings = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment}
    return subprocess.run(
        [sys.executable, *start, *map(str, words)], capture_output=True, text=True, env=surroundings, check=False
    )


def one_object(done: subprocess.CompletedProcess[str], code: int = 0) -> dict:
    """The JSON object on stdout, which holds nothing else."""
    assert done.returncode == code, done.stderr
    assert done.stdout.count("\n") == 1
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    return value


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The message of an error of the user: exit code 2, nothing on stdout, no traceback."""
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return re.sub(r"\s+", " ", done.stderr)


@pytest.fixture
def broken(tiny_bundle, tmp_path) -> Path:
    """An exported folder with one weight changed."""
    export(tiny_bundle, "cortex-m4", tmp_path / "broken")
    path = tmp_path / "broken" / "src" / "mce_tiny__weights.h"
    text = path.read_text()
    first = re.compile(r"0x[0-9a-f]{2}").search(text, text.index("layer_6_codes["))
    path.write_text(f"{text[: first.start()]}0x{int(first[0], 16) ^ 0x33:02x}{text[first.end() :]}")
    return tmp_path / "broken"


# Help


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb):
    done = command(verb, "--help")
    assert done.returncode == 0
    assert "--json" in done.stdout
    assert done.stderr == ""


def test_the_command_alone_lists_its_verbs():
    done = command("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in VERBS)


PLACES = {
    "quantize": (["quantize", "digits", "-o"], "n" * 300 + ".mce"),
    "quantize, room for no checkpoint": (["quantize", "digits", "-o"], "n" * 250 + ".mce"),
    "analyze": (["analyze", "digits", "-o"], "/proc/p.toml"),
    "analyze --plot": (["analyze", "digits", "-o", "p.toml", "--plot"], "/proc/a.svg"),
    "simulate --trace": (["simulate", "tiny.mce", "--trace"], "text.mce/t.json"),
    "bench --plot": (["bench", "--plot"], "/proc/a.svg"),
    "export": (["export", "tiny.mce", "-o"], "n" * 300),
    "export here": (["export", "tiny.mce", "-o"], "."),
    "run": (["run", "digits", "-o"], "/proc/out"),
    "sweep": (["sweep", "digits", "-o"], "text.mce"),
}


@pytest.mark.parametrize(("words", "place"), PLACES.values(), ids=PLACES)
def test_a_place_that_cannot_be_written_is_told_before_the_work(words, place, tiny_mce, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(tiny_mce, "tiny.mce")
    Path("text.mce").write_text("hello")
    start = time.monotonic()
    assert place in refusal(command(*words, place))
    assert time.monotonic() - start < 30  # most of it Python's imports on a busy machine
    assert sorted(path.name for path in Path().iterdir()) == ["text.mce", "tiny.mce"]


# Without torch


def test_export_verify_and_simulate_never_import_torch(tiny_mce, tmp_path):
    for words in (
        ["export", tiny_mce, "-o", tmp_path / "c"],
        ["verify", tiny_mce, "-n", 2],
        ["verify", tmp_path / "c", "--on", "emulator", "-n", 2],
        ["simulate", tmp_path / "c"],
        ["targets"],
    ):
        done = command(*words, "--json", program=NO_TORCH)
        one_object(done)
    assert "quantize" in command("--help", program=NO_TORCH).stdout


@pytest.mark.parametrize("verb", ["quantize", "run", "analyze", "sweep"])
def test_what_trains_says_how_to_get_torch(verb, tmp_path):
    message = refusal(command(verb, "digits", "-o", tmp_path / "out", program=NO_TORCH))
    assert "PyTorch is not installed" in message
    assert "mixcomp-edge[torch]" in message
    assert list(tmp_path.iterdir()) == []


def test_the_library_says_how_to_get_torch():
    program = f"""{NO_TORCH.partition("sys.argv")[0]}
import mixcomp_edge
try:
    mixcomp_edge.prepare
except mixcomp_edge.MixcompError as error:
    print(error)
"""
    assert "mixcomp-edge[torch]" in command(program=program).stdout


def test_doctor_works_without_torch():
    done = command("doctor", "--json", program=NO_TORCH, MIXCOMP_DATA="")
    assert isinstance(json.loads(done.stdout), dict)


def test_the_simulator_alone_imports_no_torch():
    program = "import sys, mixcomp_edge, mixcomp_sim, mixcomp_edge.cli; assert 'torch' not in sys.modules"
    assert command(program=program).returncode == 0


def test_control_c_within_a_verb_says_so_and_ends_with_130(monkeypatch, capsys):
    from mixcomp_edge import cli

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("mixcomp_edge.targets.targets", interrupted)
    monkeypatch.setattr(sys, "argv", ["mixcomp-edge", "targets"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 130
    assert "interrupted" in capsys.readouterr().err


def test_export_measures_kernels_or_takes_those_of_an_earlier_export(tiny_mce, tmp_path):
    found = one_object(command("export", tiny_mce, "-O", "size", "-o", tmp_path / "a", "--json"))["choice"]
    assert (found["goal"], found["target"]) == ("size", "cortex-m4")
    assert all(layer["kernel"] in layer["costs"] for layer in found["layers"])
    assert command("export", tiny_mce, "--like", tmp_path / "a", "-o", tmp_path / "b").returncode == 0
    assert (tmp_path / "a" / "mixcomp.json").read_bytes() == (tmp_path / "b" / "mixcomp.json").read_bytes()
    done = command("export", tiny_mce, "-O", "size", "--like", tmp_path / "a", "-o", tmp_path / "c")
    assert "give one of them" in refusal(done)
    assert not (tmp_path / "c").exists()


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "mixcomp_edge", "targets", "--json"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
