"""What a task must be before work starts. Each check names the field, what it holds and what it should hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from mixcomp_edge.errors import MixcompError, TaskError
from mixcomp_edge.ir.class_names import are_names, class_count
from mixcomp_edge.ir.verify import check_model_name
from mixcomp_edge.train.arrays import (
    as_array,
    as_float,
    as_input,
    check_finite,
    is_several,
    labelled,
    not_finite,
)
from mixcomp_edge.train.model_checks import checked_calibration, checked_model, in_order, takes_tokens
from mixcomp_edge.train.objective import Objective, as_loss
from mixcomp_edge.train.samples import Samples, change, count, each, take
from mixcomp_edge.train.targets import objective_of

if TYPE_CHECKING:
    from mixcomp_edge.train.task import Split, Task

Shape = tuple[int, ...]
LOOK = 2  # samples that to_input, model and loss are tried on


def checked(task: Task) -> dict[str, Any]:
    """The fields of a task as they are to be stored."""
    if not isinstance(task.name, str):
        raise TaskError(f"name is a {type(task.name).__name__}, expected text.")
    try:
        check_model_name(task.name)
    except MixcompError as error:
        raise TaskError(f"name: {error}") from error
    named = f"task {task.name}"
    model = checked_model(task.model, named)
    shape = _shapes(in_order(task.input_shape, model, f"{named}: input_shape"), named)
    calibration = _calibration(task, named, shape)
    for field in ("to_input", "augment"):
        if not callable(getattr(task, field)) and not (field == "augment" and task.augment is None):
            raise TaskError(f"{named}: {field} is a {type(getattr(task, field)).__name__}, expected a function.")
    if task.stream is not None and (type(task.stream) is not int or task.stream < 1):
        raise TaskError(f"{named}: stream is {task.stream!r}, expected how many frames a step takes, 1 or more.")
    fields: dict[str, Any] = {"input_shape": shape, "model": model, "calibration": calibration}
    for field, split in task.splits.items():
        _check_split(task, split, f"{named}: {field}", shape)
    _check_raw_calibration(task, named)
    outputs = output_of(model, calibration)
    fields["classes"] = _classes(task.classes, outputs, named)
    targets = {f"{named}: {field}": split.y for field, split in task.splits.items()}
    fields["objective"], kept = objective_of(task.name, targets, outputs, as_loss(task.loss), task.metric)
    for (field, split), y in zip(task.splits.items(), kept, strict=True):
        fields[field] = type(split)(split.x, y)
    if outputs is not None and fields["objective"].given_loss is not None:
        _try_loss(fields["objective"], outputs, {**task.splits, **fields}, named)
    return fields


def _classes(given: Any, outputs: Any, named: str) -> tuple[str, ...]:
    names = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
    if not are_names(names):
        raise TaskError(f"{named}: classes is {given!r}, expected different names, each a line of text.")
    count = class_count(outputs.shape[1:]) if isinstance(outputs, Tensor) else None
    if names and outputs is not None and len(names) != count:
        has = "no output of classes" if count is None else f"{count} classes"
        raise TaskError(f"{named}: classes are {len(names)} names, and the model has {has}.")
    return names


def _shapes(shape: Any, named: str) -> Any:
    several = isinstance(shape, tuple) and bool(shape) and all(isinstance(part, tuple | list) for part in shape)
    return tuple(_shape(part, named) for part in shape) if several else _shape(shape, named)


def _shape(shape: Any, named: str) -> Shape:
    sizes = tuple(shape) if isinstance(shape, Sequence) and not isinstance(shape, str) else (shape,)
    if not sizes or not all(isinstance(s, int | np.integer) and not isinstance(s, bool) and s > 0 for s in sizes):
        raise TaskError(
            f"{named}: input_shape is {shape!r}, expected whole numbers above 0 without the batch, such as (1, 28, 28)."
        )
    return tuple(int(size) for size in sizes)


def check_shape(found: Shape, expected: Shape, what: str) -> None:
    """TaskError unless found is (N, *expected) with N above 0."""
    if found[1:] == expected and found[0] > 0:
        return
    if found[1:] == expected:
        raise TaskError(f"{what} is empty: it has no samples.")
    hint = ""
    if found == expected:
        hint = " The batch is missing; a single sample is x[None]."
    elif len(found) == len(expected) + 1 > 2 and (found[-1], *found[1:-1]) == expected:
        hint = " Channels come first, as in torch: numpy's np.moveaxis(x, -1, 1), torch's x.movedim(-1, 1)."
    elif len(expected) > 1 and found[1:] == expected[1:] and expected[0] == 1:
        hint = " The channel is missing: x[:, None]."
    sizes = ", ".join(map(str, expected))
    raise TaskError(f"{what} has the shape {found}, expected (N, {sizes}) by input_shape.{hint}")


def _calibration(task: Task, named: str, shape: Any) -> Samples:
    what = f"{named}: calibration"
    if hasattr(task.calibration, "x") and hasattr(task.calibration, "y"):
        raise TaskError(f"{what} is a Split; give inputs as the model takes them: to_input(split.x[:512]).")
    given = in_order(task.calibration, task.model, what)
    _check_shapes([(label, as_array(part, label).shape) for label, part in labelled(given, what)], shape, what)
    return checked_calibration(given, what, task.model)


def _check_shapes(found: list[tuple[str, Shape]], shape: Any, what: str) -> None:
    """TaskError unless there are arrays (N, *shape) for the only input, or for each, of equally many samples."""
    shapes = shape if shape and isinstance(shape[0], tuple) else (shape,)
    if len(found) != len(shapes):
        raise TaskError(f"{what} holds arrays for {len(found)} inputs, input_shape has {len(shapes)} shapes.")
    for (label, size), expected in zip(found, shapes, strict=True):
        check_shape(size or (0,), expected, label)
        if size[0] != found[0][1][0]:
            raise TaskError(f"{label} has {size[0]} samples, {found[0][0]} has {found[0][1][0]}.")


def _check_raw_calibration(task: Task, named: str) -> None:
    """Whole numbers that the splits hold, too, but that to_input changes, are raw samples, of another range."""
    if is_several(task.calibration) or any(is_several(split.x) for split in task.splits.values()):
        return
    raw = as_array(task.calibration, "calibration")[:LOOK]
    for split in task.splits.values():
        if raw.dtype.kind in "iu" and raw.dtype == split.x.dtype and raw.shape[1:] == split.x.shape[1:]:
            given = _call(task, np.require(raw, None, ["C", "W"]), f"{named}: to_input")
            if not np.array_equal(as_array(given, f"{named}: to_input"), raw):
                raise TaskError(
                    f"{named}: calibration holds raw {raw.dtype} samples, which to_input would change; "
                    "give what the model takes: to_input(x[:512])."
                )


def _check_split(task: Task, split: Split, what: str, shape: Any) -> None:
    xs, ys = labelled(split.x, f"{what}: x"), labelled(split.y, f"{what}: y")
    if any(array.ndim == 0 for _, array in (*xs, *ys)):
        raise TaskError(f"{what}: x and y must be arrays with a sample a row.")
    for label, x in xs:
        if len(x) != len(split):
            raise TaskError(f"{label} has {len(x)} samples, {xs[0][0]} has {len(split)}.")
    for label, y in ys:
        if len(y) != len(split):
            of = "y" if len(ys) == 1 else label.removeprefix(f"{what}: ")
            raise TaskError(f"{what}: x has {len(split)} samples, but {of} has {len(y)} targets.")
    if len(split) == 0:
        raise TaskError(f"{what} is empty: it has no samples.")
    for label, y in ys:
        check_finite(y, label)
    _inputs(task, take(split.x, slice(LOOK)), f"{what}: ", shape)
    for label, x in xs:
        at = 0
        while (bad := not_finite(x[at:])) is not None:  # to_input may repair it
            at += bad[0][0]
            if task.to_input is as_float:
                check_finite(x, label)
            _check_finite(_inputs(task, take(split.x, slice(at, at + 1)), f"{what}: ", shape), f"{what}: ", task, at)
            at += 1


def inputs(task: Task, split: Split, chosen: Any) -> Samples:
    """`Task.inputs`."""
    field = next((name for name, known in task.splits.items() if known is split), "data")
    what = f"task {task.name}: {field}: "
    x = _inputs(task, take(split.x, chosen), what, task.input_shape)
    for part in each(x):
        if part.is_floating_point() and not torch.isfinite(part).all():
            samples = np.arange(len(split))[chosen]
            (sample, *_), _ = not_finite(part.numpy())  # type: ignore[misc]
            _check_finite(take(x, slice(sample, sample + 1)), what, task, int(samples[sample]))
    return x


def _check_finite(x: Samples, what: str, task: Task, first: int) -> None:
    for label, part in labelled(x, f"{what}to_input of x"):
        check_finite(part.numpy(), label, first)


def _inputs(task: Task, raw: Any, what: str, shape: Any) -> Samples:
    """to_input's result for raw samples, of the right types and shapes, in the order of forward()."""
    what = f"{what}x" if task.to_input is as_float else f"{what}to_input of x"
    given = raw if task.to_input is as_float else _call(task, change(raw, _in_rows), what)
    parts = labelled(in_order(given, task.model, what), what)
    tensors = [as_input(part, label, tokens=takes_tokens(task.model)) for label, part in parts]
    _check_shapes([(label, tuple(t.shape)) for (label, _), t in zip(parts, tensors, strict=True)], shape, what)
    if len(tensors[0]) != count(raw):
        raise TaskError(f"{what} gives {len(tensors[0])} samples for {count(raw)}.")
    return tuple(tensors) if len(tensors) > 1 else tensors[0]


