"""The MLPerf Tiny v1 networks whose data sets are too large to fetch here: bits, counts, memory and speed, no accuracy.
Calibrated on synthetic inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from mixcomp_edge.train.networks import AutoEncoder, DsCnn, MobileNet
from mixcomp_edge.train.task import Task
from mixcomp_edge.train.tasks import synthetic
from mixcomp_edge.train.tasks.weights import pretrained

SEED = 0
COUNT = 128  # inputs for calibration


def dscnn() -> Task:
    return _task("dscnn", DsCnn, "dscnn_kws", "keyword_spotting", synthetic.mfcc(np.random.default_rng(SEED), COUNT))


def mobilenet() -> Task:
    """Pixels 0..1, in steps of 1 / 255."""
    x = synthetic.pixels(np.random.default_rng(SEED), (COUNT, 3, 96, 96)) / np.float32(255)
    return _task("mobilenet", MobileNet, "mobilenetv1_025_vww96", "visual_wake_words", x)


def autoencoder() -> Task:
    x = synthetic.log_mel(np.random.default_rng(SEED), COUNT)
    return _task("autoencoder", AutoEncoder, "autoencoder_ad01", "anomaly_detection", x)


def _task(name: str, network: Callable[[], nn.Module], file: str, folder: str, x: synthetic.Field) -> Task:
    origin = f"github.com/mlcommons/tiny, benchmark/training/{folder}/trained_models"
    model, warnings = pretrained(network, f"mlperf_tiny/{file}.safetensors", origin)
    calibration = torch.from_numpy(x)
    return Task(name=name, model=model, input_shape=x.shape[1:], calibration=calibration, warnings=warnings)
