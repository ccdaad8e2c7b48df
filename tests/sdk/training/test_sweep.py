"""A sweep does every point once, goes on after a killed worker, and says what failed; the same on Ray where it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mixcomp_edge import load_bundle
from mixcomp_edge.errors import RecipeError, TaskError
from mixcomp_edge.storage import unsealed
from mixcomp_edge.train.loop import sweep as module
from mixcomp_edge.train.loop.sweep import Outcome, Point, grid, interval, summary, sweep

TASK = f"{Path(__file__).with_name('tasks_for_tests.py')}:corners"


@pytest.fixture
def plan(tmp_path) -> str:
    path = tmp_path / "tensor.toml"
    path.write_text('[default]\ngranularity = "tensor"\n')
    return str(path)


def test_a_grid_is_all_combinations_and_names_differ_with_content(plan, tmp_path):
    points = grid("digits", [plan], [0.0, 0.1], ["paper", "best"], [0, 1, 2], 4)
    assert len(points) == len({point.name for point in points}) == 12
    assert points[0].name.startswith("tensor-eta0-paper-seed0-")
    before = points[0].name
    Path(plan).write_text('[default]\ngranularity = "channel"\n')
    assert points[0].name != before
    assert grid("digits", [], [], [], [], None) == [Point("digits", None, None, None, 0)]
    with pytest.raises(TaskError, match=r"gone.toml: there is no such plan"):
        grid("digits", ["gone.toml"], [], [], [0], None)


def test_each_point_leaves_a_bundle_and_a_record_and_a_second_sweep_does_nothing(plan, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    points = grid(TASK, [plan], [0.6], ["best"], [0, 1], 2)
    outcomes = sweep(points, folder)
    assert not any(outcome.error or outcome.skipped for outcome in outcomes)
    for outcome in outcomes:
        bundle = load_bundle(folder / f"{outcome.point.name}.mce")
        assert bundle.sha256 == outcome.result["sha256"]
        assert bundle.origin["recipe"]["seed"] == outcome.point.seed
        assert bundle.origin["recipe"]["epochs"] == 2
        assert 0.0 <= outcome.result["posit_share"] <= 0.6
        assert bundle.origin["plan"]["default"]["granularity"] == "tensor"
    assert not list(folder.glob("*seed*.ckpt"))
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a finished point ran again"))
    again = sweep(points, folder)
    assert [outcome.result for outcome in again] == [outcome.result for outcome in outcomes]
    assert all(outcome.skipped for outcome in again)


def test_a_killed_worker_is_started_again(tmp_path, monkeypatch):
    """A thread kills the first process of the point with SIGKILL."""
    folder, killed, real = tmp_path / "out", [], subprocess.run

    def run(command, **options):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=options["env"]
        )
        if not killed:
            killed.append(process.pid)
            threading.Thread(target=lambda: (time.sleep(0.5), os.kill(process.pid, signal.SIGKILL))).start()
        out, error = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, out, error)

    monkeypatch.setattr(module.subprocess, "run", run)
    (outcome,) = sweep([Point(TASK, None, None, None, 0, 1)], folder)
    monkeypatch.setattr(module.subprocess, "run", real)
    assert killed
    assert outcome.error == ""
    assert outcome.result["integer"] > 0.5


def test_what_fails_is_reported_and_the_rest_is_done(tmp_path):
    good, bad = Point(TASK, None, None, None, 0, 0), Point(TASK, None, None, str(tmp_path / "no.toml"), 0, 0)
    outcomes = sweep([bad, good], tmp_path / "out")
    assert outcomes[0].result is None
    assert "No such file" in outcomes[0].error
    assert outcomes[1].result is not None


def test_the_interval_is_that_of_students_t():
    assert interval([0.5]) is None
    values = [0.871, 0.874, 0.869]
    assert interval(values) == pytest.approx(4.30 * np.std(values, ddof=1) / np.sqrt(3))
    outcomes = [
        Outcome(Point("t", None, 0.1, None, seed), {"integer": v, "posit_share": 0.05}) for seed, v in enumerate(values)
    ]
    (row,) = summary([*outcomes, Outcome(Point("t", None, 0.1, None, 9), None, "failed")])
    assert (row["seeds"], row["mean"]) == (3, pytest.approx(np.mean(values)))


def test_ray_runs_the_same_points(tmp_path):
    ray = pytest.importorskip("ray", reason="ray is not installed: the extra `tune`")
    try:
        (outcome,) = sweep([Point(TASK, None, None, None, 0, 0)], tmp_path / "out", ray_address="local")
    finally:
        ray.shutdown()
    assert outcome.result["sha256"] == sweep([outcome.point], tmp_path / "here")[0].result["sha256"]


def test_without_ray_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RecipeError, match=r"pip install 'mixcomp-edge\[tune\]'"):
        sweep([Point(TASK, None, None, None, 0, 0)], tmp_path, ray_address="auto")


def test_the_verb_writes_a_table_of_means(tmp_path):
    command = [sys.executable, "-c", "from mixcomp_edge.cli import main; main()", "sweep", TASK, "--seeds", "3",
               "--epochs", "0", "-o", str(tmp_path / "out"), "--json"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == unsealed((tmp_path / "out" / "sweep.json").read_bytes())
    assert [(row["seeds"], row["interval"]) for row in found["rows"]] == [(1, None)]
    assert found["failed"] == []
