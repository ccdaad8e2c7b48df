"""Training learns, an interrupted run ends like an unbroken one, and what is trained is what is lowered."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mixcomp_edge import Recipe, quantize
from mixcomp_edge.errors import PlanError, StorageError, TaskError
from mixcomp_edge.train.loop.checkpoint import MAGIC
from mixcomp_edge.train.loop.fit import fit
from mixcomp_edge.train.quantize import delete_checkpoints
from mixcomp_edge.train.quantized_model import prepare
from sdk.training.tasks_for_tests import corners

PROGRAM = Path(__file__).with_name("tasks_for_tests.py")
FLOAT, QUANTIZED = ".float.ckpt", ".ckpt"


class Log(list):
    """A listener that keeps (stage, epoch, running loss) of each step."""

    def __call__(self, progress):
        self.append((progress.stage, progress.epoch, progress.loss))

    def epochs(self, stage: str) -> list[int]:
        return sorted({epoch for name, epoch, _ in self if name == stage})


# Learning


def test_training_reduces_the_loss_and_separates_the_classes():
    log = Log()
    result = quantize(corners(), listener=log)
    first = [loss for stage, epoch, loss in log if (stage, epoch) == ("float", 0)]
    last = [loss for stage, epoch, loss in log if (stage, epoch) == ("quantized", 5)]
    assert np.mean(last) < 0.5 * np.mean(first)
    assert result.float_score > 0.9
    assert result.integer_score > 0.9


def test_retraining_repairs_what_quantization_to_one_coarse_scale_breaks():
    from mixcomp_edge import LayerPlan, QuantPlan

    task = corners(float_recipe=None)
    fit(task.model, task, Recipe(epochs=10, batch_size=20, lr=0.05), stage="float")
    plan = QuantPlan(LayerPlan("posit4e1", "tensor"))

    def loss(model):
        with torch.no_grad():
            return float(task.objective.loss(model(task.to_input(task.train.x)), torch.from_numpy(task.train.y)))

    model = prepare(task.model, task.calibration, plan, "corners")
    before = loss(model)
    fit(model, task, Recipe(epochs=15, batch_size=20, lr=0.02))
    assert loss(model) < before


def test_distillation_follows_the_teacher_without_labels():
    task = corners(float_recipe=None)
    fit(task.model, task, Recipe(epochs=10, batch_size=20, lr=0.05), stage="float")
    student = prepare(task.model, task.calibration, name="corners")
    wrong = corners(train=type(task.train)(task.train.x, np.zeros_like(task.train.y)))
    fit(student, wrong, Recipe(epochs=5, batch_size=20, lr=0.01, distill=1.0), teacher=task.model)
    with torch.no_grad():
        x = task.to_input(task.test.x)
        assert (student(x).argmax(1) == task.model(x).argmax(1)).float().mean() > 0.9


def test_a_fixed_input_step_does_not_move():
    task = corners(float_recipe=None)
    model = prepare(task.model, task.calibration, name="corners")
    before = model.quantizer("input").qtype()
    fit(model, task, Recipe(epochs=2, batch_size=20, lr=0.05, lr_step=0.1))
    assert model.quantizer("input").qtype() == before
    assert model.quantizer("0").log_step.grad is not None


def test_training_leaves_the_number_of_threads_and_gives_the_same_twice():
    threads = torch.get_num_threads()
    bundles = [quantize(corners(recipe=Recipe(epochs=2, batch_size=50, threads=1))).bundle.to_bytes() for _ in "ab"]
    assert bundles[0] == bundles[1]
    assert torch.get_num_threads() == threads


def test_another_seed_trains_to_other_weights():
    a, b = (quantize(corners(recipe=Recipe(epochs=2, lr=0.05, seed=seed))).bundle.to_bytes() for seed in (0, 1))
    assert a != b


def test_a_task_without_training_data_can_only_be_calibrated():
    task = corners(train=None, test=None)
    with pytest.raises(PlanError, match="--epochs 0"):
        quantize(task)
    with pytest.raises(TaskError, match="corners: has no training data"):
        fit(task.model, task, Recipe(epochs=1))
    result = quantize(task, recipe=Recipe(epochs=0))
    assert (result.float_score, result.integer_score) == (None, None)


# Interrupted


def run(bundle: Path, pause: float) -> list[str]:
    """Epochs that an undisturbed run of the program begins."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(bundle), str(pause)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> bytes:
    bundle = tmp_path_factory.mktemp("unbroken") / "corners.mce"
    lines = run(bundle, 0.0)
    assert lines == [f"{stage} {epoch}" for stage in ("float", "quantized") for epoch in range(6)]
    return bundle.read_bytes()


