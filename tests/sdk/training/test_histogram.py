"""Calibration reads every value of every sample, whatever the order and the batches, and no few samples set a range."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from torch import nn

from mixcomp_edge import LayerPlan, QuantPlan, convert, prepare
from mixcomp_edge.bundle import save_bundle
from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.method.calibrate import activation_step, input_range
from mixcomp_edge.train.method.histogram import Histogram

SHAPE = (60, 400)
random = np.random.default_rng(0)
NORMAL = random.normal(size=SHAPE)
spike = np.abs(random.normal(size=SHAPE))
spike[17, 33] = 40.0
VALUES = {
    "normal": NORMAL,
    "relu": np.maximum(NORMAL, 0),
    "uniform": random.uniform(0, 20, SHAPE),
    "heavy": random.standard_t(2, SHAPE),
    "heavier": np.exp(2 * NORMAL),
    "one spike": spike,
    "all negative": -np.abs(NORMAL),
    "tiny": 1e-30 * NORMAL,
    "huge": 1e30 * NORMAL,
    "integers": random.integers(0, 17, SHAPE),
    "means of pixels": random.integers(0, 256, (*SHAPE, 9)).mean(-1),
    "mostly zero": np.where(random.random(SHAPE) < 1e-3, random.exponential(size=SHAPE), 0),
    "two scales": np.where(random.random(SHAPE) < 0.5, 0.01, 1.0) * NORMAL,
    "three numbers": random.choice([0, 0.1, 3.0], SHAPE),
    "constant": np.full(SHAPE, 3.7),
    "negative constant": np.full(SHAPE, -3.7),
}
RANGES = {"u4": (0, 15), "u8": (0, 255), "s4": (-8, 7), "s8": (-128, 127)}


def seen(x: np.ndarray, parts: int = 1) -> Histogram:
    histogram = Histogram("x")
    for part in np.array_split(x.astype(np.float32), parts):
        histogram.add(torch.from_numpy(part))
    return histogram


def squared_error(x: np.ndarray, step: float, low: int, high: int) -> float:
    return float(np.sum((np.clip(np.rint(x / step), low, high) * step - x) ** 2))


@pytest.mark.parametrize("dtype", RANGES)
@pytest.mark.parametrize("kind", VALUES)
def test_no_clipping_point_has_less_error_over_all_values(kind, dtype):
    low, high = RANGES[dtype]
    x = VALUES[kind].astype(np.float32).astype(np.float64)
    if low == 0 and x.min() < 0:
        pytest.skip("such a value is signed")
    found = squared_error(x, activation_step(seen(x, 3), low, high), low, high)
    peak = np.abs(x).max()
    tried = [squared_error(x, clip * peak / high, low, high) for clip in np.geomspace(1.1 / 1331, 1.1, 238)]
    assert found <= 1.01 * min(tried) + 1e-6 * np.sum(x**2)


@pytest.mark.parametrize("dtype", RANGES)
@pytest.mark.parametrize("kind", ["normal", "relu", "uniform", "heavy", "means of pixels", "all negative", "integers"])
def test_the_step_is_that_of_trying_all_clipping_points_on_all_values(kind, dtype):
    low, high = RANGES[dtype]
    x = VALUES[kind].astype(np.float32).astype(np.float64)
    if low == 0 and x.min() < 0:
        pytest.skip("such a value is signed")
    steps = np.geomspace(0.1, 1.1, 80) * np.abs(x).max() / high
    best = steps[np.argmin([squared_error(x, step, low, high) for step in steps])]
    assert activation_step(seen(x), low, high) == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("dtype", RANGES)
def test_nothing_but_zeros_has_a_step(dtype):
    low, high = RANGES[dtype]
    assert activation_step(seen(np.zeros(SHAPE)), low, high) == 1 / high


@given(st.data())
def test_batches_order_and_layout_leave_no_trace_in_the_counts(data):
    draw = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    x = draw.normal(size=(24, 3, 4, 5)) * 10.0 ** draw.integers(-12, 12, (24, 1, 1, 1))
    x[draw.integers(24, size=3)] = 0
    other = Histogram("x")
    for part in np.array_split(draw.permutation(x).astype(np.float32), data.draw(st.integers(1, 24))):
        other.add(torch.from_numpy(part).contiguous(memory_format=torch.channels_last))
    for a, b in zip(seen(x).values(), other.values(), strict=True):
        assert_array_equal(a, b)
    assert sum(other.values()[1]) == x.size


@pytest.mark.parametrize("kind", VALUES)
def test_a_number_is_counted_as_one_no_further_than_its_thirteenth_bit(kind):
    x = np.sort(VALUES[kind].astype(np.float32).astype(np.float64), axis=None)
    number, count = seen(VALUES[kind]).values()
    assert np.all(
        np.abs(np.repeat(number, count) - x) <= np.maximum(np.abs(x) * 2.0**-12, np.abs(x).max() * 1.001 * 2.0**-20)
    )


def conv_net() -> nn.Sequential:
    torch.manual_seed(0)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)]
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), *head)


MAPS = torch.from_numpy(random.random((150, 1, 32, 32)).astype(np.float32))


@pytest.mark.parametrize("batch_size", [1, 7, 100, 150])
@pytest.mark.parametrize("act_bits", [4, 8])
def test_the_bundle_is_the_same_whatever_the_batch_size_and_the_order(tmp_path, batch_size, act_bits):
    plan = QuantPlan(LayerPlan(act_bits=act_bits))
    plain, other = prepare(conv_net(), MAPS, plan), prepare(conv_net(), MAPS, plan)
    other.calibrate(MAPS[torch.randperm(150, generator=torch.Generator().manual_seed(1))], batch_size)
    save_bundle(convert(plain), tmp_path / "plain.mce")
    save_bundle(convert(other), tmp_path / "other.mce")
    assert (tmp_path / "plain.mce").read_bytes() == (tmp_path / "other.mce").read_bytes()


@pytest.mark.parametrize("count", [100, 128, 256])
@pytest.mark.parametrize("width", [16, 32, 31])
@pytest.mark.parametrize("column", [0, 1, -1])
def test_a_dark_column_changes_nothing_that_the_others_say(column, width, count):
    net = nn.Sequential(nn.Conv2d(1, 16, 1, bias=False), nn.ReLU(), nn.Conv2d(16, 2, 1)).eval()
    nn.init.constant_(net[0].weight, 20.0)
    x = torch.rand(count, 1, width, width, generator=torch.Generator().manual_seed(0))
    x[..., column] = 0
    y = 20.0 * x.numpy().astype(float)  # of each of the sixteen channels
    steps = np.geomspace(0.1, 1.1, 80) * y.max() / 15
    best = steps[np.argmin([squared_error(y, step, 0, 15) for step in steps])]
    assert prepare(net, x).quantizer("0").qtype().scale == pytest.approx(best, rel=0.01)


def test_one_value_anywhere_is_seen():
    x = torch.full((128, 1, 32, 32), 0.25)
    x[::2, :, 5, 9] = 1.0
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 1, 1)).eval()
    nn.init.constant_(net[0].weight, 3.0)
    nn.init.zeros_(net[0].bias)
    scale = prepare(net, x, QuantPlan(LayerPlan(act_bits=8))).quantizer("0").qtype().scale
    assert 3.0 <= 255 * scale <= 3.31


def test_a_few_samples_do_not_set_a_range_but_one_in_ten_does():
    x = np.abs(NORMAL[:40])
    usual = activation_step(seen(x), 0, 15)
    for count, far in ((1, 1e6), (2, 1e6), (2, 1e20)):
        wild = x.copy()
        wild[:count, 5] = far
        assert usual / 1.6 < activation_step(seen(wild), 0, 15) < 1.6 * usual
        assert input_range(wild)[0] <= 16 * input_range(x)[0]
    wild = x.copy()
    wild[:4, 5] = 1e6
    assert activation_step(seen(wild), 0, 15) > 1e4 * usual
    assert input_range(wild)[0] == 1e6 / 255


def test_a_moderate_peak_of_one_sample_stays_within_the_input():
    x = np.abs(NORMAL[:40])
    x[3, 3] = 12.0
    assert input_range(x) == (12.0 / 255, 0)


def test_a_value_that_overflows_is_named_with_its_sample():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)).eval()
    nn.init.constant_(net[0].weight, 1e38)
    x = torch.full((150, 2), 0.5)
    x[140] = 3.0
    with pytest.raises(TaskError, match=r"^0: its value is not finite in the float model, on calibration sample 140\."):
        prepare(net, x)
