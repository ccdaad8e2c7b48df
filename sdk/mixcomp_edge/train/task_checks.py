"""What a task must be before work starts. Each check names the field, what it holds and what it should hold."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mixcomp_edge.errors import MixcompError, TaskError
from mixcomp_edge.ir.verify import check_model_name
from mixcomp_edge.train.arrays import as_array, as_float, as_input, check_finite, not_finite
from mixcomp_edge.train.objective import DEFAULTS, Objective, as_loss, as_metric
from mixcomp_edge.train.targets import kind_of, stored

if TYPE_CHECKING:
    from mixcomp_edge.train.task import Split, Task

Shape = tuple[int, ...]
LOOK = 2  # samples that to_input, model and loss are tried on


def checked_model(model: Any, name: str) -> nn.Module:
    """The model, all float32 and in main memory: itself, or a copy. TaskError names what is not finite."""
    if not isinstance(model, nn.Module):
        hint = f" Make one: {model.__name__}()." if isinstance(model, type) else ""
        raise TaskError(f"{name}: model is a {type(model).__name__}, expected a torch.nn.Module.{hint}")
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for path, tensor in state.items():
        if tensor.is_complex():
            raise TaskError(f"{name}: the model's {path} holds complex numbers; only real weights are supported.")
        if tensor.is_meta:
            raise TaskError(f"{name}: the model's {path} lies on the meta device and has no values; load its weights.")
    floats = [tensor for tensor in state.values() if tensor.is_floating_point()]
    if any(tensor.dtype != torch.float32 or tensor.device.type != "cpu" for tensor in floats):
        try:
            model = copy.deepcopy(model).to("cpu", torch.float32)
        except Exception as error:  # modules may refuse to be copied in ways of their own
            raise TaskError(f"{name}: the model is not float32 on the CPU; call model.float().cpu() first.") from error
    for path, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if isinstance(tensor, nn.Parameter) or path.endswith(("running_mean", "running_var")):
            bad = not_finite(np.atleast_1d(tensor.detach().numpy()))
            if bad is not None:
                layer, _, kind = path.rpartition(".")
                raise TaskError(
                    f"{name}: the {kind} of layer '{layer}' is not finite: {bad[1]} at "
                    f"[{', '.join(map(str, bad[0]))}]. Load whole weights, or train again at a lower rate."
                )
    return model


def takes_tokens(model: nn.Module) -> bool:
    """Whether integers given to the model are meant as such."""
    return any(isinstance(module, nn.Embedding | nn.EmbeddingBag) for module in model.modules())


def checked(task: Task) -> dict[str, Any]:
    """The fields of a task as they are to be stored."""
    if not isinstance(task.name, str):
        raise TaskError(f"name is a {type(task.name).__name__}, expected text.")
    try:
        check_model_name(task.name)
    except MixcompError as error:
        raise TaskError(f"name: {error}") from error
    named = f"task {task.name}"
    shape = _shape(task.input_shape, named)
    model = checked_model(task.model, named)
    calibration = _calibration(task, named, shape)
    for field in ("to_input", "augment"):
        if not callable(getattr(task, field)) and not (field == "augment" and task.augment is None):
            raise TaskError(f"{named}: {field} is a {type(getattr(task, field)).__name__}, expected a function.")
    fields: dict[str, Any] = {"input_shape": shape, "model": model, "calibration": calibration}
    for field, split in task.splits.items():
        _check_split(task, split, f"{named}: {field}", shape)
    _check_raw_calibration(task, named)
    outputs = output_of(model, calibration)
    loss, metric = as_loss(task.loss), as_metric(task.metric)
    kind = None
    if outputs is not None:
        targets = {f"{named}: {field}": split.y for field, split in task.splits.items()}
        kind = kind_of(targets, tuple(outputs.shape[1:]), loss)
    for field, split in task.splits.items():
        y = stored(split.y, kind, None if outputs is None else tuple(outputs.shape[1:]))
        fields[field] = type(split)(split.x, y)
    if kind is not None:
        usual_loss, usual_metric = DEFAULTS[kind]
        loss, metric = usual_loss if loss is None else loss, usual_metric if metric is None else metric
    fields["objective"] = Objective(task.name, kind, loss, metric)
    if outputs is not None and loss is not None:
        _try_loss(fields["objective"], outputs, {**task.splits, **fields}, named)
    return fields


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


def _calibration(task: Task, named: str, shape: Shape) -> Tensor:
    what = f"{named}: calibration"
    if hasattr(task.calibration, "x") and hasattr(task.calibration, "y"):
        raise TaskError(f"{what} is a Split; give inputs as the model takes them: to_input(split.x[:512]).")
    check_shape(as_array(task.calibration, what).shape or (0,), shape, what)
    return checked_calibration(task.calibration, what, tokens=takes_tokens(task.model))


def checked_calibration(value: Any, what: str, *, tokens: bool = False) -> Tensor:
    """Calibration data as what a model takes: at least one sample, all finite."""
    array = as_array(value, what)
    if array.ndim < 2 or not array.size:
        raise TaskError(f"{what} has the shape {array.shape}, expected (N, ...) with at least one sample.")
    check_finite(array, what)
    return as_input(array, what, tokens=tokens)


def _check_raw_calibration(task: Task, named: str) -> None:
    """Whole numbers that the splits hold, too, but that to_input changes, are raw samples, of another range."""
    raw = as_array(task.calibration, "calibration")[:LOOK]
    for split in task.splits.values():
        if raw.dtype.kind in "iu" and raw.dtype == split.x.dtype and raw.shape[1:] == split.x.shape[1:]:
            given = _call(task, np.require(raw, None, ["C", "W"]), f"{named}: to_input")
            if not np.array_equal(as_array(given, f"{named}: to_input"), raw):
                raise TaskError(
                    f"{named}: calibration holds raw {raw.dtype} samples, which to_input would change; "
                    "give what the model takes: to_input(x[:512])."
                )


def _check_split(task: Task, split: Split, what: str, shape: Shape) -> None:
    if len(split.x.shape) == 0 or len(split.y.shape) == 0:
        raise TaskError(f"{what}: x and y must be arrays with a sample a row.")
    if len(split.x) != len(split.y):
        raise TaskError(f"{what}: x has {len(split.x)} samples, but y has {len(split.y)} targets.")
    if len(split.x) == 0:
        raise TaskError(f"{what} is empty: it has no samples.")
    check_finite(split.y, f"{what}: y")
    _inputs(task, split.x[:LOOK], f"{what}: ", shape)
    at = 0
    while (bad := not_finite(split.x[at:])) is not None:  # to_input may repair it
        at += bad[0][0]
        if task.to_input is as_float:
            check_finite(split.x, f"{what}: x")
        check_finite(_inputs(task, split.x[at : at + 1], f"{what}: ", shape).numpy(), f"{what}: to_input of x", at)
        at += 1


def inputs(task: Task, split: Split, chosen: Any) -> Tensor:
    """`Task.inputs`."""
    field = next((name for name, known in task.splits.items() if known is split), "data")
    what = f"task {task.name}: {field}: "
    x = _inputs(task, split.x[chosen], what, task.input_shape)
    if x.is_floating_point() and not torch.isfinite(x).all():
        samples = np.arange(len(split))[chosen]
        (sample, *_), _ = not_finite(x.numpy())  # type: ignore[misc]
        check_finite(x[sample : sample + 1].numpy(), f"{what}to_input of x", int(samples[sample]))
    return x


def _inputs(task: Task, raw: NDArray[Any], what: str, shape: Shape) -> Tensor:
    """to_input's result for raw samples, of the right type and shape."""
    what = f"{what}x" if task.to_input is as_float else f"{what}to_input of x"
    given = raw if task.to_input is as_float else _call(task, np.require(raw, None, ["C", "W"]), what)
    x = as_input(given, what, tokens=takes_tokens(task.model))
    check_shape(tuple(x.shape) or (0,), shape, what)
    if len(x) != len(raw):
        raise TaskError(f"{what} gives {len(x)} samples for {len(raw)}.")
    return x