@pytest.mark.parametrize("suffix", [FLOAT, QUANTIZED])
def test_a_killed_run_goes_on_after_its_last_epoch_and_ends_with_the_same_bytes(suffix, unbroken, tmp_path):
    bundle = tmp_path / "corners.mce"
    checkpoint = bundle.with_name(bundle.name + suffix)
    process = subprocess.Popen([sys.executable, str(PROGRAM), str(bundle), "0.05"], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert checkpoint.exists()
    assert not bundle.exists()

    lines = run(bundle, 0.0)
    stage = "float" if suffix == FLOAT else "quantized"
    assert f"{stage} 0" not in lines
    assert lines[-1] == "quantized 5"
    if suffix == QUANTIZED:
        assert not any(line.startswith("float") for line in lines)
    assert bundle.read_bytes() == unbroken


def test_the_command_killed_on_digits_goes_on_and_writes_the_bundle_of_an_unbroken_run(tmp_path):
    def command(name):
        program = "from mixcomp_edge.cli import main; main()"
        arguments = ["quantize", f"{PROGRAM}:short_digits", "--recipe", "best", "-o", str(tmp_path / name)]
        return subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.DEVNULL)

    assert command("whole.mce").wait(timeout=300) == 0
    process, checkpoint = command("killed.mce"), tmp_path / "killed.mce.ckpt"
    try:
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert state_in(checkpoint)["epoch"] < 6
    assert not (tmp_path / "killed.mce").exists()
    assert command("killed.mce").wait(timeout=300) == 0
    assert (tmp_path / "killed.mce").read_bytes() == (tmp_path / "whole.mce").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed.mce", "whole.mce"]


def test_a_checkpoint_of_another_recipe_or_another_start_is_left_aside(tmp_path):
    file, first, log = tmp_path / "a.ckpt", Recipe(epochs=2, batch_size=60), Log()

    def model(shift=0.0):
        quantized = prepare(corners().model, corners().calibration, name="corners")
        with torch.no_grad():
            quantized.layer("0").bias.add_(shift)
        return quantized

    fit(model(), corners(), first, checkpoint=file)
    fit(model(), corners(), first.with_(lr=0.001), checkpoint=file, listener=log)
    assert log.epochs("train") == [0, 1]
    fit(model(0.5), corners(), first.with_(lr=0.001), checkpoint=file, listener=(again := Log()))
    assert again.epochs("train") == [0, 1]
    fit(model(0.5), corners(), first.with_(lr=0.001), checkpoint=file, listener=(finished := Log()))
    assert finished.epochs("train") == []


def test_more_epochs_are_another_recipe(tmp_path):
    file = tmp_path / "a.ckpt"
    model = lambda: prepare(corners().model, corners().calibration, name="corners")  # noqa: E731
    fit(model(), corners(), Recipe(epochs=1), checkpoint=file)
    fit(model(), corners(), Recipe(epochs=2), checkpoint=file, listener=(log := Log()))
    assert log.epochs("train") == [0, 1]


HEADER = len(MAGIC) + 32  # and the SHA-256


def state_in(file: Path) -> dict:
    return torch.load(io.BytesIO(file.read_bytes()[HEADER:]), weights_only=True)


def forged(file: Path, change) -> bytes:
    """The checkpoint with its state changed and its digest right."""
    state, buffer = state_in(file), io.BytesIO()
    change(state)
    torch.save(state, buffer)
    return MAGIC + hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue()


def saved(value: object) -> bytes:
    torch.save(value, buffer := io.BytesIO())
    return MAGIC + hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue()


