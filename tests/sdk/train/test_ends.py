"""A model that ends in a softmax, log_softmax or sigmoid is trained by what its probabilities are, not as if these were
logits. The judge is the same model without that end, and formulas by hand."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mixcomp_edge import Recipe, Split, Task, fit, quantize
from mixcomp_edge.train.loop.losses import mixed_loss
from mixcomp_edge.train.quantized_model import learning, prepare
from mixcomp_edge.train.run import score

N = 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4)).astype(np.float32)
CLASSES = np.arange(N) % 3
BITS = np.arange(N) % 2
LABELS = RNG.integers(0, 2, (N, 3))
SHARES = np.eye(3)[CLASSES]


class Ended(nn.Module):
    """A linear layer, and a function behind it."""

    def __init__(self, outputs: int, end) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layer = nn.Linear(4, outputs)
        self.end = end

    def forward(self, x):
        return self.end(self.layer(x))


def softmax(z):
    return F.softmax(z, 1)


def task(y, model, **changes) -> Task:
    return Task(**{"name": "t", "model": model, "input_shape": (4,), "calibration": X, "train": Split(X, y)} | changes)


def by_hand(z, y):
    """Cross entropies of logits z in float64, from the definition of the probabilities."""
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return float(-np.mean(np.log(p[np.arange(N), y])))


def yes_or_no(z, y):
    p = 1 / (1 + np.exp(-z))
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


CASES = {
    "softmax, classes": (3, softmax, CLASSES, by_hand),
    "softmax, one hot": (3, softmax, SHARES, lambda z, y: by_hand(z, y.argmax(1))),
    "log_softmax, classes": (3, lambda z: F.log_softmax(z, 1), CLASSES, by_hand),
    "sigmoid, binary": (1, torch.sigmoid, BITS, lambda z, y: yes_or_no(z[:, 0], y)),
    "sigmoid, labels": (3, torch.sigmoid, LABELS, yes_or_no),
    "sigmoids, classes": (3, torch.sigmoid, CLASSES, lambda z, y: yes_or_no(z, SHARES)),
    "sigmoids, one hot": (3, torch.sigmoid, SHARES, yes_or_no),
    "softmax moved twice": (3, lambda z: F.softmax(z[:, None], 2).transpose(1, 2).squeeze(2), CLASSES, by_hand),
    "share of the second class": (
        2, lambda z: softmax(z)[:, 1:], BITS, by_hand
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_loss_is_that_of_the_probabilities(case):
    outputs, end, y, judge = CASES[case]
    made = task(y, Ended(outputs, end))
    with torch.no_grad():
        z = made.model.layer(torch.from_numpy(X)).double().numpy()
        loss = made.objective.loss(made.model(torch.from_numpy(X)), torch.from_numpy(made.train.y))
    assert float(loss) == pytest.approx(judge(z, y), rel=1e-5)


def test_a_loss_by_name_takes_probabilities_and_a_function_what_the_model_gives():
    p = torch.sigmoid(torch.randn(N, 1, generator=torch.Generator().manual_seed(0)))
    target = torch.from_numpy(BITS[:, None].astype(np.float32))
    expected = F.binary_cross_entropy(p, target)
    for loss in ("bce", nn.BCELoss()):
        found = task(target.numpy(), Ended(1, torch.sigmoid), loss=loss).objective.loss(p, target)
        assert float(found) == pytest.approx(float(expected), rel=1e-5)
    squared = task(BITS.astype(np.float32), Ended(1, torch.sigmoid), loss="mse").objective.loss(p, target)
    assert float(squared) == pytest.approx(float(F.mse_loss(p, target)))


@pytest.mark.parametrize(("end", "outputs"), [(softmax, 3), (torch.sigmoid, 3), (lambda z: F.log_softmax(z, 1), 3)])
@pytest.mark.parametrize("targets", [CLASSES, RNG.normal(size=(N, 3))], ids=["classes", "numbers"])
def test_a_teacher_is_followed_in_the_logits_behind_its_probabilities(end, outputs, targets):
    made = task(targets, Ended(outputs, end), loss=None if targets is CLASSES else "mse")
    ours, theirs = torch.randn(2, N, outputs, generator=torch.Generator().manual_seed(1)) * 3
    found = mixed_loss(made, Recipe(distill=1.0, temperature=2.0), end(ours), None, end(theirs))
    if end is torch.sigmoid:
        expected = 4 * F.binary_cross_entropy_with_logits(ours / 2, torch.sigmoid(theirs / 2))
    else:
        expected = 4 * F.cross_entropy(ours / 2, F.softmax(theirs / 2, 1))
    assert float(found) == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize(("end", "outputs", "y"), [(softmax, 3, CLASSES), (torch.sigmoid, 1, BITS)])
def test_float_training_goes_where_it_goes_without_the_end(end, outputs, y):
    recipe = Recipe(epochs=4, batch_size=8, lr=0.2)
    models = [Ended(outputs, end), Ended(outputs, lambda z: z)]
    for model in models:
        fit(model, task(y, model), recipe)
    with_end, without = (model.layer.weight for model in models)
    torch.testing.assert_close(with_end, without, rtol=2e-3, atol=2e-3)
    assert not torch.allclose(with_end, Ended(outputs, end).layer.weight, atol=0.05)


@pytest.mark.parametrize(("end", "outputs"), [(softmax, 3), (torch.sigmoid, 1)])
def test_a_probability_that_rounds_to_nothing_still_teaches(end, outputs):
    """The integers say 0 for a class that is right; the loss must pull it up as it would the logit."""
    model = Ended(outputs, end)
    with torch.no_grad():
        model.layer.bias[0] = -6.5  # a probability of about 1/660
        model.layer.weight *= 0.1
    y = np.zeros(N, int) if outputs > 1 else np.ones(N, int)
    w = model.layer.weight[:1].detach().numpy()
    far = np.vstack([X, *[13 * w / np.sum(w**2)] * N])  # half of the samples are sure of it
    made, quantized = task(y, model), prepare(model, far)
    x, target = torch.from_numpy(X), torch.from_numpy(made.train.y)
    with torch.no_grad():
        assert not quantized(x)[:, 0].any()
    with learning(quantized):
        made.objective.loss(quantized(x), target).backward()
    slope = quantized.layer("layer").bias.grad[0]
    with torch.no_grad():
        p = model(x)[:, 0]
    assert float(slope) == pytest.approx(float((p - 1).mean()), abs=0.02)
    with torch.no_grad():
        assert not quantized(x)[:, 0].any()  # outside of training it is what the integers say


def test_probabilities_that_the_network_reads_itself_stay_rounded():
    class Attentive(nn.Module):
        def __init__(self):
            super().__init__()
            self.keys, self.out = nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x):
            shares = F.softmax(self.keys(x), 1)
            return {"shares": shares, "y": self.out(x * shares)}

    quantized = prepare(Attentive(), X)
    with learning(quantized), torch.no_grad():
        steps = quantized(torch.from_numpy(X))["shares"] * 256
    torch.testing.assert_close(steps, steps.round())


def test_each_of_several_outputs_has_its_own_end():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.kind, self.alarm, self.size = nn.Linear(4, 3), nn.Linear(4, 1), nn.Linear(4, 1)

        def forward(self, x):
            return {"kind": softmax(self.kind(x)), "alarm": torch.sigmoid(self.alarm(x)), "size": self.size(x)}

    numbers = RNG.normal(size=(N, 1))
    y = {"kind": CLASSES, "alarm": BITS, "size": numbers}
    made = task(y, Two())
    x = torch.from_numpy(X)
    with torch.no_grad():
        output = made.model(x)
        loss = made.objective.loss(output, {name: torch.from_numpy(part) for name, part in made.train.y.items()})
        kind, alarm = made.model.kind(x).double().numpy(), made.model.alarm(x).double().numpy()
    error = float(np.mean((output["size"].numpy() - numbers) ** 2))
    assert float(loss) == pytest.approx(by_hand(kind, CLASSES) + yes_or_no(alarm[:, 0], BITS) + error, rel=1e-4)


def test_a_quantized_classifier_with_a_softmax_learns_as_well_as_one_without():
    """From a float model that knows nothing: what it learns, it learns as integers."""
    x = RNG.normal(size=(300, 4)).astype(np.float32)
    y = (x @ RNG.normal(size=(4, 3))).argmax(1)
    found = []
    for end in (nn.Softmax(1), nn.Identity()):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            parts = [("a", nn.Linear(4, 16)), ("relu", nn.ReLU()), ("b", nn.Linear(16, 3)), ("end", end)]
            model = nn.Sequential(OrderedDict(parts))
        recipe = Recipe(epochs=8, batch_size=20, lr=0.05)
        made = task(y, model, calibration=x, train=Split(x, y), test=Split(x, y), recipe=recipe)
        result = quantize(made)
        found.append(score(made, made.test, result.bundle.graph, result.integer_outputs))
    assert found[0] >= found[1] - 0.03 > 0.8
