"""Samples from files, without code: an npz, npy or CSV file (`tables.py`), or a folder of classes with pictures or
recordings in it (`folders.py`). What a file would unpack to is bounded before it is unpacked; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.tasks.folders import read_folder
from mixcomp_edge.train.tasks.tables import READERS

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Samples:
    """Arrays by split: "train", "validation", "test", or "" for what is not split yet. Of a model with several inputs
    x holds a dict by their names; y is None without labels, a dict where outputs have targets by name. `classes` are
    names, in the order of the labels; `notes` what the user should know."""

    x: dict[str, Any]
    y: dict[str, Any]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_samples(
    path: Path, inputs: Mapping[str, Shape], outputs: tuple[str, ...] = (), *, layout: str = "auto",
    labels: str | None = None,
) -> Samples:  # fmt: skip
    """The samples of a file or folder as a model takes them, channels first, for inputs of these shapes. layout: of
    what is stored, "nchw", "nhwc" or "auto". labels: a CSV's column, or the .npy file with an .npy's labels. TaskError
    says what is wrong."""
    if len(inputs) > 1 and path.suffix.lower() != ".npz":
        raise TaskError(f"{path}: the model takes {', '.join(inputs)}; data is an .npz with an array for each.")
    [shape] = inputs.values() if len(inputs) == 1 else [()]
    if path.is_dir():
        samples = Samples(*read_folder(path, shape))
    elif not path.is_file():
        raise TaskError(f"{path}: there is no such file or folder (looked in {Path.cwd()}).")
    else:
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            raise TaskError(f"{path}: data is an .npz, .npy or .csv file, or a folder with a folder for each class.")
        samples = Samples(*reader(path, inputs, outputs, labels))
    for split, x in samples.x.items():
        _check(path, f"_{split}" if split else "", x, samples.y[split])
    return replace(samples, x={split: _ordered(x, inputs, path, layout) for split, x in samples.x.items()})


def channels_first(x: NDArray[Any], shape: Shape, what: str, layout: str = "auto") -> NDArray[Any]:
    """Samples as a model takes them, (N, *shape): stored so, or with channels last, without a lone channel, or flat on
    either side. TaskError names what they are."""
    last = (*shape[1:], shape[0])
    if x.shape[1:] == shape and layout != "nhwc":
        return x
    if x.shape[1:] == last and layout != "nchw":
        return np.ascontiguousarray(np.moveaxis(x, -1, 1))
    if shape[0] == 1 and x.shape[1:] == shape[1:]:
        return x[:, None]
    if (len(shape) == 1 or x.ndim == 2) and prod(x.shape[1:]) == prod(shape):
        return x.reshape(len(x), *shape)
    raise TaskError(
        f"{what}: samples are of shape {x.shape[1:]}; the model takes {shape}, channels first"
        f"{'' if layout == 'auto' else f', and --layout is {layout}'}."
    )


def _ordered(x: Any, inputs: Mapping[str, Shape], path: Path, layout: str) -> Any:
    if not isinstance(x, dict):
        [shape] = inputs.values()
        return channels_first(x, shape, str(path), layout)
    return {name: channels_first(x[name], shape, f"{path}: {name}", layout) for name, shape in inputs.items()}


def _check(path: Path, suffix: str, x: Any, y: Any) -> None:
    """Numbers, and as many labels as samples."""
    parts = {f"{name}{suffix}": part for name, part in (x.items() if isinstance(x, dict) else [("x", x)])}
    counts = {len(part) for part in parts.values() if part.ndim}
    for name, part in parts.items():
        if part.dtype.kind not in "uifb" or part.ndim < 1 or not len(part):
            raise TaskError(f"{path}: {name} is {part.dtype} of shape {part.shape}; expected numbers, a sample a row.")
    if len(counts) > 1:
        sizes = ", ".join(f"{len(part)} of {name}" for name, part in parts.items())
        raise TaskError(f"{path}: the inputs have different numbers of samples, {sizes}.")
    for labels in y.values() if isinstance(y, dict) else [] if y is None else [y]:
        if labels.ndim < 1 or len(labels) not in counts:
            raise TaskError(f"{path}: x{suffix} holds {min(counts)} samples, its labels are of shape {labels.shape}.")
        if labels.dtype.kind not in "uifb":
            raise TaskError(f"{path}: y{suffix} is {labels.dtype}; classes are numbers from 0 on, or use a CSV.")
