"""The state after an epoch as a file: whole or not there, and taken up only by the run that it belongs to.

A file holds its own SHA-256, and the one before it is kept beside it. What is damaged is told and left aside: the run
goes on from the last whole one, or from the start. Nothing is taken from a file but numbers of the shapes that the
model and its optimizer have."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixcomp_edge.documents import read_bytes
from mixcomp_edge.errors import TaskError
from mixcomp_edge.storage import check_file, write_file
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.task import Task

MAGIC = b"mixcomp-edge checkpoint 2\n"
MOMENTS = {"step", "exp_avg", "exp_avg_sq"}  # of Adam, for each parameter
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """What a checkpoint holds the state of. per_epoch: optimizer steps."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LambdaLR
    epochs: int
    per_epoch: int


def fingerprint(model: nn.Module, task: Task, recipe: Recipe, stage: str) -> str:
    """What must be equal for a checkpoint to be taken up: stage, task, recipe, parameters and their first values."""
    digest = hashlib.sha256(json.dumps([stage, task.name, recipe.as_dict()], sort_keys=True).encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()


def resume(checkpoint: Path | None, key: str, training: Training) -> int:
    """Restores the last whole checkpoint of this run; returns the epoch to start with, 0 without one. Those of another
    run are left aside; damaged ones are, too, and told. StorageError where none can be written."""
    if checkpoint is None:
        return 0
    check_file(checkpoint)
    damaged = []
    for path in (checkpoint, _before(checkpoint)):
        if not path.exists():
            continue
        try:
            state = _read(path, training)
            if state["key"] != key:
                continue
            _check(state, training)
        except Exception as error:  # torch, zipfile and pickle raise many kinds
            damaged.append(f"{path}: this checkpoint is damaged ({str(error).splitlines()[0][:200]})")
            continue
        _restore(state, training)
        for text in damaged:
            log.warning("%s. Training goes on from the one before it, after epoch %d.", text, state["epoch"])
        return int(state["epoch"])
    for text in damaged:
        log.warning("%s. Training starts again.", text)
    return 0


def save(path: Path, key: str, epoch: int, training: Training) -> None:
    """Writes the state after `epoch` epochs; the one before it stays beside it."""
    buffer = io.BytesIO()
    moments = training.optimizer.state_dict()["state"]
    torch.save({"key": key, "epoch": epoch, "model": training.model.state_dict(), "moments": moments}, buffer)
    content = buffer.getvalue()
    if path.is_file():
        path.replace(_before(path))
    write_file(path, MAGIC + hashlib.sha256(content).digest() + content)


def delete(path: Path) -> None:
    """Removes a checkpoint and the one before it."""
    for file in (path, _before(path)):
        file.unlink(missing_ok=True)


def _before(path: Path) -> Path:
    return path.with_name(f"{path.name}.before")


def _read(path: Path, training: Training) -> dict[str, Any]:
    parameters = [tensor.numel() * tensor.element_size() + 4096 for tensor in training.model.state_dict().values()]
    most = (1 << 20) + 8 * sum(parameters)  # values, two moments, and what a file of torch holds beside them
    data = read_bytes(path, most, TaskError)
    start = len(MAGIC) + hashlib.sha256().digest_size
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("it is of another version, or no checkpoint")
    if hashlib.sha256(data[start:]).digest() != data[len(MAGIC) : start]:
        raise ValueError("its SHA-256 differs from the recorded one")
    with zipfile.ZipFile(io.BytesIO(data[start:])) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > most:
            raise ValueError("it grows when it is unpacked")
    state = torch.load(io.BytesIO(data[start:]), weights_only=True, map_location="cpu")
    if not isinstance(state, dict) or set(state) != {"key", "epoch", "model", "moments"}:
        raise ValueError("it holds something else")
    return state


def _check(state: Mapping[str, Any], training: Training) -> None:
    """Raises ValueError where the state is not one that `save` has written for this training."""
    if type(state["epoch"]) is not int or not 0 < state["epoch"] <= training.epochs:
        raise ValueError(f"epoch {state['epoch']!r} of {training.epochs}")
    model, moments = training.model.state_dict(), state["moments"]
    _check_shapes(state["model"], model, "the model")
    parameters = [parameter for group in training.optimizer.param_groups for parameter in group["params"]]
    if not isinstance(moments, dict) or not set(moments) <= set(range(len(parameters))):
        raise ValueError("the optimizer's state is of other parameters")
    for index, entry in moments.items():
        parameter = parameters[index]
        wanted = {name: parameter.new_zeros(()) if name == "step" else parameter for name in MOMENTS}
        _check_shapes(entry, wanted, f"the optimizer's state {index}")
        if not 0 <= (steps := float(entry["step"])) <= state["epoch"] * training.per_epoch:
            raise ValueError(f"the optimizer's state {index} is of {steps} steps")


def _check_shapes(found: Any, wanted: Mapping[str, Tensor], what: str) -> None:
    if not isinstance(found, dict) or set(found) != set(wanted):
        raise ValueError(f"{what} has other entries")
    for name, tensor in wanted.items():
        value = found[name]
        if not isinstance(value, Tensor) or (value.shape, value.dtype) != (tensor.shape, tensor.dtype):
            raise ValueError(f"{what} has another shape or type at {name}")
        if value.layout != torch.strided:
            raise ValueError(f"{what} is sparse at {name}")


def _restore(state: Mapping[str, Any], training: Training) -> None:
    """Rates follow from the epoch; they are not the file's to say."""
    optimizer, scheduler, steps = training.optimizer, training.scheduler, state["epoch"] * training.per_epoch
    training.model.load_state_dict(state["model"])
    moments = {  # each with memory of its own
        index: {name: value.contiguous().clone() for name, value in entry.items()}
        for index, entry in state["moments"].items()
    }
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    rates = [base * rate(steps) for base, rate in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    known = scheduler.state_dict()
    scheduler.load_state_dict(known | {"last_epoch": steps, "_step_count": steps + 1, "_last_lr": rates})
