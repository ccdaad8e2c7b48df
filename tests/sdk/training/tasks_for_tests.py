"""A task that anything can learn, in a second: which of three corners a point is near. Run as a program it quantizes
the task and prints each epoch as it begins, for tests that kill it."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mixcomp_edge import Recipe, Split, Task, load_task

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def corners(**changes) -> Task:
    """120 points for training, 60 for testing; (N, 2) float32, classes 0..2."""
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(3), 60)
    x = (CORNERS[y] + 0.15 * rng.normal(size=(180, 2))).astype(np.float32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    entries = {
        "name": "corners", "model": model, "input_shape": (2,), "calibration": torch.from_numpy(x[:120]),
        "recipe": Recipe(epochs=6, batch_size=20, lr=0.02), "float_recipe": Recipe(epochs=6, batch_size=20, lr=0.05),
        "train": Split(x[:120], y[:120]), "test": Split(x[120:], y[120:]),
        "augment": lambda batch, generator: batch + 0.01 * torch.randn(batch.shape, generator=generator),
    }  # fmt: skip
    return Task(**entries | changes)


def short_digits() -> Task:
    """The built-in task with fewer epochs."""
    task = load_task("digits")
    recipe, float_recipe = task.recipe.with_(epochs=6), task.float_recipe.with_(epochs=3)
    return replace(task, recipe=recipe, float_recipe=float_recipe)


def main(bundle: Path, pause: float) -> None:
    """Quantizes to `bundle`, its checkpoints beside it; sleeps `pause` seconds a step."""
    from mixcomp_edge import quantize, save_bundle

    seen = set()

    def listen(progress):
        if (progress.stage, progress.epoch) not in seen:
            seen.add((progress.stage, progress.epoch))
            print(progress.stage, progress.epoch, flush=True)
        time.sleep(pause)

    torch.set_num_threads(1)
    save_bundle(quantize(corners(), checkpoint=bundle, listener=listen).bundle, bundle)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
