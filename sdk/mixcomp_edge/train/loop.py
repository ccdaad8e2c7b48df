"""The training loop: Adam, cosine schedule, a checkpoint after each epoch. An interrupted run goes on where the last
epoch ended and ends with the very same weights, because every random draw depends on seed and epoch alone."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.quantizers import WeightQuantizer
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.task import Split, Task


@dataclass(frozen=True)
class Progress:
    """One training step, for whoever shows progress."""

    stage: str
    epoch: int  # from 0
    epochs: int
    step: int  # in the whole run, from 1
    steps: int
    loss: float  # running mean


Listener = Callable[[Progress], None]


def fit(
    model: nn.Module,
    task: Task,
    recipe: Recipe,
    *,
    teacher: nn.Module | None = None,
    stage: str = "train",
    checkpoint: Path | None = None,
    listener: Listener | None = None,
) -> nn.Module:
    """Trains the model in place on task.train and returns it, in eval mode.

    teacher: the float model, for recipe.distill. checkpoint: written after each epoch, and read at the start when it
    is of the same task, recipe and parameters; the caller deletes it when the result is safe."""
    if task.train is None:
        raise TaskError(f"{task.name}: has no training data; use --epochs 0 (calibration only).")
    with _threads(recipe.threads):
        return _fit(model, task, task.train, recipe, teacher, stage, checkpoint, listener)


def _fit(
    model: nn.Module, task: Task, split: Split, recipe: Recipe, teacher: nn.Module | None, stage: str,
    checkpoint: Path | None, listener: Listener | None,
) -> nn.Module:  # fmt: skip
    if teacher is not None:
        teacher.eval()
    for module in model.modules():
        if isinstance(module, WeightQuantizer):
            module.estimator = recipe.estimator
    optimizer = torch.optim.Adam(_parameter_groups(model, recipe))
    steps_per_epoch = max(1, math.ceil(len(split) / recipe.batch_size))
    steps = recipe.epochs * steps_per_epoch
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _schedule(step, steps, recipe.warmup))
    key = _fingerprint(model, task, recipe, stage)
    first = _resume(checkpoint, key, model, optimizer, scheduler)

    for epoch in range(first, recipe.epochs):
        model.train()
        running = 0.0
        with torch.random.fork_rng(devices=[]):  # dropout draws from the global generator
            torch.manual_seed(_epoch_seed(recipe, epoch))
            for index, (x, target) in enumerate(_batches(task, split, recipe, epoch)):
                loss = _loss(task, recipe, model(x), target, teacher, x)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                scheduler.step()
                running += (float(loss.detach()) - running) / min(index + 1, 50)
                if listener is not None:
                    step = epoch * steps_per_epoch + index + 1
                    listener(Progress(stage, epoch, recipe.epochs, step, steps, running))
        if checkpoint is not None:
            state = {"key": key, "epoch": epoch + 1, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
            _save_atomically({**state, "scheduler": scheduler.state_dict()}, checkpoint)
    return model.eval()


def _loss(task: Task, recipe: Recipe, output: Tensor, target: Tensor, teacher: nn.Module | None, x: Tensor) -> Tensor:
    """The task's loss, mixed with the cross entropy to the teacher's probabilities."""
    if teacher is None or recipe.distill == 0.0:
        return task.loss(output, target)
    with torch.no_grad():
        soft = teacher(x).softmax(dim=1)
    follow = nn.functional.cross_entropy(output, soft)
    if recipe.distill == 1.0:
        return follow
    return recipe.distill * follow + (1.0 - recipe.distill) * task.loss(output, target)


def _parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """One group a parameter. Adam moves every entry by about its learning rate, so the rate is taken relative to the
    parameter's root mean square: a first layer that sees pixels of 0..255 has weights a hundred times smaller than the
    next. Biases and batch norms start at zero, so theirs is never below that of a tenth. Steps are logarithms already.
    Only weights decay."""
    groups: list[dict[str, Any]] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.endswith(("log_step", "log_scale")):
            groups.append({"params": [parameter], "lr": recipe.lr_step, "weight_decay": 0.0})
            continue
        rms = float(parameter.detach().square().mean().sqrt())
        is_weight = parameter.dim() > 1
        size, decay = max(rms, 1e-3 if is_weight else 0.1), recipe.weight_decay if is_weight else 0.0
        groups.append({"params": [parameter], "lr": recipe.lr * size, "weight_decay": decay})
    return groups


def _schedule(step: int, steps: int, warmup: float) -> float:
    """Factor on the learning rate: linear from 0 to 1, then a half cosine down to 0."""
    ramp = max(1.0, warmup * steps)
    if step < ramp:
        return (step + 1) / ramp
    return 0.5 * (1.0 + math.cos(math.pi * (step - ramp) / max(1.0, steps - ramp)))


def _epoch_seed(recipe: Recipe, epoch: int) -> int:
    return (recipe.seed * 100_003 + epoch) % (1 << 63)


def _batches(task: Task, split: Split, recipe: Recipe, epoch: int) -> Any:
    """Shuffled, augmented batches of one epoch, drawn from (seed, epoch)."""
    order = np.random.default_rng((recipe.seed, epoch)).permutation(len(split))
    generator = torch.Generator().manual_seed(_epoch_seed(recipe, epoch))
    for start in range(0, len(split), recipe.batch_size):
        chosen = order[start : start + recipe.batch_size]
        if len(chosen) == 1 and start > 0:  # batch norm cannot train on one sample
            continue
        x = task.to_input(split.x[chosen])
        if task.augment is not None and recipe.augment:
            x = task.augment(x, generator)
        yield x, torch.from_numpy(split.y[chosen])


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Within it torch uses `count` processor threads; 0 changes nothing. Small models are faster with one."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def predict(model: nn.Module, task: Task, split: Split, batch_size: int = 500) -> np.ndarray:
    """Outputs (N, ...) float32 of a float or fake-quantized model on a split."""
    model.eval()
    outputs = [model(task.to_input(split.x[start : start + batch_size])) for start in range(0, len(split), batch_size)]
    return torch.cat(outputs).numpy()


def accuracy(model: nn.Module, task: Task, split: Split) -> float:
    """The task's metric of the model on a split, 0..1."""
    return task.metric(predict(model, task, split), split.y)


def _fingerprint(model: nn.Module, task: Task, recipe: Recipe, stage: str) -> str:
    """What must be equal for a checkpoint to be taken up: stage, task, recipe, parameters and their first values."""
    digest = hashlib.sha256(json.dumps([stage, task.name, recipe.as_dict()], sort_keys=True).encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()


def _resume(checkpoint: Path | None, key: str, model: nn.Module, optimizer: Any, scheduler: Any) -> int:
    """Restores a fitting checkpoint; returns the epoch to start with. A checkpoint of another run is left aside."""
    if checkpoint is None or not checkpoint.exists():
        return 0
    try:
        state = torch.load(checkpoint, weights_only=True)
        if state["key"] != key:
            return 0
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        return int(state["epoch"])
    except Exception as error:  # torch and pickle raise many kinds for a damaged file
        raise TaskError(f"{checkpoint}: cannot read this checkpoint ({error}). Delete it to start afresh.") from error


def _save_atomically(state: dict[str, Any], path: Path) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
