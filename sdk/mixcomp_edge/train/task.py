"""A task is everything that a verb of the command needs to know of a problem: model, data, loss and metric. It is
checked when it is made, so that whatever does not fit is told by its field's name before any work starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train import task_checks
from mixcomp_edge.train.arrays import as_arrays, as_float
from mixcomp_edge.train.metrics import Metric
from mixcomp_edge.train.objective import Objective
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.samples import Samples, count, take


@dataclass(frozen=True)
class Split:
    """x (N, ...): samples as they are stored, of any real type; y (N, ...): classes as integers, labels as 0 and 1, or
    numbers. NumPy arrays, torch tensors or lists; kept as NumPy arrays. A model with several inputs has a tuple of them
    as x, or a dict by name; one with several outputs may have such targets."""

    x: Any
    y: Any

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            object.__setattr__(self, name, as_arrays(getattr(self, name), f"Split: {name}"))

    def __len__(self) -> int:
        return count(self.x)

    def part(self, chosen: np.ndarray | slice) -> Split:
        """The samples that an index, a slice or a mask picks."""
        return Split(take(self.x, chosen), take(self.y, chosen))


def _as_split(value: Any, what: str) -> Split | None:
    if value is None or isinstance(value, Split):
        return value
    if isinstance(value, tuple) and len(value) == 2:
        return Split(*value)
    raise TaskError(f"{what} is a {type(value).__name__}, expected a Split(x, y).")


@dataclass(frozen=True)
class Task:
    """What `quantize` and `run` work on.

    `model` takes `to_input(raw)`: (N, *input_shape), channels first as in torch, or int64 tokens. `calibration` holds
    such inputs, from training data only. A model with several inputs has shapes, samples and calibration for each, by
    the names of its forward() or in their order. Data may be NumPy or torch, of any real type; models of other float
    types are taken as float32. Without data (`train` and `test` None) a task claims bits, counts and memory, never
    accuracy. `validation` is apart from `train`: recipes, plans and selectors are chosen on it, so that `test` stays
    unseen until the last figure.

    `loss`, a function of (output, target), and `metric`, a `Metric` or a function of the same as arrays, follow from
    the targets where they are not given: integers are classes (cross entropy, top-1 accuracy), 0 and 1 for one logit a
    binary question, 0 and 1 for several logits labels (F1), floats numbers (squared error, RMSE); see `objective`.
    Several outputs come as the model returns them. Where targets are given for each, by name or in order, the loss is
    the sum of theirs.

    `classes` are the names of the classes in their order; predictions, reports and the model's C have them.

    `stream`: the model is to run frame by frame, so many at a time; its C is then the step form of what was trained on
    whole sequences (StreamError where a frame needs later ones).

    `float_recipe` says how to train the model first when its weights are not pretrained. Raises TaskError."""

    name: str
    model: nn.Module
    input_shape: Any
    calibration: Any
    recipe: Recipe = field(default_factory=Recipe)
    train: Split | None = None
    validation: Split | None = None
    test: Split | None = None
    to_input: Callable[[Any], Any] = as_float
    augment: Callable[[Any, torch.Generator], Any] | None = None
    loss: Callable[[Any, Any], Tensor] | str | None = None
    metric: Metric | Callable[[Any, Any], float] | str | None = None
    float_recipe: Recipe | None = None
    stream: int | None = None
    classes: Any = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what its user may like to know
    objective: Objective = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("train", "validation", "test"):
            object.__setattr__(self, name, _as_split(getattr(self, name), f"task {self.name}: {name}"))
        for name, value in task_checks.checked(self).items():
            object.__setattr__(self, name, value)

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that there are, by field."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    def inputs(self, split: Split, chosen: Any = slice(None)) -> Samples:
        """What the model takes for the chosen samples of a split: (N, *input_shape) float32, or int64 tokens."""
        return task_checks.inputs(self, split, chosen)