def one_bit(data: bytes, at: float) -> bytes:
    index = int(at * (len(data) - 1))
    return data[:index] + bytes([data[index] ^ 4]) + data[index + 1 :]


def zipped(size: int) -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(size))
    return MAGIC + hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue()


DAMAGE = {
    "cut": lambda f: f.read_bytes()[: f.stat().st_size // 2],
    "empty": lambda f: b"",
    "text": lambda f: b"hello " * 99,
    "one bit of the header": lambda f: one_bit(f.read_bytes(), 0.0),
    "one bit of the digest": lambda f: one_bit(f.read_bytes(), 40 / f.stat().st_size),
    "one bit of the weights": lambda f: one_bit(f.read_bytes(), 0.6),
    "the last bit": lambda f: one_bit(f.read_bytes(), 1.0),
    "a file of torch's": lambda f: f.read_bytes()[HEADER:],
    "another object": lambda f: saved([1, 2]),
    "no dictionary": lambda f: saved(torch.zeros(3)),
    "more than it may have": lambda f: f.read_bytes() + bytes(4 << 20),
    "zip that grows": lambda f: zipped(1 << 30),
    "epoch -5": lambda f: forged(f, lambda s: s.update(epoch=-5)),
    "epoch 99": lambda f: forged(f, lambda s: s.update(epoch=99)),
    "epoch 1.0": lambda f: forged(f, lambda s: s.update(epoch=1.0)),
    "epoch true": lambda f: forged(f, lambda s: s.update(epoch=True)),
    "moments of another shape": lambda f: forged(f, lambda s: s["moments"][0].update(exp_avg=torch.zeros(99, 99))),
    "moments of another parameter": lambda f: forged(f, lambda s: s["moments"].update({99: s["moments"].pop(0)})),
    "moments missing": lambda f: forged(f, lambda s: s["moments"][0].pop("step")),
    "moments as list": lambda f: forged(f, lambda s: s.update(moments=[1])),
    "weights of another shape": lambda f: forged(f, lambda s: s["model"].update({"0.bias": torch.ones(9)})),
    "weights missing": lambda f: forged(f, lambda s: s["model"].popitem()),
    "weights as text": lambda f: forged(f, lambda s: s["model"].update(dict.fromkeys(s["model"], "x"))),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_checkpoint_is_told_and_the_run_ends_with_the_same_bytes(kind, tmp_path, caplog):
    """From the one before it, and where that is damaged too, from the start."""
    bundle, file = tmp_path / "corners.mce", tmp_path / "corners.mce.ckpt"
    task = lambda: corners(float_recipe=None, recipe=Recipe(epochs=3, batch_size=60))  # noqa: E731
    whole = quantize(task(), checkpoint=bundle).bundle.to_bytes()
    before = file.with_name("corners.mce.ckpt.before")
    damage = DAMAGE[kind](file)
    file.write_bytes(damage)
    log = Log()
    assert quantize(task(), checkpoint=bundle, listener=log).bundle.to_bytes() == whole
    assert log.epochs("quantized") == [2]
    assert f"{file}: this checkpoint is damaged" in caplog.text
    assert "goes on from the one before it, after epoch 2." in caplog.text
    file.write_bytes(damage)
    before.write_bytes(damage)
    log = Log()
    assert quantize(task(), checkpoint=bundle, listener=log).bundle.to_bytes() == whole
    assert log.epochs("quantized") == [0, 1, 2]
    assert "Training starts again." in caplog.text


def test_a_pipe_or_a_folder_in_a_checkpoints_place_is_refused_at_once(tmp_path):
    for make in (os.mkfifo, os.mkdir):
        make(tmp_path / "corners.mce.ckpt")
        with pytest.raises(StorageError, match=r"corners\.mce\.ckpt: is a (device or a pipe|folder)"):
            quantize(corners(float_recipe=None, recipe=Recipe(epochs=1)), checkpoint=tmp_path / "corners.mce")
        (os.unlink if make is os.mkfifo else os.rmdir)(tmp_path / "corners.mce.ckpt")


def test_a_checkpoint_is_whole_or_not_there_and_delete_removes_both(tmp_path):
    bundle = tmp_path / "corners.mce"
    quantize(corners(recipe=Recipe(epochs=1), float_recipe=Recipe(epochs=1)), checkpoint=bundle)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corners.mce.ckpt", "corners.mce.float.ckpt"]
    delete_checkpoints(bundle)
    assert not os.listdir(tmp_path)
    delete_checkpoints(bundle)


# What a run depends on


class Dropping(torch.nn.Module):
    """A net with dropout, which draws from torch's global generator."""

    def __init__(self):
        super().__init__()
        self.one, self.norm, self.two = torch.nn.Linear(2, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 3)

    def forward(self, x):
        return self.two(torch.nn.functional.dropout(torch.relu(self.norm(self.one(x))), 0.5, self.training))


def dropping() -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Dropping()


def test_dropout_depends_on_seed_and_epoch_alone_and_leaves_the_global_generator():
    results = []
    for outside in (1, 2):
        torch.manual_seed(outside)
        state = torch.get_rng_state()
        model = fit(dropping(), corners(), Recipe(epochs=2, batch_size=20))
        assert torch.equal(state, torch.get_rng_state())
        results.append(torch.cat([parameter.flatten() for parameter in model.parameters()]))
    assert torch.equal(*results)


def test_every_legal_seed_trains():
    fit(dropping(), corners(), Recipe(epochs=1, batch_size=60, seed=2**63 - 1))


def test_a_last_batch_of_one_sample_is_left_out():
    log = Log()
    fit(dropping(), corners(), Recipe(epochs=1, batch_size=119), listener=log)
    assert len(log) == 1


def test_the_teacher_keeps_its_statistics():
    teacher = dropping().train()
    before = teacher.norm.running_mean.clone()
    task = corners()
    fit(prepare(dropping(), task.calibration), task, Recipe(epochs=1, batch_size=20, distill=0.5), teacher=teacher)
    assert torch.equal(before, teacher.norm.running_mean)


def test_a_mixed_plan_falls_back_to_fixp4_unless_it_is_better_on_validation_data(tmp_path):
    from mixcomp_edge import LayerPlan, QuantPlan
    from mixcomp_edge.train.loop.fit import evaluate

    mixed, fixed = QuantPlan(LayerPlan("posit4e1", "tensor")), QuantPlan(LayerPlan("fixp4", "tensor"))
    for labels in (0, 1):
        task = corners(float_recipe=None)
        task = replace(task, validation=replace(task.test, y=np.roll(task.test.y, labels)))
        result = quantize(task, mixed, checkpoint=tmp_path / "c.mce", fall_back=True)
        scores = result.bundle.origin["validation"]
        for name, plan in (("mixed", mixed), ("fixp4", fixed)):
            model = prepare(corners().model, task.calibration, plan, "corners")
            fit(model, task, task.recipe)
            assert evaluate(model, task, task.validation) == scores[name]
        formats = {result.bundle.origin["plan"]["layers"].get(name, {}).get("weights", "posit4e1") for name in "03"}
        assert formats == ({"posit4e1"} if scores["mixed"] > scores["fixp4"] else {"fixp4"})
    delete_checkpoints(tmp_path / "c.mce")
    assert not os.listdir(tmp_path)
    assert "validation" not in quantize(corners(float_recipe=None), fixed, fall_back=True).bundle.origin
    with pytest.raises(PlanError, match="no validation data"):
        quantize(corners(float_recipe=None), mixed, fall_back=True)


def test_what_cannot_be_lowered_is_refused_before_the_retraining():
    from mixcomp_edge import LayerPlan, QuantPlan
    from mixcomp_edge.errors import LoweringError

    log = Log()
    with pytest.raises(LoweringError, match="posit4e2 has levels above 16 bits"):
        quantize(corners(float_recipe=None), QuantPlan(LayerPlan("posit4e2")), listener=log)
    assert not log


def test_top1_takes_maps_of_one_pixel_as_rows():
    from mixcomp_edge.train.metrics import top1

    logits = np.eye(3)[[0, 2, 1]]
    assert top1(logits, np.array([0, 2, 1])) == top1(logits.reshape(3, 3, 1, 1), np.array([0, 2, 1])) == 1.0