def _in_rows(array: NDArray[Any]) -> NDArray[Any]:
    return np.require(array, None, ["C", "W"])


def _call(task: Task, raw: Any, what: str) -> Any:
    try:
        return task.to_input(raw)
    except MixcompError:
        raise
    except Exception as error:  # the user's code may raise anything
        samples = ", ".join(f"{array.dtype} of shape {array.shape}" for _, array in labelled(raw, ""))
        raise TaskError(f"{what}: {type(error).__name__}: {error} (for raw samples {samples})") from error


def output_of(model: nn.Module, calibration: Samples) -> Any:
    """The model's output for the first and the last calibration sample, with the gradients' graph, which says what made
    it; None for a model that cannot be run on them, of which the front end tells more."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            x = each(take(calibration, [0, -1]))
            with torch.enable_grad():  # clones, since a model may write over what it is given
                output = model(*(part.requires_grad_(part.is_floating_point()).clone() for part in x))
    except Exception:
        return None
    finally:
        for module, training in modes.items():
            module.training = training
    leaves = [leaf for leaf in tree_leaves(output) if leaf is not None]
    fine = all(isinstance(leaf, Tensor) and leaf.dim() > 0 and len(leaf) == LOOK for leaf in leaves)
    return output if leaves and fine else None


def _try_loss(objective: Objective, outputs: Any, fields: dict[str, Any], named: str) -> None:
    """The loss on two samples must be one number."""
    split = next((fields[name] for name in ("train", "validation", "test") if name in fields), None)
    if split is None:
        return
    target = change(split.y, lambda y: torch.from_numpy(y[[0, -1]]))
    try:
        loss = objective.loss(outputs, target)
    except Exception as error:  # the user's code may raise anything
        raise TaskError(
            f"{named}: loss: {type(error).__name__}: {error} (output {_told(outputs)}, target {_told(target, True)})"
        ) from error
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        found = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise TaskError(f"{named}: loss gives {found}, expected one number, the mean over the samples.")


def _told(tree: Any, types: bool = False) -> str:
    """The shapes of a tree's tensors."""
    leaves = [leaf for leaf in tree_leaves(tree) if leaf is not None]
    return ", ".join(f"{tuple(leaf.shape)}{f' {leaf.dtype}' if types else ''}" for leaf in leaves)
