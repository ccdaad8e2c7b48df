"""Which fault a bearing has, from 85 ms of vibration: trained under loads 0 to 2, tested under load 3, which it never
saw. The normal class exists under load 0 only, so its windows are split in time, and its task stands apart."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixcomp_edge.train.networks import VibrationCnn
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.task import Split, Task
from mixcomp_edge.train.tasks.images import sample
from mixcomp_edge.train.tasks.vibration import CLASSES, LOADS, Recordings, cwru
from mixcomp_edge.train.tasks.weights import seeded

WINDOW = 1024  # samples, at 12 kHz
TRAIN_HOP = 256  # training windows overlap; those of validation and test do not
TEST_LOAD = 3
NORMAL_TRAIN_SHARE = 0.7  # the first part in time, for training and validation
TRAIN_SHARE = 0.8  # of what is not for testing; the rest, later in time, is for validation


def bearings() -> Task:
    """Nine fault classes."""
    return _task("bearings", range(1, len(CLASSES)))


def bearings10() -> Task:
    """Nine fault classes and the normal one."""
    return _task("bearings10", range(len(CLASSES)))


def _task(name: str, kinds: range) -> Task:
    train, validation, test = splits(cwru(), kinds)
    return Task(
        name=name,
        model=seeded(partial(VibrationCnn, len(kinds))),
        input_shape=(1, 1, WINDOW),
        calibration=standardize(sample(train)),
        recipe=Recipe(epochs=10, batch_size=64, distill=0.5, temperature=4.0),
        train=train,
        validation=validation,
        test=test,
        to_input=standardize,
        float_recipe=Recipe(epochs=12, batch_size=64, lr=0.05),
    )


def splits(recordings: Recordings, kinds: range) -> tuple[Split, Split, Split]:
    """(train, validation, test): x (N, 1, 1, 1024) float32 in g, y the place of the class in `kinds`.

    Each recording is cut in time first and into windows then, so no window crosses a split."""
    parts: tuple[list[tuple[NDArray[np.float32], int]], ...] = ([], [], [])
    for label, kind in enumerate(kinds):
        for load in LOADS if kind else LOADS[:1]:
            signal = recordings[kind, load]
            end = len(signal)
            if kind and load == TEST_LOAD:
                end = 0
            elif not kind:
                end = int(NORMAL_TRAIN_SHARE * end)
            middle = int(TRAIN_SHARE * end)
            pieces = (signal[:middle], TRAIN_HOP), (signal[middle:end], WINDOW), (signal[end:], WINDOW)
            for part, (piece, hop) in zip(parts, pieces, strict=True):
                if len(piece) >= WINDOW:
                    part.append((np.lib.stride_tricks.sliding_window_view(piece, WINDOW)[::hop], label))
    train, validation, test = (_joined(part) for part in parts)
    return train, validation, test


def _joined(part: list[tuple[NDArray[np.float32], int]]) -> Split:
    x = np.concatenate([windows for windows, _ in part])
    y = np.concatenate([np.full(len(windows), label, np.int64) for windows, label in part])
    return Split(x[:, None, None], y)


def standardize(raw: NDArray[np.float32]) -> Tensor:
    """(N, 1, 1, 1024) -> each window with mean 0 and standard deviation 1: loads differ in level, faults in shape."""
    x = torch.from_numpy(np.ascontiguousarray(raw))
    return (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True).clamp(min=1e-6)
