"""Values of one number a sample, (N,): what a squeeze, a sum or an argmax leaves, and models that return such."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mixcomp_edge import Metric, Recipe, Split, Task, convert, export, prepare, quantize, verify
from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export import import_model
from support.same_function import assert_same_function


class Head(nn.Module):
    """(N, 6) -> (N, 4), of which `end` makes (N,)."""

    def __init__(self, end):
        super().__init__()
        torch.manual_seed(0)
        self.body, self.one, self.end = nn.Linear(6, 4), nn.Linear(4, 1), end

    def forward(self, x):
        return self.end(self.body(x).relu(), self.one)


ENDS = {
    "squeeze": lambda h, one: one(h).squeeze(),
    "squeeze the last": lambda h, one: one(h).squeeze(-1),
    "view": lambda h, one: one(h).view(-1),
    "reshape": lambda h, one: one(h).reshape(h.shape[0]),
    "flatten": lambda h, one: torch.flatten(one(h)),
    "a column": lambda h, one: h[:, 2],
    "select": lambda h, one: h.select(1, -1),
    "sum": lambda h, one: h.sum(1),
    "mean": lambda h, one: h.mean(-1),
    "max": lambda h, one: h.max(dim=1).values,
    "a norm": lambda h, one: torch.linalg.vector_norm(h, dim=1),
    "a scalar product": lambda h, one: (h * h.flip(1)).sum(-1),
    "argmax": lambda h, one: h.argmax(1),
    "sigmoid behind it": lambda h, one: torch.sigmoid(one(h).squeeze(1)),
    "arithmetic behind it": lambda h, one: 2 * (h[:, 0] * h[:, 1] - h[:, 2]).clamp(-1, 1) + 0.5,
    "back to two dimensions": lambda h, one: one(h).squeeze(1).unsqueeze(1) * h,
    "stacked": lambda h, one: torch.stack([h[:, 0], one(h)[:, 0], h.sum(1)], 1),
    "as the last layer's input": lambda h, one: one(h.sum(1)[:, None].expand(-1, 4)),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_graph_computes_what_the_model_does_in_the_models_shape(end):
    assert_same_function(Head(end), (6,))


def test_what_adds_a_number_of_its_own_to_each_sample_is_refused():
    with pytest.raises(UnsupportedError, match="differs among samples"):
        import_model(Head(lambda h, one: h.sum(1) + torch.tensor([1.0, 2.0])), (6,), "m")


@pytest.mark.parametrize("end", ["sigmoid behind it", "argmax", "stacked", "arithmetic behind it"])
def test_the_c_computes_the_same_integers(end, tmp_path):
    bundle = convert(prepare(Head(ENDS[end]), torch.randn(64, 6), None, "m"))
    export(bundle, "cortex-m4", tmp_path / "c")
    verdict = verify(tmp_path / "c", count=20)
    assert (verdict.mismatches, verdict.elements > 20) == (0, True)


X = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)


def task(end, y, **more) -> Task:
    def cut(part):
        return Split(X[part], y[part])

    train, validation, test = map(cut, (slice(80), slice(80, 100), slice(100, 120)))
    return Task("m", Head(end), (6,), X[:80], Recipe(epochs=1), train=train, validation=validation, test=test, **more)


def test_a_metric_and_a_loss_of_ones_own_get_what_the_model_gives():
    """(N, 1) against (N,) would broadcast to (N, N), silently."""
    shapes = set()

    def error(output, target):
        shapes.add((np.shape(output)[1:], np.shape(target)[1:]))
        return abs(output - target).mean()

    def loss(output, target):
        shapes.add((tuple(output.shape[1:]), tuple(target.shape[1:])))
        return F.mse_loss(output, target)

    given = task(ENDS["sum"], X.sum(1), loss=loss, metric=Metric("error", error, "K", higher=False))
    quantize(given)
    assert shapes == {((), ())}


@pytest.mark.parametrize(("y", "metric"), [(X.sum(1) > 0, "binary accuracy"), (X.sum(1), "RMSE")])
def test_loss_and_metric_follow_from_targets_of_one_number(y, metric):
    result = quantize(task(ENDS["squeeze the last"], y))
    assert result.metric.name == metric
    assert result.integer_score is not None
