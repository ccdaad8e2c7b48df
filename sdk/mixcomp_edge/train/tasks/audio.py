"""Ten spoken digits by six speakers: log-mel pictures of 64 frames and 40 bands, for a DS-CNN and for GRUs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from mixcomp_edge.train.networks import DigitsGru, DigitsStream, DsCnn
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.task import Task
from mixcomp_edge.train.tasks.images import Augment, raw_pixels, sample
from mixcomp_edge.train.tasks.speech import spoken_digits as load
from mixcomp_edge.train.tasks.weights import seeded

RETRAIN = Recipe(epochs=20, batch_size=64, lr=4e-2, distill=0.5, temperature=4.0)  # DECISIONS.md, "The best recipe"
RETRAIN_GRU = RETRAIN.with_(epochs=10, lr=5e-3)
SHIFT = 4  # frames and bands: a few tens of milliseconds, another voice


def spoken_digits() -> Task:
    return _task("spoken_digits", partial(DsCnn, classes=10, strides=(4, 2)), 0.1, RETRAIN)


def spoken_digits_gru() -> Task:
    return _task("spoken_digits_gru", DigitsGru, 0.1, RETRAIN_GRU)


def spoken_digits_stream() -> Task:
    """A decision a frame, of all frames so far."""
    return _task("spoken_digits_stream", DigitsStream, 0.1, RETRAIN_GRU, stream=1)


def _task(name: str, network: Callable[[], nn.Module], lr: float, retrain: Recipe, stream: int | None = None) -> Task:
    train, validation, test = load()
    return Task(
        name=name,
        model=seeded(network),
        input_shape=(1, 64, 40),
        calibration=raw_pixels(sample(train)),
        recipe=retrain,
        train=train,
        validation=validation,
        test=test,
        to_input=raw_pixels,
        augment=Augment(crop=SHIFT, flip=False),
        float_recipe=Recipe(epochs=30, batch_size=64, lr=lr),
        stream=stream,
    )
