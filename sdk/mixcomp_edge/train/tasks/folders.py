"""Samples in folders: folder/class/picture or recording, or folder/train/class/… beside validation and test."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.tasks.tables import MAX_BYTES, SPLITS
from mixcomp_edge.train.tasks.wav import read_wav

MAX_FILES = 200_000
MAX_PIXELS = 1 << 24  # of one picture
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
RECORDINGS = (".wav",)
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # of pictures, by channels
Shape = tuple[int, ...]


def read_folder(path: Path, shape: Shape) -> tuple[dict[str, Any], dict[str, Any], tuple[str, ...], tuple[str, ...]]:
    """x and y by split, the classes, and notes. Pictures are scaled to the model's size and converted to its channels;
    recordings are cut, or get silence behind them."""
    parts = {split: path / split for split in SPLITS if (path / split).is_dir()} or {"": path}
    classes = tuple(sorted({folder.name for part in parts.values() for folder in _folders(part)}))
    if not classes:
        raise TaskError(f"{path}: holds no folder; expected one for each class, with its pictures or recordings in it.")
    kinds = PICTURES + RECORDINGS
    files = {
        split: [
            (file, label)
            for label, name in enumerate(classes)
            for file in (sorted((part / name).iterdir()) if (part / name).is_dir() else ())
            if file.suffix.lower() in kinds and not file.name.startswith(".")
        ]
        for split, part in parts.items()
    }
    for split, found in files.items():
        if len(found) > MAX_FILES:
            raise TaskError(f"{parts[split]}: holds {len(found)} files; at most {MAX_FILES} are read.")
        if empty := set(range(len(classes))) - {label for _, label in found}:
            raise TaskError(
                f"{parts[split] / classes[min(empty)]}: holds no picture or recording ({', '.join(kinds)})."
            )
    sounds = [file.suffix.lower() in RECORDINGS for found in files.values() for file, _ in found]
    if any(sounds) and not all(sounds):
        raise TaskError(f"{path}: holds pictures and recordings; a model takes one of them.")
    reader, notes = _recordings(path, shape) if any(sounds) else (_pictures(shape), [])
    x = {split: _stacked(parts[split], [file for file, _ in found], reader) for split, found in files.items()}
    y = {split: np.array([label for _, label in found], np.int64) for split, found in files.items()}
    return x, y, classes, tuple(notes)


def _folders(part: Path) -> list[Path]:
    return [folder for folder in part.iterdir() if folder.is_dir() and not folder.name.startswith((".", "__"))]


def _stacked(part: Path, files: list[Path], read: Callable[[Path], NDArray[Any]]) -> NDArray[Any]:
    first = read(files[0])
    if first.nbytes * len(files) > MAX_BYTES:
        raise TaskError(f"{part}: holds {first.nbytes * len(files)} bytes of samples; at most {MAX_BYTES} are read.")
    x = np.empty((len(files), *first.shape), first.dtype)
    for i, file in enumerate(files):
        sample = read(file)
        if sample.shape != first.shape:
            raise TaskError(f"{part}: samples differ in size, {first.shape} and {sample.shape}; say --input-shape.")
        x[i] = sample
    return x


def _pictures(shape: Shape) -> Callable[[Path], NDArray[Any]]:
    """(H, W, C) uint8, of the size and channels of a model that takes maps."""
    if len(shape) not in (1, 3) or (len(shape) == 3 and shape[0] not in MODES):
        raise TaskError(f"pictures go with a model of (1, 3 or 4, height, width); this one takes {shape}.")
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise TaskError("reading pictures needs pillow. Run pip install 'mixcomp-edge[data]'.") from error

    def read(file: Path) -> NDArray[Any]:
        try:
            with Image.open(file) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise TaskError(f"{file}: has {image.width * image.height} pixels; at most {MAX_PIXELS} are read.")
                if image.mode.startswith(("I", "F")):
                    raise TaskError(f"{file}: has more than 8 bits a pixel; give such pictures as an .npz.")
                grey = len(shape) == 1 and image.mode in ("1", "L", "LA")
                plain = image.convert("L" if grey else MODES[shape[0] if len(shape) == 3 else 3])
                if len(shape) == 3 and plain.size != (shape[2], shape[1]):
                    plain = plain.resize((shape[2], shape[1]), Image.Resampling.BILINEAR)
                array = np.asarray(plain)
        except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
            raise TaskError(f"{file}: is no picture that can be read ({error}).") from error
        return array[..., None] if array.ndim == 2 else array

    return read


def _recordings(path: Path, shape: Shape) -> tuple[Callable[[Path], NDArray[Any]], list[str]]:
    """(C, L) float32 in -1..1 for a model of (C, L), (1, 1, L) or (L,); all of one rate."""
    if len(shape) > 3 or (len(shape) == 3 and shape[:2] != (1, 1)):
        raise TaskError(
            f"{path}: recordings go with a model that takes waveforms, (1, length); this one takes {shape}. Compute "
            "its features, and give them as an .npz."
        )
    channels, length = (shape[0] if len(shape) == 2 else 1), shape[-1]
    first: list[tuple[Path, int]] = []
    changed = {"cut": 0, "padded with silence": 0}
    notes = [f"{path}: recordings are numbers in -1..1."]

    def read(file: Path) -> NDArray[Any]:
        rate, x = read_wav(file)
        if first and rate != first[0][1]:
            raise TaskError(f"{file}: has {rate} samples a second, {first[0][0].name} has {first[0][1]}; resample it.")
        if not first:
            first.append((file, rate))
        if channels == 1:
            x = x.mean(axis=0, keepdims=True, dtype=np.float32)
        if len(x) != channels:
            raise TaskError(f"{file}: has {len(x)} channels, the model takes {channels}.")
        if x.shape[1] != length:
            way = "cut" if x.shape[1] > length else "padded with silence"
            changed[way] += 1
            notes[1:] = [
                f"{path}: recordings of another length than {length} are {w}." for w, n in changed.items() if n
            ]
        fitted = np.zeros((channels, length), np.float32)
        fitted[:, : x.shape[1]] = x[:, :length]
        return fitted.reshape(shape) if prod(shape) == fitted.size else fitted

    return read, notes
