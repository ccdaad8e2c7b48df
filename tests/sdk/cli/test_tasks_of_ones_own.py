"""Tasks as people bring them, through the command from `quantize` or `run` to `simulate`: what tables and JSON call
each figure, and what comes next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdk.cli.test_verbs import command, one_object, refusal

TASKS = """
import numpy as np
import torch
from torch import nn
from mixcomp_edge import Recipe, Split, Task
X = np.random.default_rng(0).normal(size=(120, 1, 6, 6))  # float64
MEAN = X.mean(axis=(1, 2, 3))
TRAIN, VALIDATION, TEST = slice(0, 70), slice(70, 90), slice(90, 120)
def make(name, y, outputs, **more):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, outputs))
    splits = {part: Split(X[at], y[at]) for part, at in (("train", TRAIN), ("validation", VALIDATION), ("test", TEST))}
    return Task(name, model, (1, 6, 6), X[TRAIN], Recipe(epochs=1), float_recipe=Recipe(epochs=2), **splits, **more)
def classes(): return make("classes", np.digitize(MEAN, [-0.07, 0.07]), 3)
def regression(): return make("regression", 10 * MEAN, 1, loss=nn.MSELoss())
def binary(): return make("binary", MEAN > 0, 1)
def labels(): return make("labels", np.stack([MEAN > 0, X[:, 0, 0, 0] > 0], 1), 2)
def degrees():
    from mixcomp_edge import Metric
    return make("degrees", 10 * MEAN, 1, metric=Metric("mean error", lambda o, t: abs(o - t).mean(), "K", higher=False))
def unknown(): return make("unknown", np.zeros((120, 9)), 3, loss=lambda output, target: output.square().mean())
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(2, 2)
    def forward(self, a, b): return self.one(a) + b
