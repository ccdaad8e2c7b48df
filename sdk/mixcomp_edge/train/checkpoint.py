"""The state after an epoch as a file: whole or not there, and taken up only by the run that it belongs to."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.task import Task


def fingerprint(model: nn.Module, task: Task, recipe: Recipe, stage: str) -> str:
    """What must be equal for a checkpoint to be taken up: stage, task, recipe, parameters and their first values."""
    digest = hashlib.sha256(json.dumps([stage, task.name, recipe.as_dict()], sort_keys=True).encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()


def resume(checkpoint: Path | None, key: str, model: nn.Module, optimizer: Any, scheduler: Any) -> int:
    """Restores a fitting checkpoint; returns the epoch to start with. A checkpoint of another run is left aside."""
    if checkpoint is None or not checkpoint.exists():
        return 0
    try:
        state = torch.load(checkpoint, weights_only=True, map_location="cpu")
        if not isinstance(state, dict):
            raise TypeError(f"holds a {type(state).__name__}, no training state")
        if state["key"] != key:
            return 0
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        return int(state["epoch"])
    except Exception as error:  # torch and pickle raise many kinds for a damaged file
        raise TaskError(f"{checkpoint}: cannot read this checkpoint ({error}). Delete it to start afresh.") from error


def save(path: Path, key: str, epoch: int, model: nn.Module, optimizer: Any, scheduler: Any) -> None:
    """Writes the state after `epoch` epochs."""
    state = {
        "key": key, "epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }  # fmt: skip
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
