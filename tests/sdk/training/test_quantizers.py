"""Fake quantization against the number systems it stands for, and its gradients against finite differences of the
surrogate that the docstrings promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from mixcomp_edge.lower.assign_types import ValueType
from mixcomp_edge.numerics import codebook
from mixcomp_edge.train.method.calibrate import activation_step, input_range, weight_scale
from mixcomp_edge.train.method.histogram import Histogram
from mixcomp_edge.train.method.quantizers import ActivationQuantizer, WeightQuantizer

FORMATS = ["fixp4", "posit4", "posit4sc4", "posit4sc8", "posit4e1", "posit4e2", "e2m1", "nf4", "int8"]
RANGES = {"u4": (0, 15), "s4": (-8, 7), "u8": (0, 255), "s8": (-128, 127)}


def activation_quantizer(dtype: str, step: float, zero_point: int = 0) -> ActivationQuantizer:
    quantizer = ActivationQuantizer(ValueType(dtype)).double()
    if zero_point:
        quantizer.fix(step, zero_point)
    else:
        quantizer.set_step(step)
    return quantizer


def off_ties(low: float, high: float, step: float) -> torch.Tensor:
    """A grid from two steps below `low` to two above `high`, in units of the step, that meets no half."""
    return torch.arange(low - 2, high + 2, 0.11, dtype=torch.float64).add(0.003) * step


# Forward


@pytest.mark.parametrize("step", [0.125, 0.7, 3.0])
@pytest.mark.parametrize("dtype", RANGES)
def test_activations_land_on_the_integers_of_their_type(dtype, step):
    low, high = RANGES[dtype]
    x = off_ties(low, high, step)
    y = activation_quantizer(dtype, step)(x).detach().numpy()
    expected = np.clip(np.floor(x.numpy() / step + 0.5), low, high) * step
    assert_allclose(y, expected, rtol=1e-6, atol=1e-9)


def test_a_zero_point_moves_the_range_and_keeps_zero_exact():
    quantizer = activation_quantizer("u8", 0.5, 100)
    x = off_ties(-100, 155, 0.5)
    y = quantizer(x).detach().numpy()
    assert_allclose(y, np.clip(np.floor(x.numpy() / 0.5 + 0.5), -100, 155) * 0.5, rtol=1e-6)
    assert quantizer(torch.zeros(1, dtype=torch.float64)).item() == 0.0
    assert (quantizer.qtype().scale, quantizer.qtype().zero_point) == (0.5, 100)


@pytest.mark.parametrize("dtype", RANGES)
def test_what_training_sees_is_what_the_integer_type_holds(dtype):
    quantizer = activation_quantizer(dtype, 0.3)
    x = off_ties(*RANGES[dtype], 0.3)
    qtype = quantizer.qtype()
    assert_allclose(quantizer(x).detach().numpy(), qtype.dequantize(qtype.quantize(x.numpy())), rtol=1e-6, atol=1e-9)


def test_after_relu6_no_code_exceeds_six():
    quantizer = ActivationQuantizer(ValueType("u4", 6.0))
    quantizer.set_step(1.0)
    assert quantizer(torch.tensor([100.0])).item() == pytest.approx(6.0)
    assert quantizer.qtype().scale * 15 == pytest.approx(6.0)
    quantizer.set_step(0.1)
    assert quantizer(torch.tensor([100.0])).item() == pytest.approx(1.5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", FORMATS)
def test_weights_land_where_encode_and_decode_put_them(name, channels):
    book = codebook(name)
    quantizer = WeightQuantizer(book, channels)
    scale = np.array([0.37, 1.3, 0.01])[:channels]
    quantizer.set_scale(scale)
    top = float(book.sorted_values[-1])
    w = np.linspace(-1.31 * top, 1.29 * top, 3 * 2 * 101).reshape(3, 2, 101).astype(np.float32)
    w *= scale.reshape(-1, 1, 1).astype(np.float32)
    y = quantizer(torch.from_numpy(w)).detach().numpy()
    exact = quantizer.scale()
    assert_allclose(y, book.decode(book.encode(w, exact), exact), rtol=1e-5)


@pytest.mark.parametrize("name", FORMATS)
def test_every_level_is_kept(name):
    book = codebook(name)
    quantizer = WeightQuantizer(book, 1)
    quantizer.set_scale(np.array([0.25]))
    w = torch.tensor(book.sorted_values * 0.25, dtype=torch.float32).reshape(1, -1)
    assert_allclose(quantizer(w).detach().numpy(), w.numpy(), rtol=1e-6)


# Gradients: inside the range x enters straight through, with the rounding error held: y = x + step * error. Outside
# y is the outermost level times the step.


def differences(function, point: float, h: float = 1e-6) -> np.ndarray:
    return (function(point + h) - function(point - h)) / (2 * h)


@pytest.mark.parametrize("dtype", RANGES)
def test_gradients_of_an_activation_are_those_of_its_surrogate(dtype):
    low, high = RANGES[dtype]
    step = 0.7
    quantizer = activation_quantizer(dtype, step)
    x = off_ties(low, high, step).requires_grad_()
    g = torch.linspace(-1, 2, len(x), dtype=torch.float64)
    (quantizer(x) * g).sum().backward()

    u = x.detach().numpy() / step
    inside = (u >= low - 0.5) & (u <= high + 0.5)
    code = np.clip(np.floor(u + 0.5), low, high)

    def y(x_value, log_step):
        return np.where(inside, x_value + np.exp(log_step) * (code - u), np.exp(log_step) * code)

    by_x = differences(lambda h: y(u * step + h, np.log(step)), 0.0)
    by_step = differences(lambda log_step: y(u * step, log_step), np.log(step))
    assert_allclose(x.grad.numpy(), by_x * g.numpy(), atol=1e-6)
    assert quantizer.log_step.grad.item() == pytest.approx(float((by_step * g.numpy()).sum()), rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", FORMATS)
def test_gradients_of_a_weight_are_those_of_its_surrogate(name, channels):
    book = codebook(name)
    levels = book.sorted_values
    scale = np.array([0.5, 2.0, 0.1])[:channels]
    quantizer = WeightQuantizer(book, channels).double()
    quantizer.set_scale(scale)
    top = float(levels[-1])
    u = np.linspace(-1.313 * top, 1.297 * top, 3 * 40).reshape(3, 40)
    column = np.broadcast_to(scale.reshape(-1, 1), (3, 1))
    w = torch.tensor(u * column, requires_grad=True)
    g = np.random.default_rng(0).normal(size=u.shape)
    (quantizer(w) * torch.tensor(g)).sum().backward()

    inside = (u >= levels[0]) & (u <= top)
    nearest = levels[np.abs(u[..., None] - levels).argmin(-1)]

    def y(w_value, log_scale):
        return np.where(inside, w_value + np.exp(log_scale) * (nearest - u), np.exp(log_scale) * nearest)

    by_w = differences(lambda h: y(u * column + h, np.log(column)), 0.0)
    by_scale = differences(lambda h: y(u * column, np.log(column) + h), 0.0) * g
    assert_allclose(w.grad.numpy(), by_w * g, atol=1e-6)
    expected = by_scale.sum(1) if channels > 1 else by_scale.sum(keepdims=True).ravel()
    assert_allclose(quantizer.log_scale.grad.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_the_limit_of_relu6_stops_the_gradient_of_the_step():
    quantizer = ActivationQuantizer(ValueType("u4", 6.0))
    quantizer.set_step(1.0)
    quantizer(torch.tensor([2.2])).sum().backward()
    assert quantizer.log_step.grad.item() == 0.0


def test_a_fixed_step_is_not_learned():
    quantizer = ActivationQuantizer(ValueType("u8"))
    quantizer.fix(1 / 255, 3)
    assert not any(parameter.requires_grad for parameter in quantizer.parameters())
    assert quantizer.qtype().scale == 1 / 255


# Calibration


def counted(x: np.ndarray) -> Histogram:
    histogram = Histogram("x")
    histogram.add(torch.from_numpy(x))
    return histogram


@pytest.mark.parametrize("dtype", RANGES)
def test_the_calibrated_step_has_no_more_error_than_any_plain_one(dtype):
    low, high = RANGES[dtype]
    x = np.random.default_rng(0).standard_t(4, 4000).astype(np.float32)
    x = np.abs(x) if low == 0 else x

    def error(step):
        return np.mean((np.clip(np.rint(x / step), low, high) * step - x) ** 2)

    step = activation_step(counted(x), low, high)
    peak = np.abs(x).max()
    assert all(error(step) <= 1.02 * error(clip * peak / high) for clip in np.linspace(0.1, 1.1, 37))


def test_a_value_that_is_always_zero_has_a_step():
    assert activation_step(counted(np.zeros(5, np.float32)), 0, 15) > 0


@pytest.mark.parametrize(
    ("values", "step", "zero_point"),
    [
        ([0, 255], 1.0, 0),
        ([0, 1], 1 / 255, 0),
        ([3, 10], 10 / 255, 0),
        ([-1, 1], 2 / 255, 128),
        ([-4, -2], 4 / 255, 255),
        ([0, 0], 1.0, 0),
    ],
)
def test_the_input_range_holds_zero_and_both_ends(values, step, zero_point):
    found = input_range(np.array(values, np.float32))
    assert found == (pytest.approx(step), zero_point)
    low, high = -found[1] * found[0], (255 - found[1]) * found[0]
    assert low - found[0] / 2 <= min(values)
    assert max(values) <= high + found[0] / 2


@pytest.mark.parametrize("name", FORMATS[:5])
def test_a_scale_a_channel_never_has_more_error_than_one_for_all(name):
    book = codebook(name)
    rng = np.random.default_rng(0)
    w = (rng.laplace(size=(6, 5, 3, 3)) * np.geomspace(0.01, 10, 6)[:, None, None, None]).astype(np.float32)

    def error(scale):
        return float(np.mean((book.decode(book.encode(w, scale), scale) - w) ** 2))

    tensor, channel = weight_scale(w, book, per_channel=False), weight_scale(w, book, per_channel=True)
    assert (tensor.shape, channel.shape) == ((1,), (6,))
    assert error(channel) <= error(tensor)


@pytest.mark.parametrize("count", [9, 45, 4000])
@pytest.mark.parametrize("name", FORMATS[:5])
def test_the_scale_of_weights_is_the_best_there_is(name, count):
    """Against a search that is finer and goes from a tenth of the range to ten times of it."""
    book = codebook(name)
    w = np.random.default_rng(count).normal(size=(1, count)).astype(np.float32)

    def error(scale):
        return float(np.mean((book.decode(book.encode(w, scale), scale) - w) ** 2))

    peak = np.abs(w).max() / book.sorted_values[-1]
    best = min(error(np.array([ratio * peak])) for ratio in np.geomspace(0.1, 10, 1000))
    assert error(weight_scale(w, book, per_channel=False)) <= (1.05 if count > 9 else 1.3) * best


def test_a_channel_of_zeros_takes_a_scale_that_is_not_zero():
    w = np.ones((3, 4), np.float32)
    w[1] = 0
    scale = weight_scale(w, codebook("fixp4"), per_channel=True)
    assert (scale > 0).all()
    assert_array_equal(codebook("fixp4").encode(w, scale)[1], 0)
    assert (weight_scale(np.zeros((2, 3), np.float32), codebook("posit4"), per_channel=False) > 0).all()
