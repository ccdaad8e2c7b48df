"""What a task is trained for and judged by: its loss, and a metric with a name and a unit. Both follow from the type
and shape of the targets and from the model's outputs, unless the task says them itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from mixcomp_edge.errors import TaskError
from mixcomp_edge.frontend.torch_export.structure import Structure

SHARE = "share"  # the unit of values 0..1 that are printed as percent
F = nn.functional
T = TypeVar("T")

Loss = Callable[[Any, Any], Tensor]  # of an output and its target; of several as the model returns them


@dataclass(frozen=True)
class Metric:
    """A figure for outputs (N, C, ...) float32, several as the model returns them, against targets, as the task holds
    them. unit: `SHARE`, a unit of
    measure, or empty. higher: whether more is better."""

    name: str
    compute: Callable[[Any, Any], float]
    unit: str = ""
    higher: bool = True

    def __call__(self, output: Any, target: Any) -> float:
        return float(self.compute(output, target))

    def text(self, value: float | None) -> str:
        return metric_text(value, self.unit)

    def better(self, a: float, b: float) -> bool:
        """Whether a is better than b."""
        return a > b if self.higher else a < b


def metric_text(value: float | None, unit: str | None) -> str:
    """A metric's value for a table: percent for shares, else four digits and the unit; a dash without a value."""
    if value is None:
        return "–"
    return f"{100 * value:.2f} %" if unit == SHARE else f"{value:.4g} {unit or ''}".rstrip()


class Kind(StrEnum):
    """What the targets say."""

    CLASSES = "classes"  # integers (N, ...), the model gives (N, classes, ...)
    ONE_HOT = "one-hot classes"  # (N, classes) with a single 1 a row
    BINARY = "binary"  # 0 and 1, the model gives one logit
    LABELS = "labels"  # 0 and 1, the model gives several logits: each label by itself
    NUMBERS = "numbers"  # floats in the shape of the output


# Losses


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Mean cross entropy of logits output (N, classes, ...) against classes target (N, ...)."""
    if output.dim() > target.dim() + 1:  # maps of one pixel
        output = output.reshape(*output.shape[: target.dim() + 1])
    return F.cross_entropy(output, target)


def soft_cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Mean cross entropy of logits (N, classes) against shares of the classes, in the same shape."""
    return F.cross_entropy(output.reshape(target.shape), target)


def binary_cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Mean over all entries of the cross entropy of logits against 0 and 1, in one shape."""
    return F.binary_cross_entropy_with_logits(output.reshape(target.shape), target)


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean over all entries of (output - target)^2."""
    return F.mse_loss(output.reshape(target.shape), target)


# Metrics


def top1(output: np.ndarray, target: np.ndarray) -> float:
    """Share of samples (or positions) whose largest entry along axis 1, the first of equal ones, is the target; 0..1.
    output (N, classes, ...); target (N, ...)."""
    return float(np.mean(np.argmax(output, axis=1).reshape(target.shape) == target))


def _top1_of_rows(output: np.ndarray, target: np.ndarray) -> float:
    return top1(output.reshape(target.shape), np.argmax(target, axis=1))


def _binary(output: np.ndarray, target: np.ndarray) -> float:
    return float(np.mean((output.reshape(target.shape) > 0) == (target > 0.5)))


def _f1(output: np.ndarray, target: np.ndarray) -> float:
    found, true = output.reshape(target.shape) > 0, target > 0.5
    return 2.0 * int(np.sum(found & true)) / max(1, int(np.sum(found)) + int(np.sum(true)))


def _rmse(output: np.ndarray, target: np.ndarray) -> float:
    error = output.reshape(target.shape).astype(np.float64) - target
    return float(np.sqrt(np.mean(error**2)))


def _mae(output: np.ndarray, target: np.ndarray) -> float:
    return float(np.mean(np.abs(output.reshape(target.shape).astype(np.float64) - target)))


def _r2(output: np.ndarray, target: np.ndarray) -> float:
    y = target.astype(np.float64)
    return float(1.0 - np.sum((output.reshape(y.shape) - y) ** 2) / max(np.sum((y - y.mean(axis=0)) ** 2), 1e-300))


ACCURACY = Metric("accuracy", top1, SHARE)
BINARY_ACCURACY = Metric("binary accuracy", _binary, SHARE)
F1 = Metric("F1 of the labels", _f1)  # over all labels together
RMSE = Metric("RMSE", _rmse, higher=False)
MAE = Metric("mean absolute error", _mae, higher=False)
R2 = Metric("R²", _r2)

DEFAULTS: dict[Kind, tuple[Loss, Metric]] = {
    Kind.CLASSES: (cross_entropy, ACCURACY),
    Kind.ONE_HOT: (soft_cross_entropy, Metric("accuracy", _top1_of_rows, SHARE)),
    Kind.BINARY: (binary_cross_entropy, BINARY_ACCURACY),
    Kind.LABELS: (binary_cross_entropy, F1),
    Kind.NUMBERS: (squared_error, RMSE),
}
METRICS = {"accuracy": ACCURACY, "binary_accuracy": BINARY_ACCURACY, "f1": F1, "rmse": RMSE, "mae": MAE, "r2": R2}
LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy, "binary_cross_entropy": binary_cross_entropy, "mse": squared_error,
}  # fmt: skip


