"""Samples from files, without code: an npz or npy, a folder of classes with pictures in it, or a CSV file.

What a file would unpack to is bounded before it is unpacked; nothing is unpickled."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import TaskError

MAX_BYTES = 2 << 30  # of all arrays of a file, unpacked
MAX_PICTURES = 200_000
MAX_PIXELS = 1 << 24  # of one picture
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Samples:
    """Arrays as they lie in the file, by split: "train", "validation", "test", or "" for what is not split yet; y is
    None without labels. `classes` are names, in the order of the labels."""

    x: dict[str, NDArray[Any]]
    y: dict[str, NDArray[Any] | None]
    classes: tuple[str, ...] = ()


def read_samples(path: Path, size: tuple[int, int] | None = None) -> Samples:
    """The samples of a file or folder; pictures are scaled to size (height, width). TaskError says what is wrong."""
    if path.is_dir():
        return _folder(path, size)
    if not path.is_file():
        raise TaskError(f"{path}: there is no such file or folder (looked in {Path.cwd()}).")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise TaskError(f"{path}: data is an .npz, .npy or .csv file, or a folder with a folder for each class.")
    return reader(path)


def channels_first(x: NDArray[Any], shape: tuple[int, ...], place: Path | None, layout: str = "auto") -> NDArray[Any]:
    """Samples as a model takes them, (N, *shape): stored so, or with channels last, without a lone channel, or flat.
    layout: "nchw", "nhwc" or "auto". TaskError names the place that they come from."""
    last = (*shape[1:], shape[0])
    if x.shape[1:] == shape and layout != "nhwc":
        return x
    if x.shape[1:] == last and layout != "nchw":
        return np.ascontiguousarray(np.moveaxis(x, -1, 1))
    if shape[0] == 1 and x.shape[1:] == shape[1:]:
        return x[:, None]
    if len(shape) > 1 and x.ndim == 2 and x.shape[1] == int(np.prod(shape)):
        return x.reshape(len(x), *shape)
    raise TaskError(
        f"{place}: samples are of shape {x.shape[1:]}; the model takes {shape}, channels first"
        f"{'' if layout == 'auto' else f', and --layout is {layout}'}."
    )


def _npz(path: Path) -> Samples:
    """x and y, or x_train, y_train, x_validation, …; labels are optional."""
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
        if total > MAX_BYTES:
            raise TaskError(f"{path}: unpacks to {total} bytes; at most {MAX_BYTES} are read.")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, MemoryError, KeyError) as error:
        raise TaskError(f"{path}: is no .npz file of plain arrays ({error}).") from error
    keys = {"": ("x", "y"), **{split: (f"x_{split}", f"y_{split}") for split in SPLITS}}
    x = {split: arrays[names[0]] for split, names in keys.items() if names[0] in arrays}
    if not x or ("" in x and "train" in x):
        held = ", ".join(sorted(arrays)) or "nothing"
        raise TaskError(
            f"{path}: holds {held}; expected x, or x_train and perhaps x_validation and x_test, and labels "
            "y, y_train, … beside them if there are any."
        )
    classes = tuple(str(name) for name in arrays.get("classes", ()))
    return _checked(path, Samples(x, {split: arrays.get(keys[split][1]) for split in x}, classes))


def _npy(path: Path) -> Samples:
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
        if array.nbytes > MAX_BYTES:
            raise TaskError(f"{path}: holds {array.nbytes} bytes; at most {MAX_BYTES} are read.")
        return _checked(path, Samples({"": np.array(array)}, {"": None}))
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise TaskError(f"{path}: is no .npy file of plain numbers ({error}).") from error


def _csv(path: Path) -> Samples:
    """A row a sample, a header above; the column `label` or `y`, if there is one, holds classes or numbers."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file, strict=True) if row]
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise TaskError(f"{path}: is no CSV file in UTF-8 ({error}).") from error
    if len(rows) < 2:
        raise TaskError(f"{path}: has no samples below its header.")
    header, *body = rows
    for line, row in enumerate(body, 2):
        if len(row) != len(header):
            raise TaskError(f"{path}: line {line} has {len(row)} values, the header {len(header)}.")
    label = next((i for i, name in enumerate(header) if name.strip().lower() in ("label", "y")), None)
    columns = [i for i in range(len(header)) if i != label]
    try:
        x = np.array([[float(row[i]) for i in columns] for row in body], np.float32)
    except ValueError as error:
        raise TaskError(f"{path}: {error}; every column but `label` holds numbers.") from error
    if label is None:
        return _checked(path, Samples({"": x}, {"": None}))
    y, classes = _labels([row[label].strip() for row in body])
    return _checked(path, Samples({"": x}, {"": y}, classes))


