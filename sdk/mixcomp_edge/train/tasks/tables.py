"""Samples in one file: arrays of an .npz or .npy, or rows of a CSV."""

from __future__ import annotations

import csv
import re
import zipfile
import zlib
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import TaskError

MAX_BYTES = 1 << 30  # of all arrays of a file, unpacked
SPLITS = ("train", "validation", "test")
UNREADABLE = (OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError, MemoryError, KeyError, NotImplementedError,
              OverflowError, SyntaxError, TypeError, RuntimeError)  # fmt: skip

Inputs = Mapping[str, tuple[int, ...]]
Found = tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]  # x and y by split, names of the classes
Reader = Callable[[Path, Inputs, tuple[str, ...], str | None], Found]


def _npz(path: Path, inputs: Inputs, outputs: tuple[str, ...], labels: str | None) -> Found:
    """x and y, or x_train, y_train, x_validation, …; labels are optional. Of several inputs their names in the place of
    x, of several outputs in the place of y if there are such arrays."""
    _no_labels(path, labels)
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
        if total > MAX_BYTES:
            raise TaskError(f"{path}: unpacks to {total} bytes; at most {MAX_BYTES} are read.")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except UNREADABLE as error:
        raise TaskError(f"{path}: is no .npz file of plain arrays ({_first_line(error)}).") from error
    names = tuple(inputs) if len(inputs) > 1 else ("x",)
    x, y = dict[str, Any](), dict[str, Any]()
    for split in ("", *SPLITS):
        end = f"_{split}" if split else ""
        parts = {name: _named(arrays, name + end) for name in names}
        missing = [name for name, part in parts.items() if part is None]
        if len(missing) == len(parts):
            continue
        if missing:
            raise TaskError(f"{path}: lacks the array '{missing[0]}{end}'; the model takes {', '.join(names)}.")
        targets = {name: part for name in outputs if (part := _named(arrays, name + end)) is not None}
        x[split] = parts if len(names) > 1 else parts["x"]
        y[split] = targets if len(outputs) > 1 and len(targets) == len(outputs) else arrays.get(f"y{end}")
    if not x or ("" in x and "train" in x):
        held, first = ", ".join(sorted(arrays)) or "nothing", names[0]
        raise TaskError(
            f"{path}: holds {held}; expected {', '.join(names)}, or {first}_train and perhaps {first}_validation and "
            f"{first}_test, and labels y, y_train, … beside them if there are any."
        )
    return x, y, tuple(str(name) for name in arrays.get("classes", ()))


def plain(name: str) -> str:
    """A name of an input as a bundle has it."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", name)


def _named(arrays: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any] | None:
    return arrays.get(name, next((array for key, array in arrays.items() if plain(key) == plain(name)), None))


def _npy(path: Path, inputs: Inputs, outputs: tuple[str, ...], labels: str | None) -> Found:
    x = _array(path)
    return {"": x}, {"": None if labels is None else _array(Path(labels))}, ()


def _array(path: Path) -> NDArray[Any]:
    try:
        found = np.load(path, allow_pickle=False, mmap_mode="r")
        if not isinstance(found, np.ndarray):
            raise TaskError(f"{path}: is an archive; name it .npz.")
        if found.nbytes > MAX_BYTES:
            raise TaskError(f"{path}: holds {found.nbytes} bytes; at most {MAX_BYTES} are read.")
        return np.array(found)
    except UNREADABLE as error:
        raise TaskError(f"{path}: is no .npy file of plain numbers ({_first_line(error)}).") from error


def _csv(path: Path, inputs: Inputs, outputs: tuple[str, ...], labels: str | None) -> Found:
    """A row a sample, a header above; the column `label` or `y`, if there is one, holds classes or numbers."""
    if path.stat().st_size > MAX_BYTES:
        raise TaskError(f"{path}: holds {path.stat().st_size} bytes; at most {MAX_BYTES} are read.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _rows(path, csv.reader(file, strict=True), labels)
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise TaskError(f"{path}: is no CSV file in UTF-8 ({error}).") from error


def _rows(path: Path, rows: Any, wanted: str | None) -> Found:
    header = [name.strip() for name in next(rows, [])]
    known = ("label", "y") if wanted is None else (wanted.lower(),)
    label = next((i for i, name in enumerate(header) if name.lower() in known), None)
    if wanted is not None and label is None:
        raise TaskError(f"{path}: has no column '{wanted}'; it has {', '.join(header) or 'none'}.")
    numbers, texts, count = array("f"), list[str](), 0
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise TaskError(f"{path}: line {rows.line_num} has {len(row)} values, the header {len(header)}.")
        if label is not None:
            texts.append(row.pop(label).strip())
        try:
            numbers.extend(map(float, row))
        except ValueError as error:
            column = f"`{header[label]}`" if label is not None else "`label`"
            raise TaskError(
                f"{path}: line {rows.line_num}: {error}; every column but {column} holds numbers."
            ) from error
        count += 1
    if not count:
        raise TaskError(f"{path}: has no samples below its header.")
    x = np.frombuffer(numbers, np.float32).reshape(count, -1)
    y, classes = (None, ()) if label is None else _labels(texts)
    return {"": x}, {"": y}, classes


def _labels(texts: list[str]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Whole numbers are classes, other numbers values, any other text names of classes."""
    for kind in (np.int64, np.float32):
        try:
            return np.array(texts).astype(kind), ()
        except (ValueError, OverflowError):
            continue
    classes = tuple(sorted(set(texts)))
    return np.array([classes.index(text) for text in texts], np.int64), classes


def _no_labels(path: Path, labels: str | None) -> None:
    if labels is not None:
        raise TaskError(f"{path}: --labels names a column of a CSV, or the .npy of labels beside an .npy of samples.")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]


READERS: dict[str, Reader] = {".npz": _npz, ".npy": _npy, ".csv": _csv}