def by_name(target: Any, names: tuple[str, ...]) -> dict[str, Any] | None:
    """The target of each output, out of a dict by these names, a tuple in their order, or the only one; else None."""
    if isinstance(target, Mapping):
        return dict(target) if set(target) == set(names) else None
    if isinstance(target, tuple):
        return dict(zip(names, target, strict=True)) if len(target) == len(names) else None
    return {names[0]: target} if len(names) == 1 else None


@dataclass(frozen=True)
class LossOfEach:
    """The sum of the losses of a model's outputs, each against its own target."""

    structure: Structure
    losses: Mapping[str, Loss]

    def __call__(self, output: Any, target: Any) -> Tensor:
        parts, targets = self.structure.parts(output), by_name(target, tuple(self.losses))
        assert targets is not None
        return torch.stack([loss(parts[name], targets[name]) for name, loss in self.losses.items()]).sum()


@dataclass(frozen=True)
class Objective:
    """kind: None where targets and outputs do not say it. A loss or metric that nobody named and that cannot be told
    is None. structure: of outputs that are more than one tensor; `kinds` holds what is known of each, by name."""

    task: str
    kind: Kind | None
    given_loss: Loss | None
    metric: Metric | None
    structure: Structure | None = None
    kinds: Mapping[str, Kind | None] = field(default_factory=dict)

    @property
    def name(self) -> str | None:
        """Of the metric."""
        return None if self.metric is None else self.metric.name

    @property
    def unit(self) -> str | None:
        """Of the metric."""
        return None if self.metric is None else self.metric.unit

    @property
    def loss(self) -> Loss:
        if self.given_loss is None:
            raise self.no_loss()
        return self.given_loss

    def no_loss(self) -> TaskError:
        if len(self.kinds) > 1:
            return TaskError(
                f"{self.task}: the model gives {len(self.kinds)} outputs, {', '.join(self.kinds)}; give targets for "
                "each, by these names or in this order, or loss=, a function of (outputs, targets)."
            )
        return TaskError(
            f"{self.task}: what to minimize does not follow from the targets; give loss=, a function of (output, "
            f"target), or one of {', '.join(LOSSES)}."
        )

    def distance(self, output: Any, soft: Any, temperature: float) -> Tensor:
        """From a teacher's outputs, both softened by the temperature T: T^2 times the cross entropy of classes (Hinton
        et al., arXiv 1503.02531) or of single labels; the squared error of any other outputs. Of several the sum."""
        if self.structure is None:
            return _distance(self.kind, output, soft, temperature)
        ours, theirs = self.structure.parts(output), self.structure.parts(soft)
        each = [_distance(kind, ours[name], theirs[name], temperature) for name, kind in self.kinds.items()]
        return torch.stack(each).sum()

    def right(self, output: Any, target: Any) -> Tensor:
        """Share of right answers in a batch, for whoever watches the training; NaN where there is no such thing."""
        if self.kind is Kind.CLASSES:
            return (output.argmax(1).reshape(target.shape) == target).to(output.dtype).mean()
        if self.kind is Kind.BINARY:
            return ((output.reshape(target.shape) > 0) == (target > 0.5)).to(output.dtype).mean()
        return torch.tensor(torch.nan)


def _distance(kind: Kind | None, output: Tensor, soft: Tensor, t: float) -> Tensor:
    if kind in (Kind.CLASSES, Kind.ONE_HOT):
        return t * t * F.cross_entropy(output / t, (soft / t).softmax(dim=1))
    if kind in (Kind.BINARY, Kind.LABELS):
        return t * t * F.binary_cross_entropy_with_logits(output / t, (soft / t).sigmoid())
    return F.mse_loss(output, soft)


def as_metric(value: object) -> Metric | None:
    """A task's entry: a Metric, a name of METRICS, or a function, which keeps its own name and has no unit."""
    if value is None or isinstance(value, Metric):
        return value
    if isinstance(value, str):
        return _named(value, METRICS, "metric")
    if value is top1:
        return ACCURACY
    if not callable(value):
        raise TaskError(
            f"metric is a {type(value).__name__}; give a Metric, a function of (output, target), or a name."
        )
    name = getattr(value, "__name__", type(value).__name__).strip("<>")
    return Metric("metric" if name == "lambda" else name.replace("_", " "), value)


def as_loss(value: object) -> Loss | None:
    """A task's entry: a function of (output, target), or a name of LOSSES."""
    if value is None:
        return None
    if isinstance(value, str):
        return _named(value, LOSSES, "loss")
    if not callable(value) or isinstance(value, type):
        raise TaskError(
            f"loss is {value!r}; give a function of (output, target), such as torch.nn.MSELoss(), or a name."
        )
    return value


def _named(name: str, known: dict[str, T], what: str) -> T:
    if name not in known:
        raise TaskError(f"{what} is {name!r}; known names are {', '.join(known)}.")
    return known[name]
