"""A task of files alone: a model in a file of `doors.py`, and samples with or without labels. Without labels the float
model teaches: the integers learn to give what it gives, and are judged by how often both agree."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from mixcomp_edge.errors import TaskError
from mixcomp_edge.ir.class_names import class_count
from mixcomp_edge.train.arrays import as_input
from mixcomp_edge.train.metrics import SHARE, Metric
from mixcomp_edge.train.model_checks import takes_tokens
from mixcomp_edge.train.recipe import load_recipe
from mixcomp_edge.train.samples import change, count, each, join, take
from mixcomp_edge.train.task import Split, Task
from mixcomp_edge.train.tasks.doors import Opened, open_model
from mixcomp_edge.train.tasks.holdout import hold_out
from mixcomp_edge.train.tasks.images import SAMPLE, sample
from mixcomp_edge.train.tasks.patches import with_patches
from mixcomp_edge.train.tasks.samples import Samples, read_samples
from mixcomp_edge.train.tasks.source import Source

TEST_SHARE = 0.2  # of each class, where the file has no test samples
NOISE, NOISE_ELEMENTS = 64, 1 << 22  # samples where there is no data, and their elements together


class Normalized(nn.Module):
    """(raw * scale - mean) / std before the model."""

    gain: Tensor
    offset: Tensor

    def __init__(self, model: nn.Module, source: Source, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.model = model
        one = (1,) * (len(shape) - 1)
        gain = (source.scale if source.scale is not None else 1.0) / np.array(source.std or (1.0,), np.float64)
        offset = -np.array(source.mean or (0.0,), np.float64) / np.array(source.std or (1.0,), np.float64)
        for name, values in (("gain", gain), ("offset", offset)):
            if values.size not in (1, shape[0]) or not np.isfinite(values).all():
                raise TaskError(
                    f"--scale, --mean and --std: finite numbers, one, or one for each of {shape[0]} channels."
                )
            self.register_buffer(name, torch.from_numpy(values).float().reshape(-1, *one))

    def forward(self, x: Tensor) -> Any:
        return self.model(self.normalize(x))

    def normalize(self, x: Tensor) -> Tensor:
        return x * self.gain + self.offset


def task_of(path: Path, source: Source) -> Task:
    """The task of a model file. Raises TaskError, ModelFileError, UnsupportedError."""
    opened = open_model(path, source.input_shape, trust=source.trust)
    shapes = opened.input_shapes
    model = opened.module
    if source.normalizes:
        if len(shapes) > 1:
            raise TaskError(f"{path}: takes {', '.join(shapes)}; scale them in the data, --scale goes with one input.")
        if opened.tokens:
            raise TaskError(f"{path}: takes tokens, which --scale, --mean and --std would make other ones.")
        model = Normalized(model, source, next(iter(shapes.values()))).eval()
    fields = _data(path, model, opened, source)
    fields["notes"] = (*opened.notes, *fields.get("notes", ()))
    shape = tuple(shapes.values()) if len(shapes) > 1 else next(iter(shapes.values()))
    task = Task(model=model, input_shape=shape, name=_name(path), **fields)
    given = list(each(task.calibration))
    opened.prove([model.normalize(x) for x in given] if isinstance(model, Normalized) else given)
    return task


def _name(path: Path) -> str:
    """A name that C can have, of the file's."""
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")[:40]
    return name if re.match(r"[a-z]", name) else f"model_{name}".rstrip("_")


