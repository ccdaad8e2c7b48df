"""Readers of the files in which data sets come. Each returns arrays of the shape it was told to expect
or a TaskError that names the file. No pickle is ever opened."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import TaskError

Pixels = NDArray[np.uint8]
RECORD_BYTES = 1 + 3 * 32 * 32  # label, then 1024 red, 1024 green, 1024 blue
TILES = (50, 100)  # rows, columns of 32x32 images in one mosaic


def damaged(path: Path, what: str) -> TaskError:
    return TaskError(
        f"{path}: {what}. Delete this file; the next run downloads the data set unless you put a whole one."
    )


def read_idx(path: Path, shape: tuple[int, ...]) -> Pixels:
    """A gzip file in LeCun's IDX format, unsigned bytes.

    Two zero bytes, type 0x08, rank, then rank big-endian u32 sizes, then the data with the last axis innermost."""
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, f"not a whole gzip file ({error})") from error
    rank = len(shape)
    header_bytes = 4 + 4 * rank
    if len(content) < header_bytes or content[:4] != bytes((0, 0, 0x08, rank)):
        raise damaged(path, f"no IDX header of unsigned bytes with {rank} axes, starts with {content[:4].hex(' ')}")
    found = tuple(int(size) for size in np.frombuffer(content, ">u4", rank, 4))
    if found != shape or len(content) != header_bytes + int(np.prod(shape)):
        raise damaged(path, f"holds shape {found} in {len(content)} bytes, expected {shape}")
    return np.frombuffer(content, np.uint8, offset=header_bytes).reshape(shape)


def read_cifar_bin(path: Path, count: int) -> tuple[Pixels, Pixels]:
    """A batch of the binary version of CIFAR-10: (x (count, 3, 32, 32), y (count,))."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise damaged(path, f"cannot be read ({error})") from error
    if len(content) != count * RECORD_BYTES:
        raise damaged(path, f"has {len(content)} bytes, expected {count} images of {RECORD_BYTES}")
    records = content.reshape(count, RECORD_BYTES)
    return records[:, 1:].reshape(count, 3, 32, 32), check_labels(path, records[:, 0])


def read_mosaic(path: Path) -> Pixels:
    """A lossless image of 50 rows of 100 CIFAR images: (5000, 3, 32, 32) in reading order."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise TaskError(f"{path}: needs Pillow to read it: pip install 'mixcomp-edge[data]'.") from error
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise damaged(path, f"not a whole image ({error})") from error
    rows, columns = TILES
    if pixels.shape != (rows * 32, columns * 32, 3):
        raise damaged(path, f"is {pixels.shape[1]}x{pixels.shape[0]} pixels, expected {columns * 32}x{rows * 32}")
    tiles = pixels.reshape(rows, 32, columns, 32, 3).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(tiles).reshape(-1, 3, 32, 32)


def read_npz(path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: type = np.uint8) -> list[NDArray[Any]]:
    """The named arrays of an .npz file, which must have these shapes and this type."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = [archive[key] for key in shapes]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise damaged(path, f"not the expected .npz file ({error})") from error
    for array, (key, shape) in zip(arrays, shapes.items(), strict=True):
        if array.shape != shape or array.dtype != dtype:
            raise damaged(path, f"{key} is {array.dtype} {array.shape}, expected {dtype.__name__} {shape}")
    return arrays


def check_labels(path: Path, y: Pixels, classes: int = 10) -> Pixels:
    if len(y) and int(y.max()) >= classes:
        raise damaged(path, f"holds the label {int(y.max())}, expected 0 to {classes - 1}")
    return y
