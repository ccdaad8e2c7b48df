"""Distillation and dampening against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mixcomp_edge import LayerPlan, QuantPlan, Recipe, prepare
from mixcomp_edge.train.loop.fit import fit
from mixcomp_edge.train.loop.losses import Dampening, Inside, mixed_loss
from sdk.training.tasks_for_tests import corners

OUTPUT = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]])
SOFT = torch.tensor([[1.0, 1.0, -2.0], [0.5, 2.0, 2.5]])
TARGET = torch.tensor([0, 2])


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_loss_is_the_stated_mixture(share, temperature):
    recipe = Recipe(distill=share, temperature=temperature)
    found = mixed_loss(corners(), recipe, OUTPUT, TARGET, SOFT)
    p = softmax(OUTPUT.numpy())
    labels = -np.log(p[[0, 1], TARGET.numpy()]).mean()
    teacher, student = softmax(SOFT.numpy() / temperature), softmax(OUTPUT.numpy() / temperature)
    follow = temperature**2 * -(teacher * np.log(student)).sum(1).mean()
    assert float(found) == pytest.approx(share * follow + (1 - share) * labels, rel=1e-5)


def model():
    return prepare(corners().model, corners().calibration, QuantPlan(LayerPlan(granularity="tensor")), "corners")


def distance(quantized) -> float:
    """Sum of squared distances of all weights inside the range to their levels, in scales."""
    total = 0.0
    for name in "03":
        layer = quantized.layer(name)
        w, scale, book = layer.weight.detach().numpy(), layer.quantizer.scale(), layer.quantizer.codebook
        inside = (w / scale >= book.sorted_values[0]) & (w / scale <= book.sorted_values[-1])
        total += float((((w - book.decode(book.encode(w, scale), scale)) / scale) ** 2 * inside).sum())
    return total


def test_dampening_is_the_distance_to_the_levels_and_grows_from_zero():
    quantized = model()
    penalty = Dampening(quantized, Recipe(dampen=0.25))
    assert float(penalty(0.0).detach()) == 0.0
    assert float(penalty(0.5).detach()) == pytest.approx(0.125 * distance(quantized), rel=1e-4)
    assert float(penalty(1.0).detach()) == pytest.approx(0.25 * distance(quantized), rel=1e-4)
    assert Dampening(quantized, Recipe())(1.0) == 0.0


def test_dampened_training_ends_nearer_to_the_levels():
    ends = []
    for dampen in (0.0, 1.0):
        quantized = model()
        fit(quantized, corners(), Recipe(epochs=10, batch_size=20, lr=0.05, dampen=dampen))
        ends.append(distance(quantized))
    assert ends[1] < 0.5 * ends[0]


def in_float(x):
    """What the two layers of the task's float model make, and the outputs, by the user's own modules."""
    parts = corners().model.eval()
    with torch.no_grad():
        hidden = parts[2](parts[1](parts[0](x)))
        return hidden.numpy().astype(np.float64), parts[3](hidden)


def test_the_distance_inside_is_the_mean_share_of_the_float_values_variance():
    quantized, x = model(), corners().calibration[:40]
    quantized.layer("0").bias.data += 0.05  # the teacher is the model that was given
    inside = Inside(quantized)
    hidden, outputs = in_float(x)
    seen = {}
    quantized.run(x, seen.__setitem__)
    quantized(x)
    soft, beside = inside.answers(x)
    error = np.mean((seen["0"].detach().numpy() - hidden) ** 2) / np.var(hidden)
    assert inside.names == ["0"]
    assert float(beside.detach()) == pytest.approx(error, rel=1e-3)
    torch.testing.assert_close(soft, outputs, rtol=1e-4, atol=1e-5)


def test_what_follows_inside_ends_nearer_to_the_float_model_there_and_watches_no_more():
    x, errors = corners().calibration, []
    for features in (0.0, 5.0):
        quantized = model()
        fit(quantized, corners(), Recipe(epochs=8, batch_size=20, lr=0.02, features=features))
        assert quantized.observe is None
        with torch.no_grad():
            judge = Inside(model())
            quantized.run(x, judge.found.__setitem__)
            errors.append(float(judge.answers(x)[1]))
    assert errors[1] < 0.7 * errors[0]
