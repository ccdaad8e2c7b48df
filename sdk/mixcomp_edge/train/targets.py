"""What targets say of a task: classes, labels or numbers, by their type, their shape and what the model gives. They are
stored as their kind wants them, so that losses and metrics meet one type and one shape."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves

from mixcomp_edge.errors import TaskError
from mixcomp_edge.frontend.torch_export.structure import Structure, structure_of
from mixcomp_edge.ir.graph import OUTPUT
from mixcomp_edge.train.arrays import is_several
from mixcomp_edge.train.ends import end_of
from mixcomp_edge.train.metrics import Kind, default_metric
from mixcomp_edge.train.objective import (
    Loss,
    LossOfEach,
    Objective,
    absolute_error,
    as_metric,
    binary_cross_entropy,
    by_name,
    cross_entropy,
    soft_cross_entropy,
    squared_error,
    through,
    usual_loss,
)
from mixcomp_edge.train.samples import change

F = nn.functional
Array = NDArray[Any]
Shape = tuple[int, ...]

FOR_CLASSES = (cross_entropy, soft_cross_entropy, F.cross_entropy, F.nll_loss, nn.CrossEntropyLoss, nn.NLLLoss)
FOR_LOGITS = (binary_cross_entropy, F.binary_cross_entropy_with_logits, nn.BCEWithLogitsLoss)
FOR_NUMBERS = (
    squared_error, absolute_error, F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss, nn.MSELoss, nn.L1Loss,
    nn.SmoothL1Loss, nn.HuberLoss,
)  # fmt: skip


def objective_of(
    task: str, targets: Mapping[str, Any], outputs: Any, loss: Loss | None, metric: object
) -> tuple[Objective, list[Any]]:
    """What a task is trained for, and its targets as they are stored. targets: y of each split, by field; outputs: what
    the model gives for a few samples, None where it cannot be run; metric: as the task says it."""
    plain: list[Any] = [change(y, lambda part: stored(part, None, None)) for y in targets.values()]
    if outputs is None:
        return Objective(task, None, loss, as_metric(metric, None)), plain
    structure = structure_of(tree_flatten(outputs)[1], tree_leaves(outputs))
    if not isinstance(outputs, Tensor):
        return _of_several(task, targets, structure, outputs, loss, metric, plain)
    if any(map(is_several, targets.values())):
        return Objective(task, None, loss, as_metric(metric, None), structure), plain
    shape, end = tuple(outputs.shape[1:]), end_of(outputs)
    kind = kind_of(targets, shape or (1,), loss)
    judged = as_metric(metric, kind)
    if kind is not None:
        judged = default_metric(kind) if judged is None else judged
        loss = usual_loss(kind, end) if loss is None else through(loss, end)
    ends = {} if end is None else {OUTPUT: end}
    return Objective(task, kind, loss, judged, structure, ends=ends), [stored(y, kind, shape) for y in targets.values()]


def _of_several(
    task: str, targets: Mapping[str, Any], structure: Structure, outputs: Any, loss: Loss | None,
    metric: object, plain: list[Any],
) -> tuple[Objective, list[Any]]:  # fmt: skip
    """Of outputs in a structure. Without a loss, and with targets for each of them, each is an objective of its own."""
    parts = structure.parts(outputs)
    kinds: dict[str, Kind | None] = dict.fromkeys(parts)
    ends = {name: end for name, output in parts.items() if (end := end_of(output)) is not None}
    named = {field: by_name(y, tuple(parts)) for field, y in targets.items()}
    if loss is not None or not named or any(ys is None for ys in named.values()):
        return Objective(task, None, loss, as_metric(metric, None), structure, kinds, ends), plain
    kept: dict[str, list[Any]] = {}
    for name, output in parts.items():
        of_output = {f"{field}: {name}": ys[name] for field, ys in named.items() if ys is not None}
        one, kept[name] = objective_of(task, of_output, output, None, None)
        kinds[name] = one.kind
    losses = {name: usual_loss(kind, ends.get(name)) for name, kind in kinds.items() if kind is not None}
    given = LossOfEach(structure, losses) if len(losses) == len(parts) else None
    objective = Objective(task, None, given, as_metric(metric, None), structure, kinds, ends)
    rows = zip(*kept.values(), strict=True)  # of each split
    return objective, [_like(y, row, tuple(parts)) for y, row in zip(targets.values(), rows, strict=True)]


def _like(y: Any, parts: tuple[Any, ...], names: tuple[str, ...]) -> Any:
    """The parts in the dict or tuple that y is, or the only one."""
    if isinstance(y, Mapping):
        return dict(zip(names, parts, strict=True))
    return parts if isinstance(y, tuple) else parts[0]


def kind_of(targets: Mapping[str, Array], outputs: Shape, loss: Loss | None) -> Kind | None:
    """The kind of the first of the targets y (N, ...), by field, for a model that gives `outputs` a sample; all others
    must be of it. None where it cannot be told.

    TaskError where y and outputs do not fit each other and no loss says how they should."""
    kind: Kind | None = None
    for index, (field, y) in enumerate(targets.items()):
        if index == 0:
            kind = _kind(field, y, outputs, loss)
        if kind is Kind.CLASSES:
            _check_classes(field, y, outputs[0])
        if kind in (Kind.BINARY, Kind.LABELS, Kind.ONE_HOT):
            _check_bits(field, y)
        if kind is not None:
            shape = _without_ones(outputs if kind is not Kind.CLASSES else outputs[1:])
            if _without_ones(y.shape[1:]) != shape and not (outputs[0] == 1 and prod(y.shape[1:]) == prod(outputs)):
                raise _misfit(field, y, outputs)
    return kind


def stored(y: Array, kind: Kind | None, outputs: Shape | None) -> Array:
    """y as its kind wants it: classes int64 (N, ...), all else float32 in the shape of the outputs."""
    if kind is Kind.CLASSES and outputs is not None:
        return y.reshape(len(y), *_without_ones(outputs[1:])).astype(np.int64, copy=False)
    if kind is not None and outputs is not None:
        return np.ascontiguousarray(y.reshape(len(y), *outputs), np.float32)
    return np.ascontiguousarray(y, np.float32 if y.dtype.kind == "f" else np.int64)


def _kind(field: str, y: Array, outputs: Shape, loss: Loss | None) -> Kind | None:
    whole, bits = y.dtype.kind in "biu", bool(np.isin(y, (0, 1)).all())
    one = outputs[0] == 1 and prod(y.shape[1:]) == prod(outputs)
    same = one or _without_ones(y.shape[1:]) == _without_ones(outputs)
    classes = outputs[0] > 1 and _without_ones(y.shape[1:]) == _without_ones(outputs[1:])
    if loss is None or _is(loss, FOR_CLASSES):
        if classes and not whole:
            raise TaskError(
                f"{field}: y holds {y.dtype} in shape {_n(y.shape[1:])}, but the model gives {outputs[0]} values a "
                f"sample. Classes are integers: y.astype(int). For a regression give y in the shape {_n(outputs)}."
            )
        if not classes and not same:
            raise _misfit(field, y, outputs)
    if _is(loss, FOR_NUMBERS):
        return Kind.NUMBERS if same else None
    if classes and whole:
        return Kind.CLASSES
    if not same or (_is(loss, FOR_CLASSES) and not bits):
        return None
    if bits:
        rows = len(_without_ones(outputs)) == 1 and outputs[0] > 1 and bool((y.reshape(len(y), -1).sum(1) == 1).all())
        if rows and not _is(loss, FOR_LOGITS):
            return Kind.ONE_HOT
        if loss is not None and not _is(loss, FOR_LOGITS):
            return None  # whether its outputs are logits, only the loss knows
        return Kind.BINARY if one else Kind.LABELS
    return None if whole or _shares(y, outputs) else Kind.NUMBERS


def _shares(y: Array, outputs: Shape) -> bool:
    """Whether each row is a distribution over classes, which may be meant as that or as numbers."""
    rows = y.reshape(len(y), -1)
    return outputs[0] > 1 and bool((rows >= 0).all() and np.allclose(rows.sum(1), 1.0, atol=1e-4))


def _is(loss: Loss | None, known: tuple[Any, ...]) -> bool:
    return any(loss is entry or (isinstance(entry, type) and isinstance(loss, entry)) for entry in known)


def _check_classes(field: str, y: Array, classes: int) -> None:
    if y.dtype.kind not in "biu":
        raise TaskError(f"{field}: y holds {y.dtype}; classes are integers: y.astype(int).")
    wrong = (y < 0) | (y >= classes)
    if wrong.any():
        at = np.unravel_index(int(np.argmax(wrong)), y.shape)
        raise TaskError(
            f"{field}: the label of sample {at[0]} is {y[at]}, but the model gives {classes} values: "
            f"classes are 0 to {classes - 1}."
        )


def _check_bits(field: str, y: Array) -> None:
    wrong = ~np.isin(y, (0, 1))
    if wrong.any():
        at = np.unravel_index(int(np.argmax(wrong)), y.shape)
        raise TaskError(
            f"{field}: the label of sample {at[0]} is {y[at]}, expected 0 or 1. For other targets give loss=."
        )


def _misfit(field: str, y: Array, outputs: Shape) -> TaskError:
    return TaskError(
        f"{field}: y has the shape {_n(y.shape[1:])}, but the model gives {_n(outputs)}. Classes are integers "
        f"{_n(_without_ones(outputs[1:]))}; numbers and labels come in the model's shape. For anything else give loss=."
    )


def _without_ones(shape: Shape) -> Shape:
    """Without the ones at its end."""
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _n(shape: Shape) -> str:
    """As a batch's shape."""
    return f"({', '.join(['N', *map(str, shape)])}{',' if not shape else ''})"
