"""A task is everything that a verb of the command needs to know of a problem: model, data, loss and metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from mixcomp_edge.train.recipe import Recipe


@dataclass(frozen=True)
class Split:
    """x (N, *input_shape) uint8 or float32, raw; y (N,) int64 class indices."""

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def part(self, chosen: np.ndarray) -> Split:
        """The samples that an index or a mask picks."""
        return Split(self.x[chosen], self.y[chosen])


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Mean cross entropy of logits output (N, classes) against target (N,)."""
    return nn.functional.cross_entropy(output, target)


def top1(output: np.ndarray, target: np.ndarray) -> float:
    """Share of rows of output (N, classes) whose largest entry (the first of equal ones) is target (N,); 0..1.
    Maps of one pixel, (N, classes, 1, 1), count as rows."""
    rows = output.reshape(len(output), output.shape[1])
    return float(np.mean(np.argmax(rows, axis=1) == target))


@dataclass(frozen=True)
class Task:
    """What `quantize` and `run` work on.

    `model` takes `to_input(raw)`: float32 (N, *input_shape), channels first as in torch, or int64 tokens. `calibration`
    holds such inputs, from training data only. Without data (`train` and `test` None) a task claims bits, counts and
    memory, never accuracy. `validation` is apart from `train`: recipes, plans and selectors are chosen on it, so that
    `test` stays unseen until the last figure. `float_recipe` says how to train the model first when its weights are not
    pretrained. A task that is not `exportable` has operators without C: `quantized_modules.py` trains it in torch."""

    name: str
    model: nn.Module
    input_shape: tuple[int, ...]
    calibration: Tensor
    recipe: Recipe = field(default_factory=Recipe)
    train: Split | None = None
    validation: Split | None = None
    test: Split | None = None
    to_input: Callable[[np.ndarray], Tensor] = lambda raw: torch.from_numpy(np.ascontiguousarray(raw)).float()
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
    metric: Callable[[np.ndarray, np.ndarray], float] = top1
    float_recipe: Recipe | None = None
    exportable: bool = True
    warnings: tuple[str, ...] = ()
