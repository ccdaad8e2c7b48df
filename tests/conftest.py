"""One processor thread for torch (workers of pytest-xdist share the cores), reproducible Hypothesis runs, and what
tests of several folders share."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("repeat", deadline=None, derandomize=True, database=None, suppress_health_check=SLOW)
settings.register_profile(
    "search", deadline=None, suppress_health_check=SLOW
)  # HYPOTHESIS_PROFILE=search looks further
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with data sets and reference weights."""
    if not os.environ.get("MIXCOMP_DATA"):
        pytest.skip("MIXCOMP_DATA is not set: no data sets and reference weights on this machine")
    return Path(os.environ["MIXCOMP_DATA"])


@pytest.fixture(scope="session")
def tiny_bundle():
    """A quantized convolutional net: (3, 6, 6) -> 5 classes, calibrated on noise, in Posit4 and FixP4."""
    import torch
    from torch import nn

    from mixcomp_edge import QuantPlan, convert, prepare

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(),
            nn.Conv2d(6, 6, 3, stride=2, groups=6), nn.ReLU6(),
            nn.Flatten(), nn.Linear(24, 5),
        )  # fmt: skip
        calibration = torch.randn(32, 3, 6, 6)
    plan = QuantPlan(layers={"6": {"weights": "posit4sc4"}})
    return convert(prepare(model, calibration, plan, "tiny"))


@pytest.fixture(scope="session")
def tiny_mce(tiny_bundle, tmp_path_factory) -> Path:
    """That bundle as a file."""
    from mixcomp_edge import save_bundle

    path = tmp_path_factory.mktemp("bundle") / "tiny.mce"
    save_bundle(tiny_bundle, path)
    return path
