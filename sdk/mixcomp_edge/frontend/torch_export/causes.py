"""Why a model cannot be traced, in the user's words. A cause is named only where undoing it makes the model run; else
the model's own error is passed on, with the module and the line it came from."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode
from torch.nn.parameter import UninitializedParameter

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export.structure import keyword_names, needed_names
from mixcomp_edge.ir.graph import Shape

SAMPLES = 17  # a batch whose size is easily told apart from a model's own sizes, in the errors of torch
Like = tuple[Shape, torch.dtype]  # of an input, without the samples
NOT_THE_USERS = (Path(torch.__file__).parent, Path(__file__).parents[2])


def explain(model: nn.Module, inputs: tuple[Like, ...], name: str, error: Exception) -> UnsupportedError:
    """The error that tells the user why torch.export raised `error` for inputs (N, *shape) of each type."""
    shape = ", ".join(f"({', '.join(['N', *map(str, shape)])})" for shape, _ in inputs)
    cause = _of_the_model(model, len(inputs))
    if cause is not None:
        return UnsupportedError(f"{name}: {cause}")
    failure = _Run(model, *(torch.zeros(SAMPLES, *shape, dtype=dtype) for shape, dtype in inputs))
    if failure.error is None:
        return UnsupportedError(f"{name}: {_of_export(error)}")
    for text, other in _other_inputs(model, inputs[0][0]) if len(inputs) == 1 else ():
        if _Run(model, other).error is None:
            return UnsupportedError(f"{name}: {text}")
    said = re.sub(rf"(?<![\d.]){SAMPLES}(?![\d.])", "N", _first_line(failure.error))
    return UnsupportedError(f"{name}: the model does not run on inputs {shape}: {failure.place} raised {said}")


def _of_the_model(model: nn.Module, inputs: int) -> str | None:
    """What can be told without running it."""
    if any(isinstance(parameter, UninitializedParameter) for parameter in model.parameters()):
        return "has lazy layers whose sizes are not known yet; run the model once on a batch of data first."
    if by_keyword := keyword_names(model):
        return f"forward() takes {by_keyword[0]!r} by keyword alone; move it before the *, or give it a default."
    needed = needed_names(model)
    if len(needed) > inputs:
        data = ", ".join(f'"{name}": …' for name in needed)
        return (
            f"forward() takes {len(needed)} inputs ({', '.join(needed)}), data is given for {inputs}. Give it for "
            f"each, by name or in order: {{{data}}} or a tuple."
        )
    return None


def _other_inputs(model: nn.Module, shape: tuple[int, ...]) -> Iterator[tuple[str, Tensor]]:
    """(what is wrong, what to give instead), to be tried one after the other."""
    x = torch.zeros(SAMPLES, *shape)
    was = f"({', '.join(['N', *map(str, shape)])})"
    for state in [*model.parameters(), *model.buffers()]:
        if state.is_floating_point() and state.dtype != x.dtype:
            dtype = str(state.dtype).removeprefix("torch.")
            yield f"the model computes in {dtype}; call model.float() first.", x.to(state.dtype)
            break
    yield "the model reads whole numbers (tokens, indices): give data of an integer type, such as int64.", x.long()
    if len(shape) > 1:
        moved = x.movedim(-1, 1)
        now = f"({', '.join(['N', *map(str, moved.shape[1:])])})"
        yield f"the data is {was}, channels last; the model takes {now}: give data.movedim(-1, 1).", moved
        flat = x.flatten(1)
        yield f"the data is {was}; the model takes vectors (N, {flat.shape[1]}): give data.flatten(1).", flat
        yield f"the data is {was}, without channels: give data.unsqueeze(1), (N, 1, …).", x.unsqueeze(1)
    yield (
        "the model runs on one sample at a time only: a size of 1 is written into it, as in view(1, -1). "
        "Write x.shape[0] there.",
        x[:1],
    )


def _of_export(error: Exception) -> str:
    """What torch.export could not follow, in a model that runs."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_the_users(frame.filename)]
    where = ""
    if frames:
        line = linecache.getline(frames[-1].filename, frames[-1].lineno or 0).strip()
        where = f" at {Path(frames[-1].filename).name}, line {frames[-1].lineno}" + (f": `{line}`" if line else "")
    if isinstance(error, GuardOnDataDependentSymNode):
        return (
            f"forward() decides by the values of its data{where}. C runs one path for all data: take the branch out, "
            "or cut the model there and decide outside."
        )
    return f"torch.export cannot follow the model{where}: {_first_line(error)} Use operations on tensors alone there."


def _is_the_users(filename: str) -> bool:
    path = Path(filename)
    return path.is_file() and not any(path.is_relative_to(folder) for folder in NOT_THE_USERS)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0].partition(" Please file an issue")[0] if lines else ""
    return f"{type(error).__name__}: {text}{'' if text.endswith('.') else '.'}"


class _Run:
    """One run of a model: `error` is what it raised, None where it ran; `place` the module it was in."""

    def __init__(self, model: nn.Module, *inputs: Tensor) -> None:
        self.error: Exception | None = None
        open_: list[tuple[str, str]] = []

        def opened(path: str) -> Any:
            return lambda module, arguments: open_.append((path, type(module).__name__))

        hooks = []
        for path, module in model.named_modules():
            hooks += [
                module.register_forward_pre_hook(opened(path)),
                module.register_forward_hook(lambda *_: open_.pop() and None),
            ]
        try:
            model(*inputs)
        except Exception as error:  # the user's code may raise anything
            self.error = error
        finally:
            for hook in hooks:
                hook.remove()
        path, kind = open_[-1] if open_ else ("", type(model).__name__)
        self.place = f"module '{path}' ({kind})" if path else f"the top module ({kind})"
