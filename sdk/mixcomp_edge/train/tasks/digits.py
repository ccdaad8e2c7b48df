"""Handwritten digits, 8x8 grey: 1,797 images inside scikit-learn. The task that needs no data folder and no network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.networks import DigitsCnn
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.task import Split, Task
from mixcomp_edge.train.tasks.holdout import hold_out
from mixcomp_edge.train.tasks.images import Augment
from mixcomp_edge.train.tasks.weights import seeded

TEST_SHARE = 0.2  # of each class


def splits() -> tuple[Split, Split]:
    """(1,438 for training and validation, 359 for testing): a fifth of each class is held out for testing.

    x (N, 1, 8, 8) uint8 0..16 as scikit-learn gives it."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise TaskError("digits: its images are in scikit-learn: pip install 'mixcomp-edge[data]'.") from error
    images, labels = load_digits(return_X_y=True)
    x, y = images.reshape(-1, 1, 8, 8).astype(np.uint8), labels.astype(np.int64)
    return hold_out(Split(x, y), TEST_SHARE)


def to_input(raw: NDArray[np.uint8]) -> Tensor:
    """Grey 0..16 -> float min(16 v, 255): whole numbers that u8 with step 1 holds exactly."""
    return torch.from_numpy(np.minimum(raw * np.float32(16), np.float32(255)))


def digits() -> Task:
    rest, test = splits()
    train, validation = hold_out(rest)
    return Task(
        name="digits",
        model=seeded(DigitsCnn),
        input_shape=(1, 8, 8),
        calibration=to_input(train.x[:512]),
        recipe=Recipe(epochs=20, batch_size=64, threads=1),
        train=train,
        validation=validation,
        test=test,
        to_input=to_input,
        augment=Augment(crop=1, flip=False),
        float_recipe=Recipe(epochs=60, batch_size=64, lr=0.05, threads=1),
    )
