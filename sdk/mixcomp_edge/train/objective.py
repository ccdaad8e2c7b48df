"""What a task is trained for and judged by: its loss, and a metric with a name and a unit. Both follow from the type
and shape of the targets and from the model's outputs, unless the task says them itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from mixcomp_edge.errors import TaskError
from mixcomp_edge.frontend.torch_export.structure import Structure
from mixcomp_edge.ir.graph import OUTPUT
from mixcomp_edge.train.ends import End, LossOfProbabilities
from mixcomp_edge.train.metrics import ACCURACY, Kind, Metric, named_metric, top1

F = nn.functional

Loss = Callable[[Any, Any], Tensor]  # of an output and its target; of several as the model returns them


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


def each_against_rest(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross entropy of logits (N, classes, ...), each class by itself, against classes target (N, ...)."""
    return binary_cross_entropy(output, F.one_hot(target, output.shape[1]).movedim(-1, 1).to(output.dtype))


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean over all entries of (output - target)^2."""
    return F.mse_loss(output.reshape(target.shape), target)


def absolute_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean over all entries of |output - target|."""
    return F.l1_loss(output.reshape(target.shape), target)


USUAL: dict[Kind, Loss] = {
    Kind.CLASSES: cross_entropy,
    Kind.ONE_HOT: soft_cross_entropy,
    Kind.BINARY: binary_cross_entropy,
    Kind.LABELS: binary_cross_entropy,
    Kind.NUMBERS: squared_error,
}
LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy, "binary_cross_entropy": binary_cross_entropy, "bce": binary_cross_entropy,
    "mse": squared_error, "mae": absolute_error,
}  # fmt: skip


def usual_loss(kind: Kind, end: End | None) -> Loss:
    """What targets of a kind are learned by, of outputs that are probabilities or, without an end, logits."""
    if end is End.CHANCES and kind in (Kind.CLASSES, Kind.ONE_HOT):
        return through(each_against_rest if kind is Kind.CLASSES else binary_cross_entropy, end)
    return through(USUAL[kind], end)


def through(loss: Loss, end: End | None) -> Loss:
    """The loss of a model's outputs with this end: ours of logits take them back to logits, all others as they are."""
    of_logits = loss in (cross_entropy, soft_cross_entropy, binary_cross_entropy, each_against_rest)
    return LossOfProbabilities(loss, end) if of_logits and end is not None else loss


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
    is None. structure: of the outputs, where it is known; of more than one tensor `kinds` holds what is known of each,
    by name. ends: by name, of those that are probabilities."""

    task: str
    kind: Kind | None
    given_loss: Loss | None
    metric: Metric | None
    structure: Structure | None = None
    kinds: Mapping[str, Kind | None] = field(default_factory=dict)
    ends: Mapping[str, End] = field(default_factory=dict)

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

    def distance(self, output: Any, soft: Any, temperature: float, *, relative: bool = False) -> Tensor:
        """From a teacher's outputs, both softened by the temperature T: T^2 times the cross entropy of classes (Hinton
        et al., arXiv 1503.02531) or of single labels; of any other outputs the squared error, or `relative_error`. Of
        several the sum."""
        if self.structure is None or not self.kinds:  # a tensor alone
            return _distance(self.kind, self.ends.get(OUTPUT), output, soft, temperature, relative)
        ours, theirs, ends = self.structure.parts(output), self.structure.parts(soft), self.ends
        each = [
            _distance(kind, ends.get(name), ours[name], theirs[name], temperature, relative)
            for name, kind in self.kinds.items()
        ]
        return torch.stack(each).sum()

    def right(self, output: Any, target: Any) -> Tensor:
        """Share of right answers in a batch, for whoever watches the training; NaN where there is no such thing."""
        if self.kind is Kind.CLASSES:
            return (output.argmax(1).reshape(target.shape) == target).to(output.dtype).mean()
        if self.kind is Kind.BINARY:
            level = 0.5 if ((output >= 0) & (output <= 1)).all() else 0.0  # as metrics.says_yes
            return ((output.reshape(target.shape) > level) == (target > 0.5)).to(output.dtype).mean()
        return torch.tensor(torch.nan)


def _distance(kind: Kind | None, end: End | None, output: Tensor, soft: Tensor, t: float, relative: bool) -> Tensor:
    if end is not None:  # it says more than the targets: probabilities are of classes or of labels
        kind = Kind.LABELS if end is End.CHANCES else Kind.CLASSES
        output, soft = end.logits(output), end.logits(soft)
    if kind in (Kind.CLASSES, Kind.ONE_HOT):
        return t * t * F.cross_entropy(output / t, (soft / t).softmax(dim=1))
    if kind in (Kind.BINARY, Kind.LABELS):
        return t * t * F.binary_cross_entropy_with_logits(output / t, (soft / t).sigmoid())
    return relative_error(output, soft) if relative else F.mse_loss(output, soft)


def relative_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error as a share of the variance of what is wanted, or of a thousandth of its mean square."""
    size = torch.maximum(wanted.var(correction=0), 1e-3 * wanted.square().mean())
    return F.mse_loss(found, wanted) / size.clamp_min(torch.finfo(wanted.dtype).tiny)


def as_metric(value: object, kind: Kind | None) -> Metric | None:
    """A task's entry: a Metric, a name of METRICS that goes with the kind of its targets, or a function, which
    keeps its own name and has no unit."""
    if value is None or isinstance(value, Metric):
        return value
    if isinstance(value, str):
        return named_metric(value, kind)
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
        if value.lower().replace("-", "_") not in LOSSES:
            raise TaskError(f"loss is {value!r}; known names are {', '.join(LOSSES)}.")
        return LOSSES[value.lower().replace("-", "_")]
    if not callable(value) or isinstance(value, type):
        raise TaskError(
            f"loss is {value!r}; give a function of (output, target), such as torch.nn.MSELoss(), or a name."
        )
    return value
