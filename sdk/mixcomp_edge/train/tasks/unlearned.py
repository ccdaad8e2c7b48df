"""Networks of kinds that run on microcontrollers beyond MLPerf Tiny's, with random weights and synthetic inputs: bits,
counts, memory and speed, no accuracy. Batch norms hold the statistics of the inputs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from mixcomp_edge.train.networks import EfficientNetLite, MobileNetV3Small, ResNet1d, Tcn, TinyYolo, UNet
from mixcomp_edge.train.task import Task
from mixcomp_edge.train.tasks import synthetic
from mixcomp_edge.train.tasks.weights import seeded

SEED = 0
COUNT = 64  # inputs for calibration


def mobilenet_v3() -> Task:
    return _task("mobilenet_v3", MobileNetV3Small, _pictures(3, 96))


def efficientnet() -> Task:
    return _task("efficientnet", EfficientNetLite, _pictures(3, 96))


def tiny_yolo() -> Task:
    return _task("tiny_yolo", TinyYolo, _pictures(3, 96))


def unet() -> Task:
    return _task("unet", UNet, _pictures(1, 64))


def tcn() -> Task:
    """40 features that change smoothly over 100 steps."""
    return _task("tcn", Tcn, torch.from_numpy(synthetic.field(_rng(), (COUNT, 1, 40, 100))[:, 0]))


def resnet1d() -> Task:
    """A row of a smooth field."""
    return _task("resnet1d", ResNet1d, torch.from_numpy(synthetic.field(_rng(), (COUNT, 1, 64, 512))[:, :, 32]))


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def _pictures(channels: int, side: int) -> Tensor:
    """Pixels 0..1, in steps of 1 / 255."""
    return torch.from_numpy(synthetic.pixels(_rng(), (COUNT, channels, side, side)) / np.float32(255))


def _task(name: str, network: type[nn.Module], x: Tensor) -> Task:
    model = seeded(network)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.momentum = None  # the mean over the batches seen: of the one below
    with torch.no_grad():
        model.train()(x)
    return Task(name=name, model=model.eval(), input_shape=tuple(x.shape[1:]), calibration=x)
