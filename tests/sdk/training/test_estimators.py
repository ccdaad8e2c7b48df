"""Each estimator's slope against a numerical integral and against differences of the smooth function it is the slope
of, both written here from the formulas of arXiv 2312.02210 and their corrections."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mixcomp_edge.numerics import CODEBOOKS, codebook
from mixcomp_edge.train.method.estimators import ESTIMATORS, slope
from mixcomp_edge.train.method.quantizers import WeightQuantizer
from mixcomp_edge.train.recipe import ESTIMATORS as NAMES

POSIT = codebook("posit4").sorted_values
INTERVALS = list(pairwise(POSIT))


def mean_slope(name: str, low: float, high: float) -> float:
    """Midpoint rule, 20,000 points."""
    u = low + (high - low) * (np.arange(20_000) + 0.5) / 20_000
    return float(slope(name, torch.tensor(u), torch.tensor(POSIT)).mean())


def at(name: str, u: float) -> float:
    return float(slope(name, torch.tensor([u], dtype=torch.float64), torch.tensor(POSIT)))


def test_the_recipe_knows_the_same_estimators():
    assert tuple(ESTIMATORS) == NAMES


@pytest.mark.parametrize(("low", "high"), INTERVALS)
@pytest.mark.parametrize(("name", "mean"), [("straight", 1.0), ("linear", 1.0), ("tanh", np.tanh(2.5))])
def test_the_mean_slope_over_any_interval_is(name, mean, low, high):
    assert mean_slope(name, low, high) == pytest.approx(mean, abs=1e-6)
    assert mean == pytest.approx({"tanh": 0.987}.get(name, 1.0), abs=5e-4)


@pytest.mark.parametrize(("low", "high"), INTERVALS)
def test_the_printed_formula_gains_what_its_tanh_gains(low, high):
    d = high - low
    rise = 2 / d * (np.tanh(5 / d * (high - d / 2)) - np.tanh(5 / d * (low - d / 2)))
    assert mean_slope("tanh_as_printed", low, high) == pytest.approx(rise / d, rel=1e-5, abs=1e-12)


def test_the_printed_formula_is_right_in_one_interval_only_and_too_steep_there():
    assert mean_slope("tanh_as_printed", 0.0, 0.25) == pytest.approx(4 / 0.25**2 * np.tanh(2.5), rel=1e-5)
    assert mean_slope("tanh_as_printed", 1.0, 1.5) < 1e-3
    assert mean_slope("tanh_as_printed", -1.5, -1.0) < 1e-3


@pytest.mark.parametrize(("low", "high"), INTERVALS)
def test_slopes_at_threshold_and_levels(low, high):
    middle, d = (low + high) / 2, high - low
    assert at("tanh", middle) == pytest.approx(2.5)
    assert at("tanh", middle + 0.4999 * d) == pytest.approx(0.0665, abs=1e-3)
    assert at("linear", middle) == pytest.approx(2.0)
    assert at("linear", middle - 0.25 * d) == pytest.approx(1.0)
    assert at("linear", middle - 0.4999 * d) == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("name", ["tanh", "tanh_as_printed"])
def test_a_slope_is_that_of_its_smooth_staircase(name):
    u = np.linspace(-3.97, 3.97, 301)
    above = np.searchsorted(POSIT, u)
    low, high = POSIT[above - 1], POSIT[above]
    d = high - low

    def smooth(x):
        if name == "tanh":
            return (low + high) / 2 + d / 2 * np.tanh(5 / d * (x - (low + high) / 2))
        return 2 / d * np.tanh(5 / d * (x - d / 2))

    h = 1e-6
    expected = (smooth(u + h) - smooth(u - h)) / (2 * h)
    assert_allclose(slope(name, torch.tensor(u), torch.tensor(POSIT)).numpy(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("book", CODEBOOKS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_beyond_the_outermost_levels_nothing_passes(name, book):
    values = torch.tensor(codebook(book).sorted_values)
    u = torch.stack([values[0] - 1e-3, values[-1] + 1e-3, 3 * values[-1]])
    assert not slope(name, u, values).any()
    assert torch.isfinite(slope(name, torch.linspace(2 * values[0], 2 * values[-1], 4001), values)).all()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_weight_and_its_scale_get_the_estimators_gradient(name):
    """With y = s Q(w / s): dy/dw = Q', dy/dlog(s) = y - w Q'."""
    scale = np.array([0.5, 2.0])
    quantizer = WeightQuantizer(codebook("posit4"), 2).double()
    quantizer.set_scale(scale)
    quantizer.estimator = name
    u = np.array([[-3.3, -0.2, 0.05, 0.3, 5.0], [0.13, 0.9, 1.3, 2.6, -4.5]])
    w = torch.tensor(u * scale[:, None], requires_grad=True)
    quantizer(w).sum().backward()
    q = POSIT[np.abs(u[..., None] - POSIT).argmin(-1)]
    slopes = slope(name, torch.tensor(u), torch.tensor(POSIT)).numpy()
    assert_allclose(w.grad.numpy(), slopes, rtol=1e-5, atol=1e-9)
    assert_allclose(quantizer.log_scale.grad.numpy(), ((q - u * slopes) * scale[:, None]).sum(1), rtol=1e-5)


def test_even_codebooks_stay_straight():
    quantizer = WeightQuantizer(codebook("fixp4"), 1)
    quantizer.estimator = "tanh"
    w = torch.linspace(-0.9, 0.8, 50).reshape(1, -1).requires_grad_()
    quantizer(w).sum().backward()
    assert torch.equal(w.grad, torch.ones_like(w))
