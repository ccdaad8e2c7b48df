"""The training loop: Adam, cosine schedule, a checkpoint after each epoch. An interrupted run goes on where the last
epoch ended and ends with the very same weights, because every random draw depends on seed and epoch alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.loop import checkpoint as checkpoints
from mixcomp_edge.train.loop.batches import batches, epoch_seed, steps_per_epoch
from mixcomp_edge.train.loop.engine import Engine, OneProcess
from mixcomp_edge.train.loop.losses import Dampening, Inside, mixed_loss
from mixcomp_edge.train.method.quantizers import WeightQuantizer
from mixcomp_edge.train.quantized_model import QuantizedModel, learning
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.samples import Samples, change, each, join
from mixcomp_edge.train.task import Split, Task


@dataclass(frozen=True)
class Progress:
    """One training step, or one layer whose weights are rounded, for whoever shows progress."""

    stage: str
    epoch: int  # from 0
    epochs: int
    step: int  # in the whole run, from 1
    steps: int
    loss: float | None  # running mean; None while layers are rounded
    accuracy: float | None = None  # running share of right answers, where targets are classes or a binary question


Listener = Callable[[Progress], None]
T = TypeVar("T")


def fit(
    model: nn.Module,
    task: Task,
    recipe: Recipe,
    *,
    teacher: nn.Module | None = None,
    stage: str = "train",
    checkpoint: str | Path | None = None,
    listener: Listener | None = None,
    engine: Engine | None = None,
) -> nn.Module:
    """Trains the model in place on task.train and returns it, in eval mode.

    teacher: the float model, for recipe.distill. checkpoint: written after each epoch, and read at the start when it
    is of the same task, recipe and parameters; the caller deletes it when the result is safe. engine: where to run;
    of several processes each returns the same model, and the first alone listens and writes."""
    if task.train is None:
        raise TaskError(f"{task.name}: has no training data; use --epochs 0 (calibration only).")
    file = None if checkpoint is None else Path(checkpoint)
    with _threads(recipe.threads), learning(model):
        return _fit(model, task, task.train, recipe, teacher, stage, file, listener, engine or OneProcess())


def _fit(
    model: nn.Module, task: Task, split: Split, recipe: Recipe, teacher: nn.Module | None, stage: str,
    checkpoint: Path | None, listener: Listener | None, engine: Engine,
) -> nn.Module:  # fmt: skip
    for module in model.modules():
        if isinstance(module, WeightQuantizer):
            module.estimator = recipe.estimator
    groups = _parameter_groups(model, recipe)
    per_epoch = steps_per_epoch(split, recipe)
    steps = recipe.epochs * per_epoch
    key = checkpoints.fingerprint(model, task, recipe, stage)
    inside = Inside(model) if recipe.features > 0.0 and isinstance(model, QuantizedModel) else None
    teacher = teacher.eval() if teacher is not None and recipe.distill > 0.0 and inside is None else None
    for followed in (teacher, inside.teacher if inside is not None else None):
        if followed is not None:
            followed.to(engine.device)
    optimizer = torch.optim.Adam(groups)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _schedule(step, steps, recipe.warmup))
    model.to(engine.device)
    training = checkpoints.Training(model, optimizer, scheduler, recipe.epochs, per_epoch)
    first = checkpoints.resume(checkpoint, key, training)
    engine.barrier()  # nobody writes a checkpoint that another has yet to read
    step_model, step_optimizer = engine.setup(model, optimizer)
    dampening = Dampening(model, recipe)

    for epoch in range(first, recipe.epochs):
        model.train()
        meter = _Meter(engine)
        with torch.random.fork_rng(devices=[]):  # dropout draws from the global generator
            torch.manual_seed(epoch_seed(recipe, epoch))
            parts = batches(task, split, recipe, epoch, engine.rank, engine.world)
            for step, (x, target, weight) in enumerate(parts, start=epoch * per_epoch + 1):
                x, target = _moved(x, engine.device), _moved(target, engine.device)
                output = step_model(*each(x))
                soft, beside = inside.answers(x) if inside is not None else (_answers(teacher, x), 0.0)
                loss = weight * (mixed_loss(task, recipe, output, target, soft) + recipe.features * beside)
                step_optimizer.zero_grad(set_to_none=True)
                engine.backward(loss + dampening(step / steps))
                step_optimizer.step()
                scheduler.step()
                if listener is not None:
                    meter.add(loss.detach(), weight * task.objective.right(output, target).detach().to(loss.device))
                    if engine.rank == 0:
                        listener(Progress(stage, epoch, recipe.epochs, step, steps, meter.loss, meter.shown_accuracy))
        if checkpoint is not None and engine.rank == 0:
            checkpoints.save(checkpoint, key, epoch + 1, training)
    engine.barrier()
    if inside is not None:
        inside.model.observe = None
    if teacher is not None:
        teacher.to("cpu")
    return model.to("cpu").eval()


@torch.no_grad()
def _answers(teacher: nn.Module | None, x: Samples) -> Any:
    return None if teacher is None else teacher(*each(x))


def _moved(tree: T, device: torch.device) -> T:
    return change(tree, lambda tensor: tensor.to(device))


class _Meter:
    """Running means over about the last fifty steps of an epoch, over all ranks."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.steps, self.loss, self.accuracy = engine, 0, 0.0, 0.0

    def add(self, loss: Tensor, right: Tensor) -> None:
        """loss, right: of this rank's part, weighted so that their mean over the ranks is that of the batch."""
        self.steps = min(self.steps + 1, 50)
        loss_now, right_now = (self.engine.sum(torch.stack([loss, right])) / self.engine.world).tolist()
        self.loss += (loss_now - self.loss) / self.steps
        self.accuracy += (right_now - self.accuracy) / self.steps

    @property
    def shown_accuracy(self) -> float | None:
        return None if math.isnan(self.accuracy) else self.accuracy


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
def predict(model: nn.Module, task: Task, split: Split, batch_size: int = 500) -> Any:
    """Outputs (N, ...) float32 of a float or fake-quantized model on a split; several as the model returns them."""
    model.eval()
    starts = range(0, len(split), batch_size)
    outputs = [model(*each(task.inputs(split, slice(start, start + batch_size)))) for start in starts]
    return change(join(outputs), lambda tensor: tensor.numpy())


def evaluate(model: nn.Module, task: Task, split: Split | None) -> float | None:
    """The task's metric of the model on a split; None without split or metric."""
    if split is None or task.objective.metric is None:
        return None
    return task.objective.metric(predict(model, task, split), split.y)