def two_inputs(): return Task("two", Two(), (2,), torch.rand(8, 2))
"""
FOUND = {
    "classes": ("accuracy", "share"),
    "regression": ("RMSE", ""),
    "binary": ("binary accuracy", "share"),
    "labels": ("F1 of the labels", ""),
    "degrees": ("mean error", "K"),
    "unknown": (None, None),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("task.py").write_text(TASKS)
    return tmp_path


@pytest.mark.parametrize(
    ("function", "found"),
    [
        pytest.param(*each, marks=[pytest.mark.long] * (each[0] in ("regression", "labels", "degrees")))
        for each in FOUND.items()
    ],
)
def test_each_kind_of_task_goes_all_the_way_and_its_metric_keeps_its_name(function, found):
    value = one_object(command("quantize", f"task.py:{function}", "-o", "m.mce", "--json"))
    assert (value["metric"]["name"], value["metric"]["unit"]) == found
    assert "accuracy" not in value
    assert (value["metric"]["integer"] is None) == (found[0] is None)
    one_object(command("export", "m.mce", "-o", "c", "--json"))
    assert one_object(command("verify", "c", "--on", "emulator", "--json"))["mismatches"] == 0
    assert one_object(command("simulate", "c", "--json"))["bit_exact"]


@pytest.mark.parametrize("function", ["regression", pytest.param("degrees", marks=pytest.mark.long), "unknown"])
def test_runs_table_and_report_call_no_error_an_accuracy_or_percent(function):
    done = command("run", f"task.py:{function}", "-o", "out", "--emulate", "5")
    assert done.returncode == 0, done.stderr
    report = json.loads(Path("out/report.json").read_text())
    name, unit = FOUND[function]
    assert (report["metric"]["name"], report["metric"]["unit"]) == (name, unit)
    assert "accuracy" not in done.stdout + json.dumps(report)
    rows = [line for line in done.stdout.splitlines() if name and line.startswith(f"│ {name}, ")]
    assert len(rows) == (0 if name is None else 4)
    assert not [row for row in rows if "%" in row]
    assert all(f" {unit}" in row for row in rows)
    assert "outputs that differ" in done.stdout


def test_runs_table_has_time_and_energy_with_their_errors():
    done = command("run", "task.py:classes", "-o", "out", "--emulate", "5")
    table = {line.split("│")[1].strip(): line.split("│")[2].strip() for line in done.stdout.splitlines() if "│" in line}
    cost = json.loads(Path("out/report.json").read_text())["simulation"]
    for what, key, unit, error in (("time", "latency_ms", "ms", "cycles"), ("energy", "energy_uj", "µJ", "energy")):
        text = table[f"{what} on stm32l4r5 at 120 MHz, modelled"]
        number, its_unit, spread, percent = text.split()
        assert float(number.replace(",", "")) == pytest.approx(cost[key], rel=0.01)
        assert (its_unit, spread, percent) == (unit, f"±{100 * cost['error'][error]:.0f}", "%")
    assert table["accuracy, float"].endswith("%")


def test_a_fall_back_says_what_it_kept_and_both_figures():
    Path("mixed.toml").write_text('[layers."3"]\nweights = "posit4e1"\n')
    words = ["quantize", "task.py:regression", "--plan", "mixed.toml", "--fall-back", "-o", "m.mce"]
    told = one_object(command(*words, "--json"))["fall_back"]
    assert set(told) == {"metric", "unit", "mixed", "fixp4", "kept"}
    assert told["kept"] == ("mixed" if told["mixed"] < told["fixp4"] else "fixp4")
    kept = {"mixed": "the mixed plan", "fixp4": "FixP4"}[told["kept"]]
    figures = f"validation RMSE {told['mixed']:.4g} mixed, {told['fixp4']:.4g} all in FixP4."
    assert f"Fall-back: kept {kept}; {figures}" in command(*words).stdout
    words = ["quantize", "task.py:regression", "--fall-back", "-o", "m.mce"]
    assert one_object(command(*words, "--json"))["fall_back"] == {"kept": "fixp4"}
    assert "the plan holds no Posit, so there was nothing to decide" in command(*words).stdout


def test_each_verb_ends_by_naming_the_next_but_not_in_json():
    for words, following in (
        (["check", "task.py:classes"], "quantize task.py:classes -o classes.mce"),
        (["analyze", "task.py:classes", "-o", "p.toml"], "quantize task.py:classes --plan p.toml -o classes.mce"),
        (["quantize", "task.py:classes", "--plan", "p.toml", "-o", "classes.mce"], "export classes.mce -o classes_c"),
        (["export", "classes.mce", "-o", "classes_c"], "verify classes_c --on emulator"),
        (["verify", "classes_c", "--on", "emulator"], "simulate classes_c --per-layer"),
        (["simulate", "classes_c", "--per-layer"], "boards, and mixcomp-edge export M.mce --board BOARD -o DIR"),
    ):
        done = command(*words)
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines()[-1] == f"next: mixcomp-edge {following}"
    assert "next" not in command("verify", "classes_c", "--json").stderr


def test_a_sweep_shows_the_metrics_name():
    done = command("sweep", "task.py:regression", "--seeds", "0,1", "--epochs", "1", "-o", "s")
    assert done.returncode == 0, done.stderr
    assert "RMSE" in done.stdout
    content = json.loads(Path("s/sweep.json").read_text())
    assert content["rows"][0]["metric"] == {"name": "RMSE", "unit": ""}
    assert "accuracy" not in done.stdout
    assert f"{content['rows'][0]['mean']:.4g}" in done.stdout


def test_a_model_of_two_inputs_is_refused_without_a_traceback():
    refusal(command("quantize", "task.py:two_inputs", "-o", "m.mce"))


def test_a_plot_without_matplotlib_is_refused_before_the_training():
    program = "import sys; sys.modules['matplotlib'] = None\nfrom mixcomp_edge.cli import main; main()"
    done = command("analyze", "task.py:classes", "-o", "p.toml", "--plot", "p.png", program=program)
    assert "the plot needs matplotlib" in refusal(done)
    assert not Path("p.toml").exists()


@pytest.mark.parametrize("missing", ["cross compiler", "host compiler"])
def test_a_run_without_a_compiler_is_refused_before_the_training(missing, tmp_path):
    program = "import importlib.util as u; find = u.find_spec\n"
    program += "u.find_spec = lambda name, *rest: None if name == 'ziglang' else find(name, *rest)\n"
    program += "from mixcomp_edge.cli import main; main()"
    surroundings = {"PATH": str(tmp_path)} if missing == "cross compiler" else {"CC": "no-such-cc"}
    done = command("run", "task.py:classes", "-o", "out", program=program, **surroundings)
    assert ("no cross compiler" if missing == "cross compiler" else "no-such-cc") in refusal(done)
    assert not Path("out").exists()