def _data(path: Path, model: nn.Module, opened: Opened, source: Source) -> dict[str, Any]:
    """The task's fields that come of the data."""
    shapes = opened.input_shapes
    if source.data is None and opened.tokens:
        raise TaskError(
            f"{path}: takes tokens ({', '.join(sorted(opened.tokens))}), of which noise has none. Give --data."
        )
    if source.data is None:
        fit = max(1, min(NOISE, NOISE_ELEMENTS // max(1, sum(map(np.prod, shapes.values())))))
        generator = torch.Generator().manual_seed(0)
        noise = tuple(torch.randn(fit, *shape, generator=generator) for shape in shapes.values())
        text = f"{path}: without --data it is calibrated on noise; bits, counts and memory are right, accuracy is not."
        return {"calibration": noise if len(noise) > 1 else noise[0], "warnings": (text,)}
    samples = read_samples(source.data, shapes, _outputs(model, opened), layout=source.layout, labels=source.labels)
    fields = (_labelled if any(y is not None for y in samples.y.values()) else _taught)(samples, model, source)
    told = ", ".join(f"{len(fields[split])} to {use}" for split, use in USES.items() if split in fields)
    return {**fields, "notes": (*samples.notes, f"{source.data}: {told}.")}


USES = {"train": "train", "validation": "validate", "test": "test"}


@torch.no_grad()
def _outputs(model: nn.Module, opened: Opened) -> tuple[str, ...]:
    """Names of the outputs, by which the data may hold targets."""
    types = {name: torch.int64 if name in opened.tokens else torch.float32 for name in opened.input_shapes}
    found = model(*(torch.zeros(1, *shape, dtype=types[name]) for name, shape in opened.input_shapes.items()))
    return tuple(found) if isinstance(found, dict) else ("y",)


def _labelled(samples: Samples, model: nn.Module, source: Source) -> dict[str, Any]:
    splits = {split: Split(x, y) for split, x in samples.x.items() if (y := samples.y[split]) is not None}
    if "" in splits:
        splits["train"], splits["test"] = hold_out(splits.pop(""), TEST_SHARE)
    if "train" not in splits:
        raise TaskError(f"{source.data}: has labels for {', '.join(splits)}, but none to train with (y_train, or y).")
    if "validation" not in splits:
        splits["train"], splits["validation"] = hold_out(splits["train"])
    return {
        **splits,
        "calibration": change(sample(splits["train"]), _taken(model)),
        "classes": _classes(samples.classes, model, splits["train"].x),
        "loss": source.loss,
        "metric": source.metric,
    }


def _classes(names: tuple[str, ...], model: nn.Module, x: Any) -> tuple[str, ...]:
    """The names where the model's output has a place for each."""
    y = _answers(model, take(x, slice(1))) if names else None
    return names if isinstance(y, np.ndarray) and len(names) == class_count(y.shape[1:]) else ()


def _taught(samples: Samples, model: nn.Module, source: Source) -> dict[str, Any]:
    """The float model's outputs are the targets."""
    if source.loss or source.metric:
        raise TaskError(f"{source.data}: has no labels; --loss and --metric go with labels.")
    x = samples.x.get("train", samples.x.get(""))
    if x is None:
        raise TaskError(f"{source.data}: holds samples for {', '.join(samples.x)}, but none to learn from.")
    targets = _answers(model, x)
    train, test = hold_out(Split(x, targets), 0.1)
    several = not isinstance(train.y, np.ndarray)
    classes = not several and train.y.ndim == 2 and train.y.shape[1] > 1
    return {
        "train": train,
        "test": test,
        "calibration": change(sample(train, SAMPLE), _taken(model)),
        "recipe": load_recipe("calibrate").with_(epochs=0),  # rounded alone: DECISIONS.md, "Without labels"
        "augment": with_patches,
        "loss": None if several else "mse",
        "metric": AGREEMENT if classes else DISTANCE,
        "warnings": (f"{source.data}: has no labels; the figures say how far the integers follow the float model.",),
    }


@torch.no_grad()
def _answers(model: nn.Module, x: Any) -> Any:
    """What the model gives for all samples, as arrays, several as it returns them."""
    given, taken = _in_order(x), _taken(model)
    starts = range(0, count(x), 64)
    parts = [model(*(taken(part) for part in take(given, slice(start, start + 64)))) for start in starts]
    return change(join(parts), lambda tensor: tensor.numpy())


def _taken(model: nn.Module) -> Callable[[Any], Tensor]:
    """What makes samples what the model takes."""
    tokens = takes_tokens(model)
    return lambda raw: as_input(raw, "the data", tokens=tokens)


def _in_order(x: Any) -> tuple[Any, ...]:
    """Samples as the model is called with them."""
    return tuple(x.values()) if isinstance(x, dict) else (x,)


AGREEMENT = Metric(
    "same class as the float model", lambda output, target: float(np.mean(output.argmax(1) == target.argmax(1))), SHARE
)


def _distance(output: Any, target: Any) -> float:
    """Root of the mean squared difference of all outputs together."""
    pairs = zip(tree_leaves(output), tree_leaves(target), strict=True)
    squares = [(a.reshape(b.shape) - b).astype(np.float64) ** 2 for a, b in pairs]
    return float(np.sqrt(sum(map(np.sum, squares)) / sum(part.size for part in squares)))


DISTANCE = Metric("distance from the float model", _distance, higher=False)
