"""Several processes train like one; the same loop needs no Lightning for one; what is impossible is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mixcomp_edge.errors import RecipeError
from mixcomp_edge.train.loop import engine as engines
from mixcomp_edge.train.loop.batches import batches
from mixcomp_edge.train.loop.engine import Devices, OneProcess, make_engine, parse_devices
from mixcomp_edge.train.recipe import Recipe
from sdk.training.tasks_for_tests import corners

PROGRAM = Path(__file__).with_name("losses_program.py")


def numbers(devices: str) -> np.ndarray:
    """The loss of each of 20 steps, and the sum of the final parameters' magnitudes."""
    folder = str(PROGRAM.parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, str(PROGRAM), devices],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return np.array([float(line) for line in done.stdout.splitlines() if line[:1].isdigit()])


def test_two_processes_see_the_losses_of_one_with_the_same_global_batch():
    pytest.importorskip("lightning", reason="lightning is not installed: several processes need the extra `train`")
    one, two = numbers("cpu"), numbers("cpu:2")
    assert len(one) == len(two) == 21
    assert np.abs(one[:20] - two[:20]).max() < 1e-4
    assert one[20] == pytest.approx(two[20], rel=1e-4)
    assert one[19] < one[0] - 0.1  # it learned meanwhile


def test_the_parts_of_a_batch_are_the_batch_and_their_factors_make_its_mean():
    task, recipe = corners(), Recipe(batch_size=35, seed=3)
    whole = list(batches(task, task.train, recipe, 1))
    parts = [list(batches(task, task.train, recipe, 1, rank, 2)) for rank in (0, 1)]
    for (x, y, weight), *shares in zip(whole, *parts, strict=True):
        assert weight == 1.0
        together = np.concatenate([share[0] for share in shares])
        assert sorted(map(tuple, together)) == sorted(map(tuple, x.numpy()))
        assert sum(len(share[1]) for share in shares) == len(y)
        mean = sum(share[2] * share[0].double().mean(0) for share in shares) / 2
        np.testing.assert_allclose(mean, x.double().mean(0), rtol=1e-6)


def test_the_forms_of_devices():
    assert parse_devices("cpu") == Devices()
    assert parse_devices("cpu:2") == Devices("cpu", 2)
    assert parse_devices("gpu:4x2") == Devices("gpu", 4, 2)
    for wrong in ("", "cpu:", "cpu:0", "tpu", "gpu:2x", "2", "gpu:2:2"):
        with pytest.raises(RecipeError, match="expected cpu, cpu:N, gpu"):
            parse_devices(wrong)


def test_one_process_needs_no_lightning_and_more_say_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning.fabric", None)
    assert isinstance(make_engine("cpu"), OneProcess)
    with pytest.raises(RecipeError, match=r"need Lightning: pip install 'mixcomp-edge\[train\]'"):
        make_engine("cpu:2")


def test_a_missing_gpu_is_named(monkeypatch):
    pytest.importorskip("lightning", reason="lightning is not installed")
    monkeypatch.setattr(engines.torch.cuda, "is_available", lambda: False)
    with pytest.raises(RecipeError, match="PyTorch sees none here"):
        make_engine("gpu")
