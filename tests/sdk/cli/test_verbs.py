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
from support.processes import mixcomp_edge

VERBS = [
    "run", "analyze", "check", "quantize", "sweep", "export", "flash", "verify", "simulate", "bench", "mac", "targets",
    "boards", "doctor",
]  # fmt: skip
WITHOUT = """
import builtins, runpy, sys
real = builtins.__import__
def guarded(name, *words, **keywords):
    if name.split(".")[0] in BLOCKED:
        raise ModuleNotFoundError(f"{name} is blocked by the test", name=name.split(".")[0])
    return real(name, *words, **keywords)
builtins.__import__ = guarded
sys.modules |= dict.fromkeys(BLOCKED)
sys.argv = ["mixcomp-edge", *sys.argv[1:]]
from mixcomp_edge.cli import main
main()
"""
NO_TORCH = WITHOUT.replace("BLOCKED", '("torch", "torchvision", "sklearn")')
NO_SIMULATOR = WITHOUT.replace("BLOCKED", '("unicorn", "capstone", "elftools")')


def command(*words: object, program: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, on a wide terminal that is none; `program` starts it in its own way."""
    if program is None:
        return mixcomp_edge(*words, **environment)
    surroundings = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment}
    start = [sys.executable, "-c", program]
    return subprocess.run([*start, *map(str, words)], capture_output=True, text=True, env=surroundings, check=False)


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
    assert "Example" in done.stdout
    assert done.stderr == ""


def test_the_command_tells_its_version():
    from mixcomp_edge import __version__

    assert command("--version").stdout == f"mixcomp-edge {__version__}\n"


def test_the_command_alone_lists_its_verbs():
    done = command("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in VERBS)


@pytest.mark.parametrize(
    "words", [["frobnicate"], ["verify"], ["verify", "a.mce", "--nonsense"], ["verify", "a", "-n", "0"]]
)
def test_a_wrong_call_is_2_and_tells_of_the_help(words):
    assert "--help" in refusal(command(*words))


# JSON


def test_verify_gives_the_keys_of_the_design(tiny_mce):
    for on in ("host", "emulator"):
        value = one_object(command("verify", tiny_mce, "--on", on, "-n", 3, "--json"))
        keys = {"transport", "target", "inputs", "elements", "mismatches", "first_mismatch"}
        assert keys <= set(value)
        assert (value["transport"], value["target"], value["inputs"]) == (on, "cortex-m4", 3)
        assert (value["mismatches"], value["first_mismatch"]) == (0, None)
        assert value["elements"] > 100


def test_verify_of_changed_weights_is_1_and_names_the_layer(broken):
    value = one_object(command("verify", broken, "--edited", "--json"), code=1)
    assert value["mismatches"] > 0
    assert value["first_mismatch"]["layer"] == "6"
    done = command("verify", broken, "--edited")
    assert done.returncode == 1
    assert "layer 6" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_program_instead_of_a_bundle_is_sent_to_the_simulators_own_command(tmp_path):
    from mixcomp_edge.errors import ExportError
    from mixcomp_edge.simulation import simulate

    (tmp_path / "x.elf").write_bytes(b"\x7fELF" + bytes(100))
    with pytest.raises(ExportError, match=r"mixcomp-sim run .*x\.elf --core"):
        simulate(tmp_path / "x.elf")


def test_simulate_gives_the_keys_of_the_design(tiny_mce):
    value = one_object(command("simulate", tiny_mce, "-t", "cortex-m0plus", "--json"))
    keys = "model target inputs bit_exact instructions cycles latency_ms energy_uj macs flash_bytes ram_bytes layers"
    assert set(keys.split()) <= set(value)
    assert {"weights", "code", "total"} <= set(value["flash_bytes"])
    assert {"arena", "stack", "total"} <= set(value["ram_bytes"])
    layer_keys = ["name", "op", "weights", "act_bits", "macs", "instructions", "cycles", "energy_uj"]
    assert all(set(layer_keys) <= set(layer) for layer in value["layers"])
    assert (value["model"], value["target"], value["bit_exact"]) == ("tiny", "cortex-m0plus", True)
    assert (value["chip"], value["clock_hz"]) == ("stm32g0b1", 64_000_000)
    assert value["cycles"] >= value["instructions"]
    assert value["latency_ms"] == pytest.approx(1e3 * value["cycles"] / value["clock_hz"], rel=1e-3)
    assert 0 < value["error"]["cycles"] < value["error"]["energy"] < 1
    assert sum(layer["cycles"] for layer in value["layers"]) == pytest.approx(value["cycles"], rel=0.01)
    assert sum(layer["energy_uj"] for layer in value["layers"]) == pytest.approx(value["energy_uj"], rel=0.01)
    assert [layer["weights"] for layer in value["layers"]] == ["fixp4", "fixp4", "posit4sc4"]


def test_chips_of_one_core_differ_in_waiting_and_clock(tiny_mce):
    l4r5, nrf = (
        one_object(command("simulate", tiny_mce, "--chip", chip, "--json")) for chip in ("stm32l4r5", "nrf52840")
    )
    assert l4r5["instructions"] == nrf["instructions"]
    assert l4r5["cycles"] - l4r5["stall_cycles"] == pytest.approx(nrf["cycles"] - nrf["stall_cycles"], abs=2)
    assert l4r5["stall_cycles"] > 0
    assert nrf["latency_ms"] > l4r5["latency_ms"]


def test_a_day_and_another_clock_are_worked_out_and_chips_without_judged_figures_say_so(tiny_mce):
    from mixcomp_edge.errors import TargetError
    from mixcomp_edge.simulation import simulate

    own = simulate(tiny_mce, chip_name="stm32l4r5", every_s=1.0, battery_mah=220.0)
    slow = simulate(tiny_mce, chip_name="stm32l4r5", clock_mhz=20, every_s=1.0)
    assert own.duty.energy_mj_a_day.low < own.duty.energy_mj_a_day.nominal < own.duty.energy_mj_a_day.high
    assert own.duty.battery_days.nominal == pytest.approx(220e3 / 24 / own.duty.current_ua.nominal)
    assert (slow.duty.battery_days, slow.clock_hz, slow.stall_cycles) == (None, 20_000_000, 0)
    assert own.bounds["cycles"][0] <= own.cycles < own.bounds["cycles"][1]
    assert own.judged
    with pytest.raises(TargetError, match="no chip 'rp2040'"):
        simulate(tiny_mce, chip_name="rp2040")


def test_a_model_too_large_for_a_chip_is_said(tiny_mce):
    from dataclasses import replace

    from mixcomp_edge.simulation import simulate

    result = simulate(tiny_mce, target_name="cortex-m3")
    assert (result.chip, result.fits) == ("stm32f103", True)
    assert result.chip_bytes == {"flash": 65536, "ram": 20480}
    assert not replace(result, chip_bytes={"flash": 65536, "ram": result.ram_bytes["total"] - 1}).fits
    assert not replace(result, chip_bytes={"flash": result.flash_bytes["total"] - 1, "ram": 20480}).fits
    assert "too large" not in command("simulate", tiny_mce, "-t", "cortex-m3").stdout


def test_a_trace_holds_each_layer_and_below_it_its_functions(tiny_mce, tmp_path):
    value = one_object(command("simulate", tiny_mce, "--trace", tmp_path / "trace.json", "--json"))
    events = [e for e in json.loads((tmp_path / "trace.json").read_text())["traceEvents"] if e["ph"] == "X"]
    layers = [e for e in events if "cycles" in e["args"]]
    assert [e["name"] for e in layers] == [layer["name"] for layer in value["layers"]]
    assert sum(e["dur"] for e in layers) == pytest.approx(1e3 * value["latency_ms"], rel=0.01)
    for layer, counted in zip(layers, value["layers"], strict=True):
        parts = [e for e in events if e not in layers and layer["ts"] - 1e-6 <= e["ts"] < layer["ts"] + layer["dur"]]
        assert sum(e["args"]["instructions"] for e in parts) == counted["instructions"]
        assert sum(e["dur"] for e in parts) == pytest.approx(layer["dur"])


def test_per_layer_prints_a_row_a_layer_with_bars(tiny_mce):
    text = command("simulate", tiny_mce, "--per-layer").stdout
    assert text.count("█") >= 12
    assert "µJ" in text
    assert "█" not in command("simulate", tiny_mce).stdout


def test_simulate_of_changed_weights_is_1(broken):
    assert one_object(command("simulate", broken, "--edited", "--json"), code=1)["bit_exact"] is False


def test_export_targets_and_doctor_give_one_object(tiny_mce, tmp_path):
    value = one_object(command("export", tiny_mce, "-o", tmp_path / "c", "--json"))
    assert (value["model"], value["target"]) == ("tiny", "cortex-m4")
    assert (tmp_path / "c" / "mixcomp.json").is_file()
    names = [row["name"] for row in one_object(command("targets", "--json"))["targets"]]
    assert {"generic", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"} <= set(names)
    value = one_object(command("doctor", "--json", MIXCOMP_DATA=""))
    assert value["ok"] is True
    assert all({"name", "ok", "found", "needed_for", "remedy"} <= set(check) for check in value["checks"])


def test_tables_for_people_go_to_stdout(tiny_mce, tmp_path):
    of_a_bundle = (["simulate", tiny_mce], ["verify", tiny_mce], ["export", tiny_mce, "-o", tmp_path / "c"])
    for words in (["targets"], ["doctor"], *of_a_bundle):
        done = command(*words, MIXCOMP_DATA="")
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
        assert "Traceback" not in done.stderr


def test_doctor_is_1_when_something_is_missing(tmp_path):
    value = one_object(command("doctor", "--json", MIXCOMP_DATA=str(tmp_path / "absent")), code=1)
    assert [check["name"] for check in value["checks"] if not check["ok"] and not check["optional"]] == ["MIXCOMP_DATA"]


def test_doctor_without_any_compiler_tells_how_to_get_one(tmp_path):
    value = one_object(command("doctor", "--json", CC="no-such-cc", MIXCOMP_DATA=""), code=1)
    missing = [check for check in value["checks"] if not check["ok"] and not check["optional"]]
    assert [check["name"] for check in missing] == ["host C compiler"]
    assert "no-such-cc" in missing[0]["found"]


# Errors


def test_an_error_with_json_is_one_object_too(tmp_path):
    done = command("verify", tmp_path / "absent.mce", "--json")
    assert done.returncode == 2
    assert "absent.mce" in json.loads(done.stdout)["error"]
    assert "Traceback" not in done.stderr


ERRORS = {
    "no such file": (["verify", "absent.mce"], "absent.mce"),
    "no such file to export": (["export", "absent.mce", "-o", "c"], "absent.mce"),
    "no such file to simulate": (["simulate", "absent.mce"], "absent.mce"),
    "not a bundle": (["verify", "text.mce"], "text.mce"),
    "cut": (["verify", "cut.mce"], "cut.mce"),
    "not a project": (["verify", "."], "not an exported project"),
    "unknown target": (["export", "tiny.mce", "-o", "c", "-t", "cortex-m5"], "unknown target 'cortex-m5'"),
    "chip of another core": (
        ["simulate", "tiny.mce", "-t", "cortex-m4", "--chip", "rp2040"],
        "no chip 'rp2040' with the core of cortex-m4. These have it: nrf52840, stm32l4r5",
    ),
    "not emulated": (["simulate", "tiny.mce", "-t", "generic"], "cannot be emulated"),
    "unknown transport": (["verify", "tiny.mce", "--on", "moon"], "unknown transport 'moon'"),
    "unknown toolchain": (["simulate", "tiny.mce", "--toolchain", "keil"], "unknown toolchain 'keil'"),
    "foreign folder": (["export", "tiny.mce", "-o", "mine"], "--force"),
    "unknown task": (["quantize", "digts", "-o", "a.mce"], "Did you mean 'digits'"),
    "must be a file in a folder that exists": (
        ["quantize", "digits", "-o", "no/where/a.mce"],
        "the folder no/where does not exist. Make it first",
    ),
    "unknown format": (["quantize", "digits", "--weights", "fixp5", "-o", "a.mce"], "unknown weight format 'fixp5'"),
    "odd bits": (["quantize", "digits", "--act-bits", "5", "-o", "a.mce"], "act_bits is 5"),
    "unknown granularity": (["quantize", "digits", "--granularity", "row", "-o", "a.mce"], "granularity is 'row'"),
    "no such plan": (["quantize", "digits", "--plan", "absent.toml", "-o", "a.mce"], "absent.toml"),
    "a plan and an option": (["quantize", "digits", "--plan", "p.toml", "--act-bits", "4", "-o", "a.mce"], "--plan"),
    "no such recipe": (["quantize", "digits", "--recipe", "absent.toml", "-o", "a.mce"], "absent.toml"),
    "bad recipe": (["quantize", "digits", "--recipe", "bad.toml", "-o", "a.mce"], "unknown key 'epoch'"),
    "negative epochs": (["quantize", "digits", "--epochs", "-1", "-o", "a.mce"], "epochs"),
    "negative seed": (["quantize", "digits", "--seed", "-1", "-o", "a.mce"], "seed"),
    "layer that is none, before the training": (
        ["analyze", "task.py:untrained", "--force", "nosuch", "-o", "p.toml"],
        "the model has no layer 'nosuch'. Its layers: 0",
    ),
    "forced beyond the budget, before the training": (
        ["analyze", "task.py:untrained", "--force", "0", "--eta", "0.1", "-o", "p.toml"],
        "forced layers alone are beyond the budget: 6 parameters of 0",
    ),
    "plan of another model, before the training": (
        ["quantize", "task.py:untrained", "--plan", "other.toml", "-o", "a.mce"],
        "the model has no layer 'b1a.conv'",
    ),
    "unsupported, before the training": (["quantize", "task.py:untrained_sums", "-o", "a.mce"], "aten.cumprod"),
    "fall-back without validation, before the training": (
        ["quantize", "task.py:untrained", "--weights", "posit", "--fall-back", "-o", "a.mce"],
        "has no validation data to decide between mixed and FixP4 by; drop --fall-back",
    ),
    "energy below nothing": (
        ["analyze", "task.py:plain", "--energy-budget", "-1", "--mac-overhead", "0.1", "-o", "p.toml"],
        "energy is -1.0",
    ),
    "sweep of no task": (["sweep", "task.py", "-o", "out"], "add the function that returns the Task"),
    "sweep of an unknown task": (["sweep", "digts", "-o", "out"], "Did you mean 'digits'"),
    "sweep by a bad recipe": (["sweep", "digits", "--recipe", "bad.toml", "-o", "out"], "unknown key 'epoch'"),
    "sweep beyond all": (["sweep", "digits", "--eta", "2", "-o", "out"], "eta is 2.0"),
    "run without the compiler": (
        ["run", "task.py:plain", "--toolchain", "keil", "-o", "out"],
        "unknown toolchain 'keil'",
    ),
    "function with arguments": (
        ["quantize", "task.py:make", "-o", "a.mce"],
        "make() is called without arguments: missing a required argument: 'name'. Give them defaults",
    ),
    "function without return": (["quantize", "task.py:forgot", "-o", "a.mce"], "Does it end without a return?"),
    "bad data": (["quantize", "task.py:bad_data", "-o", "a.mce"], "line 14: task bad: calibration is not finite"),
    "task file": (["quantize", "task.py:broken", "--epochs", "0", "-o", "a.mce"], "ZeroDivisionError"),
    "unsupported": (["quantize", "task.py:sums", "--epochs", "0", "-o", "a.mce"], "aten.cumprod"),
    "bad name": (["quantize", "task.py:named", "--epochs", "0", "-o", "a.mce"], "My Model"),
    "epochs without data": (["quantize", "task.py:plain", "--epochs", "1", "-o", "a.mce"], "no training data"),
    "output is a folder": (["quantize", "task.py:plain", "-o", "mine"], "mine"),
    "run onto a file": (["run", "task.py:plain", "-o", "text.mce"], "text.mce"),
    "bundle and how to quantize": (
        ["run", "task.py:plain", "--bundle", "tiny.mce", "--epochs", "1", "-o", "out"],
        "--bundle",
    ),
    "bundle of another task": (["run", "task.py:plain", "--bundle", "tiny.mce", "-o", "out"], "was made from task"),
    "unknown target of run": (["run", "task.py:plain", "-o", "out", "-t", "generic"], "cannot be emulated"),
}
TASKS = """
import torch
from mixcomp_edge import Task
from mixcomp_edge import Recipe, Split
class Sums(torch.nn.Module):
    def forward(self, x): return x.cumprod(1)
def make(name, *layers, **more):
    return Task(name, torch.nn.Sequential(torch.nn.Linear(3, 2), *layers), (3,), torch.rand(8, 3), **more)
def train(name, *layers):  # the epochs of a long night, if they begin
    return make(name, *layers, train=Split(torch.rand(64, 3), torch.arange(64) % 2), float_recipe=Recipe(epochs=99999))
def untrained(): return train("untrained")
def untrained_sums(): return train("untrained", Sums())
def forgot(): make("plain")
def bad_data(): return Task("bad", torch.nn.Linear(3, 2), (3,), [[1.0, 2.0, float("nan")]])
def broken(): return 1 / 0
def sums(): return make("sums", Sums())
def named(): return make("My Model")
def plain(): return make("plain")
"""


@pytest.mark.parametrize(("words", "message"), ERRORS.values(), ids=ERRORS)
def test_an_error_of_the_user_is_2_and_says_what(words, message, tiny_mce, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(tiny_mce, "tiny.mce")
    Path("text.mce").write_text("hello")
    Path("cut.mce").write_bytes(tiny_mce.read_bytes()[:-9])
    Path("bad.toml").write_text("epoch = 3\n")
    Path("p.toml").write_text("[default]\n")
    Path("other.toml").write_text('[layers."b1a.conv"]\nweights = "posit4"\n')
    Path("task.py").write_text(TASKS)
    Path("mine").mkdir()
    Path("mine/diary.txt").write_text("dear diary")
    assert message in refusal(command(*words))
    assert Path("mine/diary.txt").read_text() == "dear diary"
    assert not list(Path().glob(".*"))  # no temporary file


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


# A task from end to end


def test_a_users_task_goes_from_quantize_to_simulate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("task.py").write_text(TASKS)
    value = one_object(command("quantize", "task.py:plain", "-o", "plain.mce", "--json"))
    assert (value["task"], value["bundle"]) == ("plain", "plain.mce")
    assert value["metric"] == {"name": None, "unit": None, "float": None, "integer": None}
    one_object(command("export", "plain.mce", "-t", "cortex-m3", "-o", "c", "--json"))
    assert one_object(command("verify", "c", "--on", "emulator", "--json"))["target"] == "cortex-m3"
    assert one_object(command("simulate", "c", "--json"))["bit_exact"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == [
        "c",
        "plain.mce",
        "task.py",
    ]


def test_run_does_everything_and_leaves_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("task.py").write_text(TASKS)
    value = one_object(command("run", "task.py:plain", "-o", "out", "--json"))
    assert value["exact"] is True
    report = json.loads(Path("out/report.json").read_text())
    assert {key: report[key] for key in value} == value
    assert {path.name for path in Path("out").iterdir()} == {"plain.mce", "c", "report.json", "report.html"}
    page = Path("out/report.html").read_text()
    instructions = f"{report['simulation']['instructions']:,}"
    assert f"<b>{instructions}</b><span>instructions, counted</span>" in page
    assert all(f"<td>{verdict['elements']:,} / 0</td>" in page for verdict in report["verdicts"])


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


def test_the_host_needs_no_package_of_the_simulator_and_what_does_says_which(tiny_mce):
    assert command("verify", tiny_mce, program=NO_SIMULATOR).returncode == 0
    for words in (("verify", tiny_mce, "--on", "emulator"), ("simulate", tiny_mce)):
        told = refusal(command(*words, program=NO_SIMULATOR))
        assert re.search(r"the package \w+ is missing. Run pip install 'mixcomp-edge\[sim\]'", told)


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
