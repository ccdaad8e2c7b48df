"""Channels brought nearer to one range: the same function, and how ranges and errors of 4-bit values change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mixcomp_edge import LayerPlan, QuantPlan, Recipe, convert, prepare
from mixcomp_edge.lower.equalize import equalize
from mixcomp_edge.train.method.reconstruct import reconstruct


class Chain(nn.Module):
    """A pointwise and a depthwise layer, a pooling and a dense one; channels of the first differ by up to 64 times."""

    def __init__(self, activation=nn.ReLU) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.apart, self.fc = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Linear(8, 4)
        self.activation = activation()
        spread = torch.logspace(0, -6, 8, base=2.0)
        with torch.no_grad():
            self.first.weight *= spread[:, None, None, None]
            self.first.bias *= spread
            self.apart.weight /= spread[:, None, None, None]

    def forward(self, x):
        y = self.activation(self.apart(self.activation(self.first(x))))
        return self.fc(nn.functional.avg_pool2d(y, 6).flatten(1))


class Joined(Chain):
    """What the first layer makes is read by a sum, too."""

    def forward(self, x):
        y = self.activation(self.first(x))
        return self.fc(nn.functional.avg_pool2d(self.apart(y) + y, 6).flatten(1))


X = torch.randn(64, 3, 6, 6, generator=torch.Generator().manual_seed(1))
PLAN = QuantPlan(LayerPlan(act_bits=4))


def made(recipe, network=None):
    return prepare(network or Chain(), X, PLAN, "m", recipe)


def test_the_network_computes_the_same_and_its_channels_lie_nearer():
    before, after = made(Recipe()), made(Recipe(reconstruct=True))
    with torch.no_grad(), before.floating(), after.floating():
        torch.testing.assert_close(after(X), before(X), rtol=1e-4, atol=1e-5)
    for layer in ("first", "apart"):
        far, near = (model.peaks(X)[layer] for model in (before, after))
        np.testing.assert_array_equal(np.argsort(near), np.argsort(far))
        np.testing.assert_allclose(near / near.max(), (far / far.max()) ** 0.25, rtol=1e-4)


@pytest.mark.parametrize("network", [Joined(), Chain(nn.ReLU6), Chain(nn.SiLU)], ids=["a sum", "ReLU6", "SiLU"])
def test_what_a_factor_does_not_commute_with_stays(network):
    model = made(Recipe(), network)
    graph = equalize(model.graph, model.peaks(X))
    assert graph["first"] is model.graph["first"]


def test_channels_without_a_value_and_values_that_are_not_finite_change_nothing():
    model = made(Recipe())
    nothing = dict.fromkeys(model.peaks(X), np.zeros(8))
    unknown = dict.fromkeys(model.peaks(X), np.full(8, np.nan))
    for peaks in (nothing, unknown):
        assert all(a is b for a, b in zip(equalize(model.graph, peaks).nodes, model.graph.nodes, strict=True))
    dead = {"first": np.array([1.0, 0, 0, 0, 0, 0, 0, 0])}
    np.testing.assert_array_equal(equalize(model.graph, dead)["first"].weight, model.graph["first"].weight)


def test_4_bit_values_are_several_times_nearer_to_the_float_network():
    def error(recipe):
        model = made(recipe)
        reconstruct(model, X)
        with torch.no_grad():
            wanted = Chain().eval()(X).numpy()
        return np.square(convert(model).predict(X.numpy()).reshape(wanted.shape) - wanted).mean()

    assert error(Recipe(reconstruct=True)) < 0.5 * error(Recipe())
