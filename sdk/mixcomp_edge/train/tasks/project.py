"""mixcomp.toml: a model file and all that the command line could say of its data, beside each other in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mixcomp_edge.documents import read_toml
from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.tasks.source import NOTHING, Source

PATHS = ("model", "data")  # relative to the file
TEXTS = ("layout", "labels", "loss", "metric")
SWITCHES = ("no_data", "trust")
NUMBERS = ("mean", "std")  # one, or a list with one a channel
KEYS = (*PATHS, "input_shape", "scale", *NUMBERS, *TEXTS, *SWITCHES)


def read_project(path: Path, given: Source) -> tuple[Path, Source]:
    """The model file, and the file's entries where `given` says nothing. TaskError names what is wrong."""
    table = read_toml(path, TaskError)
    for key, value in table.items():
        if key not in KEYS:
            raise TaskError(f"{path}: unknown key '{key}'. Known keys: {', '.join(KEYS)}.")
        if not _fits(key, value):
            raise TaskError(f"{path}: {key} = {value!r}, expected {_expected(key)}.")
    if "model" not in table:
        raise TaskError(f'{path}: says no model; add model = "model.onnx".')
    entries: dict[str, Any] = {key: _value(key, value) for key, value in table.items() if key not in PATHS}
    if "data" in table:
        entries["data"] = path.parent / table["data"]
    said = {key: value for key, value in vars(given).items() if value != getattr(NOTHING, key)}
    if "data" in said or "no_data" in said:  # of the two the one said last
        entries = {key: value for key, value in entries.items() if key not in ("data", "no_data")}
    try:
        return path.parent / table["model"], Source(**{**entries, **said})
    except TaskError as error:
        raise TaskError(f"{path}: {error}") from error


def _fits(key: str, value: Any) -> bool:
    if key in SWITCHES:
        return isinstance(value, bool)
    if key == "input_shape":
        shapes = list(value.values()) if isinstance(value, dict) else [value]
        return bool(shapes) and all(
            isinstance(shape, list) and shape and all(type(size) is int and size > 0 for size in shape)
            for shape in shapes
        )
    if key == "scale":
        return _is_number(value)
    if key in NUMBERS:
        return _is_number(value) or (isinstance(value, list) and bool(value) and all(map(_is_number, value)))
    return isinstance(value, str) and bool(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _expected(key: str) -> str:
    if key in SWITCHES:
        return "true or false"
    if key == "input_shape":
        return "sizes without the batch, [3, 96, 96], or a table of them by input"
    return "a number" if key == "scale" else "a number, or a list of one a channel" if key in NUMBERS else "text"


def _value(key: str, value: Any) -> Any:
    if key == "input_shape":
        return {name: tuple(shape) for name, shape in value.items()} if isinstance(value, dict) else tuple(value)
    if key in NUMBERS:
        return tuple(value) if isinstance(value, list) else (value,)
    return value