def _call(task: Task, raw: NDArray[Any], what: str) -> Any:
    try:
        return task.to_input(raw)
    except MixcompError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise TaskError(
            f"{what}: {type(error).__name__}: {error} (for raw samples {raw.dtype} of shape {raw.shape})"
        ) from error


@torch.no_grad()
def output_of(model: nn.Module, calibration: Tensor) -> Tensor | None:
    """The model's output for the first and the last calibration sample; None for a model that cannot be run on them,
    of which the front end tells more."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            output = model(calibration[[0, -1]])
    except Exception:
        return None
    finally:
        for module, training in modes.items():
            module.training = training
    return output if isinstance(output, Tensor) and output.dim() > 1 and len(output) == LOOK else None


def _try_loss(objective: Objective, outputs: Tensor, fields: dict[str, Any], named: str) -> None:
    """The loss on two samples must be one number."""
    split = next((fields[name] for name in ("train", "validation", "test") if name in fields), None)
    if split is None:
        return
    target = torch.from_numpy(split.y[[0, -1]])
    try:
        loss = objective.loss(outputs, target)
    except Exception as error:  # the user's code may raise anything
        raise TaskError(
            f"{named}: loss: {type(error).__name__}: {error} (output {tuple(outputs.shape)}, target "
            f"{tuple(target.shape)} {target.dtype})"
        ) from error
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        found = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise TaskError(f"{named}: loss gives {found}, expected one number, the mean over the samples.")
