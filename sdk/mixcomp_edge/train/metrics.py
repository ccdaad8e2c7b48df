"""Figures by which outputs are judged against targets, and what the targets may say. No torch: `predict` needs none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import TaskError

SHARE = "share"  # the unit of values 0..1 that are printed as percent
Array = NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """A figure for outputs (N, C, ...) float32, several as the model returns them, against targets, as the task holds
    them. unit: `SHARE`, a unit of measure, or empty. higher: whether more is better."""

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


# Classes: output (N, classes, ...), target (N, ...)


def top1(output: Array, target: Array) -> float:
    """Share of samples (or positions) whose largest entry along axis 1, the first of equal ones, is the target; 0..1.
    output (N, classes, ...); target (N, ...)."""
    return float(np.mean(np.argmax(output, axis=1).reshape(target.shape) == target))


def top5(output: Array, target: Array) -> float:
    """Share of samples whose target is among the five largest entries; of equal ones the first count."""
    best = np.argsort(-output, axis=1, kind="stable")[:, :5]
    return float(np.mean((best.reshape(len(best), best.shape[1], *target.shape[1:]) == target[:, None]).any(axis=1)))


def confusion(guess: Array, target: Array, classes: int) -> NDArray[np.int64]:
    """(classes, classes): how often a class, the row, was taken for another, the column."""
    found = np.zeros((classes, classes), np.int64)
    np.add.at(found, (target.astype(np.int64).ravel(), guess.astype(np.int64).ravel()), 1)
    return found


def macro_f1(output: Array, target: Array) -> float:
    """Mean over the classes that there are of 2 right / (samples + guesses)."""
    counts = confusion(np.argmax(output, axis=1), target, output.shape[1])
    samples, guesses, right = counts.sum(1), counts.sum(0), np.diag(counts)
    there = samples + guesses > 0
    return float(np.mean(2.0 * right[there] / (samples + guesses)[there]))


def macro_auc(output: Array, target: Array) -> float:
    """Mean over the classes of the area under the curve of one against the rest, by their probabilities."""
    rows = output.reshape(len(output), output.shape[1]).astype(np.float64)
    if rows.min() < 0 or not np.allclose(rows.sum(1), 1.0, atol=1e-2):
        rows = np.exp(rows - rows.max(axis=1, keepdims=True))
        rows /= rows.sum(1, keepdims=True)
    return _mean_area(rows, np.eye(rows.shape[1], dtype=bool)[target.reshape(-1).astype(np.int64)])


def _of_rows(figure: Callable[[Array, Array], float]) -> Callable[[Array, Array], float]:
    """The same figure for targets (N, classes) with a single 1 a row."""
    return lambda output, target: figure(output.reshape(target.shape), np.argmax(target, axis=1))


# Yes or no: output and target in one shape


def says_yes(output: Array) -> Array:
    """A probability above a half, where all lie in 0..1; else a logit above 0."""
    return np.asarray(output > (0.5 if output.size and output.min() >= 0 and output.max() <= 1 else 0.0))


def _binary(output: Array, target: Array) -> float:
    return float(np.mean(says_yes(output).reshape(target.shape) == (target > 0.5)))


def _f1(output: Array, target: Array) -> float:
    found, true = says_yes(output).reshape(target.shape), target > 0.5
    return 2.0 * int(np.sum(found & true)) / max(1, int(np.sum(found)) + int(np.sum(true)))


def _auc(output: Array, target: Array) -> float:
    rows = target.reshape(len(target), -1) > 0.5
    return _mean_area(output.reshape(rows.shape), rows)


def _mean_area(scores: Array, true: Array) -> float:
    """Over the columns that hold both; NaN where none does."""
    areas = [_area(scores[:, i], true[:, i]) for i in range(true.shape[1]) if 0 < int(np.sum(true[:, i])) < len(true)]
    return float(np.mean(areas)) if areas else float("nan")


def _area(score: Array, true: Array) -> float:
    """Share of pairs of one that is and one that is not in which the first scores higher; equal ones count half."""
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place.reshape(-1)]  # from 1, the mean of equal ones
    yes = int(np.sum(true))
    return float((np.sum(rank[true]) - yes * (yes + 1) / 2) / (yes * (len(true) - yes)))


# Numbers: output and target in one shape


def rmse(output: Array, target: Array) -> float:
    error = output.reshape(target.shape).astype(np.float64) - target
    return float(np.sqrt(np.mean(error**2)))


def mae(output: Array, target: Array) -> float:
    return float(np.mean(np.abs(output.reshape(target.shape).astype(np.float64) - target)))


def r2(output: Array, target: Array) -> float:
    y = target.astype(np.float64)
    return float(1.0 - np.sum((output.reshape(y.shape) - y) ** 2) / max(np.sum((y - y.mean(axis=0)) ** 2), 1e-300))


ACCURACY = Metric("accuracy", top1, SHARE)
BINARY_ACCURACY = Metric("binary accuracy", _binary, SHARE)
F1 = Metric("F1 of the labels", _f1)  # over all labels together
RMSE = Metric("RMSE", rmse, higher=False)
MAE = Metric("mean absolute error", mae, higher=False)
R2 = Metric("R²", r2)


def _of_classes(name: str, figure: Callable[[Array, Array], float], unit: str = "") -> dict[Kind, Metric]:
    return {Kind.CLASSES: Metric(name, figure, unit), Kind.ONE_HOT: Metric(name, _of_rows(figure), unit)}


_OF_LABELS = {Kind.BINARY: BINARY_ACCURACY, Kind.LABELS: Metric("accuracy of the labels", _binary, SHARE)}
_AUC = Metric("area under the curve", _auc)
METRICS: dict[str, dict[Kind, Metric]] = {  # by name, for what they go with; the first where that cannot be told
    "top1": {**_of_classes("accuracy", top1, SHARE), Kind.CLASSES: ACCURACY, **_OF_LABELS},
    "accuracy": {**_of_classes("accuracy", top1, SHARE), Kind.CLASSES: ACCURACY, **_OF_LABELS},
    "top5": _of_classes("top-5 accuracy", top5, SHARE),
    "binary_accuracy": _OF_LABELS,
    "f1": {Kind.LABELS: F1, Kind.BINARY: Metric("F1", _f1), **_of_classes("mean F1 of the classes", macro_f1)},
    "auc": {Kind.BINARY: _AUC, Kind.LABELS: _AUC, **_of_classes("mean area under the curves", macro_auc)},
    "rmse": {Kind.NUMBERS: RMSE},
    "mae": {Kind.NUMBERS: MAE},
    "r2": {Kind.NUMBERS: R2},
}  # fmt: skip


def named_metric(name: str, kind: Kind | None) -> Metric:
    """The metric of a name for targets of a kind; TaskError for an unknown name, or one that does not go with them."""
    known = METRICS.get(name.lower().replace("-", "_"))
    if known is None:
        raise TaskError(f"metric is {name!r}; known names are {', '.join(METRICS)}.")
    if kind is not None and kind not in known:
        fitting = ", ".join(key for key, entry in METRICS.items() if kind in entry)
        raise TaskError(f"metric {name!r} goes with {', '.join(known)}; the targets are {kind}: {fitting}.")
    return next(iter(known.values())) if kind is None else known[kind]


def default_metric(kind: Kind) -> Metric:
    """What targets of a kind are judged by."""
    if kind is Kind.NUMBERS:
        return RMSE
    return F1 if kind is Kind.LABELS else METRICS["accuracy"][kind]


def report(output: Array, target: Array, classes: Mapping[int, str]) -> dict[str, Any] | None:
    """All that can be said of outputs (N, ...) of one kind: for classes (N,), or 0 and 1 for a single output, accuracy,
    confusion and each class; for numbers in the outputs' shape RMSE, MAE and R². None where they do not fit."""
    rows = output.reshape(len(output), -1)
    count, flat = rows.shape[1], target.reshape(len(target), -1)
    whole = target.dtype.kind in "biu"
    if flat.shape[1] == 1 and whole and count > 1 and flat.min() >= 0 and flat.max() < count:
        return _of_guesses(rows.argmax(1), flat[:, 0], count, classes) | {"f1": macro_f1(rows, flat[:, 0])}
    if count == 1 and flat.shape[1] == 1 and whole and np.isin(flat, (0, 1)).all():
        guess = says_yes(rows)[:, 0].astype(np.int64)
        return _of_guesses(guess, flat[:, 0], 2, classes) | {"f1": _f1(rows, flat), "auc": _auc(rows, flat)}
    if flat.shape == rows.shape:
        return {"rmse": rmse(rows, flat), "mae": mae(rows, flat), "r2": r2(rows, flat)}
    return None


def _of_guesses(guess: Array, target: Array, count: int, names: Mapping[int, str]) -> dict[str, Any]:
    counts = confusion(guess, target, count)
    return {
        "accuracy": float(np.mean(guess == target)),
        "classes": [
            {"class": names.get(i, str(i)), "samples": int(counts[i].sum()), "found": int(counts[i, i]),
             "guessed": int(counts[:, i].sum())}
            for i in range(count)
        ],
        "confusion": counts.tolist(),
    }  # fmt: skip
