"""Fashion-MNIST: 70,000 pictures of clothes, 28x28 grey, ten classes."""

from __future__ import annotations

from mixcomp_edge.train.networks import FashionCnn
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.task import Task
from mixcomp_edge.train.tasks.data import fashion_mnist
from mixcomp_edge.train.tasks.holdout import hold_out
from mixcomp_edge.train.tasks.images import Augment, raw_pixels, sample
from mixcomp_edge.train.tasks.weights import seeded

CLASSES = ("t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def fashion() -> Task:
    everything, test = fashion_mnist()
    train, validation = hold_out(everything)
    return Task(
        name="fashion",
        model=seeded(FashionCnn),
        input_shape=(1, 28, 28),
        calibration=raw_pixels(sample(train)),
        recipe=Recipe(epochs=3),
        train=train,
        validation=validation,
        test=test,
        to_input=raw_pixels,
        augment=Augment(crop=0, flip=True),
        float_recipe=Recipe(epochs=8, lr=0.1),
        classes=CLASSES,
    )
