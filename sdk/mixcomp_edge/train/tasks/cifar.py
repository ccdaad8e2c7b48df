"""CIFAR-10 with two reference networks. Without weights both start from random ones; without data they keep counts
and memory, and lose accuracy. The published weights saw all 50,000 images: on the validation set the float model's own
accuracy says nothing, differences between quantized models do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor, nn

from mixcomp_edge.train.networks import ResNet8, ResNet20
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.task import Split, Task
from mixcomp_edge.train.tasks import synthetic
from mixcomp_edge.train.tasks.data import cifar10
from mixcomp_edge.train.tasks.fetch import DataMissing
from mixcomp_edge.train.tasks.holdout import hold_out
from mixcomp_edge.train.tasks.images import SAMPLE_SEED, Augment, Normalize, raw_pixels, sample
from mixcomp_edge.train.tasks.weights import pretrained

SHAPE = (3, 32, 32)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SCRATCH = Recipe(epochs=30, lr=0.05, weight_decay=1e-4)  # for random weights
RETRAIN = Recipe(epochs=4, batch_size=64, lr=3e-3, lr_step=1e-2)  # DECISIONS.md, "Retraining"
FOLLOW = RETRAIN.with_(distill=0.5, temperature=4.0)  # DECISIONS.md, "The best recipe"
NORMALIZE = Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))  # the authors of the ResNet-20 weights


def resnet8() -> Task:
    origin = "github.com/mlcommons/tiny, benchmark/training/image_classification/trained_models"
    return _task("resnet8", ResNet8, "mlperf_tiny/resnet8_ic.safetensors", origin, RETRAIN, raw_pixels, (0.0,))


def resnet20() -> Task:
    origin = "github.com/akamaster/pytorch_resnet_cifar10, pretrained_models"
    weights = "resnet_cifar10/resnet20.safetensors"
    return _task("resnet20", ResNet20, weights, origin, FOLLOW, NORMALIZE, NORMALIZE.black())


def _task(
    name: str,
    network: Callable[[], nn.Module],
    weights: str,
    origin: str,
    retrain: Recipe,
    to_input: Callable[[np.ndarray], Tensor],
    black: tuple[float, ...],
) -> Task:
    model, warnings = pretrained(network, weights, origin)
    train: Split | None = None
    validation: Split | None = None
    test: Split | None = None
    scratch = SCRATCH if warnings else None
    try:
        everything, test = cifar10()
        train, validation = hold_out(everything)
        pixels = sample(train)
    except DataMissing as error:
        scratch = None
        warnings += (f"no training, no accuracy; calibrated on synthetic images. {error}",)
        pixels = synthetic.pixels(np.random.default_rng(SAMPLE_SEED), (128, *SHAPE)).astype(np.uint8)
    return Task(
        name=name,
        model=model,
        input_shape=SHAPE,
        calibration=to_input(pixels),
        recipe=retrain,
        train=train,
        validation=validation,
        test=test,
        to_input=to_input,
        augment=Augment(crop=4 if scratch else 0, flip=True, black=black),
        float_recipe=scratch,
        classes=CLASSES,
        warnings=warnings,
    )