def _labels(texts: list[str]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Whole numbers are classes, other numbers values, any other text names of classes."""
    for kind in (np.int64, np.float32):
        try:
            return np.array(texts).astype(kind), ()
        except ValueError:
            continue
    classes = tuple(sorted(set(texts)))
    return np.array([classes.index(text) for text in texts], np.int64), classes


READERS: dict[str, Callable[[Path], Samples]] = {".npz": _npz, ".npy": _npy, ".csv": _csv}


def _folder(path: Path, size: tuple[int, int] | None) -> Samples:
    """path/class/picture, or path/train/class/picture beside validation and test."""
    parts = {split: path / split for split in SPLITS if (path / split).is_dir()} or {"": path}
    classes = tuple(sorted({folder.name for part in parts.values() for folder in part.iterdir() if folder.is_dir()}))
    if not classes:
        raise TaskError(f"{path}: holds no folder; expected one for each class, with its pictures in it.")
    x: dict[str, NDArray[Any]] = {}
    y: dict[str, NDArray[Any] | None] = {}
    for split, part in parts.items():
        files = [
            (file, label)
            for label, name in enumerate(classes)
            if (part / name).is_dir()
            for file in sorted((part / name).iterdir())
            if file.suffix.lower() in PICTURES
        ]
        for name in classes:
            if not any(classes[label] == name for _, label in files):
                raise TaskError(f"{part / name}: holds no picture ({', '.join(PICTURES)}).")
        if len(files) > MAX_PICTURES:
            raise TaskError(f"{part}: holds {len(files)} pictures; at most {MAX_PICTURES} are read.")
        pictures = [_picture(file, size) for file, _ in files]
        if len(shapes := {picture.shape for picture in pictures}) > 1:
            raise TaskError(f"{part}: pictures differ in size, {min(shapes)} and {max(shapes)}; say --input-shape.")
        x[split], y[split] = np.stack(pictures), np.array([label for _, label in files], np.int64)
    return _checked(path, Samples(x, y, classes))


def _picture(file: Path, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, or (H, W, 1) of a grey one."""
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise TaskError("reading pictures needs pillow. Run pip install 'mixcomp-edge[data]'.") from error
    try:
        with Image.open(file) as image:
            if image.width * image.height > MAX_PIXELS:
                raise TaskError(f"{file}: has {image.width * image.height} pixels; at most {MAX_PIXELS} are read.")
            plain = image.convert("L" if image.mode in ("1", "L", "I;16") else "RGB")
            if size is not None and (plain.height, plain.width) != size:
                plain = plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            array = np.asarray(plain)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise TaskError(f"{file}: is no picture that can be read ({error}).") from error
    return array[..., None] if array.ndim == 2 else array


def _checked(path: Path, samples: Samples) -> Samples:
    """Numbers, and as many labels as samples."""
    for split, x in samples.x.items():
        y, name = samples.y[split], f"x_{split}" if split else "x"
        if x.dtype.kind not in "uifb" or x.ndim < 1 or not len(x):
            raise TaskError(f"{path}: {name} is {x.dtype} of shape {x.shape}; expected numbers, a sample a row.")
        if y is not None and (y.ndim < 1 or len(y) != len(x)):
            raise TaskError(f"{path}: {name} holds {len(x)} samples, its labels are of shape {y.shape}.")
    return samples
