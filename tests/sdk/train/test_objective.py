"""Loss and metric follow from what the targets are; a metric keeps its name and unit wherever it is shown."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mixcomp_edge import Metric, Recipe, Split, Task, fit, quantize
from mixcomp_edge.errors import PlanError, TaskError
from mixcomp_edge.train.loop.losses import mixed_loss
from mixcomp_edge.train.metrics import METRICS, SHARE, Kind, metric_text
from mixcomp_edge.train.tasks.holdout import hold_out

N = 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
CLASSES = np.arange(N) % 3
BITS = np.arange(N) % 2
LABELS = RNG.integers(0, 2, (N, 3))
ONE_HOT = np.eye(3)[CLASSES]


def task(y, outputs: int | nn.Module = 3, **changes) -> Task:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = outputs if isinstance(outputs, nn.Module) else nn.Linear(4, outputs)
    entries = {"name": "t", "model": model, "input_shape": (4,), "calibration": X}
    return Task(**entries | ({} if y is None else {"train": Split(X, y), "test": Split(X, y)}) | changes)


def logits(made: Task) -> np.ndarray:
    with torch.no_grad():
        return made.model(made.inputs(made.test)).numpy().astype(np.float64)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def bce(z: np.ndarray, y: np.ndarray) -> float:
    return float(-np.mean(y * np.log(sigmoid(z)) + (1 - y) * np.log(1 - sigmoid(z))))


def cross(z: np.ndarray, y: np.ndarray) -> float:
    return float(-np.mean((z - np.log(np.exp(z).sum(1, keepdims=True)))[np.arange(N), y]))


def f1(z: np.ndarray, y: np.ndarray) -> float:
    found = z > 0
    precision, recall = found[y == 1].sum() / found.sum(), found[y == 1].sum() / (y == 1).sum()
    return float(2 * precision * recall / (precision + recall))


# targets, outputs of the model, kind, loss and metric by hand, the metric's name and unit
NUMBERS = RNG.normal(size=(N, 2))
CASES = {
    "classes": (CLASSES, 3, Kind.CLASSES, cross, lambda z, y: np.mean(z.argmax(1) == y), "accuracy", SHARE),
    "classes of a byte": (CLASSES.astype(np.uint8), 3, Kind.CLASSES, cross, None, "accuracy", SHARE),
    "classes in a column": (CLASSES[:, None], 3, Kind.CLASSES, lambda z, y: cross(z, y[:, 0]), None, "accuracy", SHARE),
    "two classes as bool": (BITS == 1, 2, Kind.CLASSES, lambda z, y: cross(z, y.astype(int)), None, "accuracy", SHARE),
    "one-hot": (
        ONE_HOT, 3, Kind.ONE_HOT, lambda z, y: cross(z, y.argmax(1)),
        lambda z, y: np.mean(z.argmax(1) == y.argmax(1)), "accuracy", SHARE,
    ),
    "one logit": (
        BITS, 1, Kind.BINARY, lambda z, y: bce(z[:, 0], y), lambda z, y: np.mean((z[:, 0] > 0) == y),
        "binary accuracy", SHARE,
    ),
    "one logit, bool": (BITS == 1, 1, Kind.BINARY, lambda z, y: bce(z[:, 0], y), None, "binary accuracy", SHARE),
    "one logit, floats": (BITS * 1.0, 1, Kind.BINARY, lambda z, y: bce(z[:, 0], y), None, "binary accuracy", SHARE),
    "one logit, column": (BITS[:, None], 1, Kind.BINARY, bce, None, "binary accuracy", SHARE),
    "labels": (LABELS, 3, Kind.LABELS, bce, f1, "F1 of the labels", ""),
    "labels of floats": (LABELS * np.float16(1), 3, Kind.LABELS, bce, f1, "F1 of the labels", ""),
    "one number": (
        NUMBERS[:, 0], 1, Kind.NUMBERS, lambda z, y: np.mean((z[:, 0] - y) ** 2),
        lambda z, y: np.sqrt(np.mean((z[:, 0] - y) ** 2)), "RMSE", "",
    ),
    "numbers": (
        NUMBERS, 2, Kind.NUMBERS, lambda z, y: np.mean((z - y) ** 2), lambda z, y: np.sqrt(np.mean((z - y) ** 2)),
        "RMSE", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("y", "outputs", "kind", "loss", "value", "name", "unit"), CASES.values(), ids=CASES)
def test_loss_and_metric_follow_from_the_targets(y, outputs, kind, loss, value, name, unit):
    made = task(y, outputs)
    z, goal = logits(made), made.objective
    assert (goal.kind, goal.name, goal.unit) == (kind, name, unit)
    found = goal.loss(torch.from_numpy(z).float(), torch.from_numpy(made.test.y))
    assert float(found) == pytest.approx(loss(z, y), rel=1e-5)
    if value is not None:
        assert goal.metric(z.astype(np.float32), made.test.y) == pytest.approx(value(z, y), rel=1e-5)
    again = replace(made, name="again")
    assert (again.objective.kind, again.objective.name) == (kind, name)
    assert np.array_equal(again.test.y, made.test.y)


UNKNOWN = {
    "counts": (np.arange(N) % 5, 1, None),
    "shares of classes": (np.full((N, 3), 1 / 3), 3, None),
    "targets that only a loss of one's own can read": (
        np.zeros((N, 7)),
        3,
        lambda output, target: output.square().mean(),
    ),
    "probabilities under a loss of one's own": (BITS, 1, lambda output, target: (output - target).square().mean()),
}


@pytest.mark.parametrize(("y", "outputs", "loss"), UNKNOWN.values(), ids=UNKNOWN)
def test_where_nothing_can_be_guessed_nothing_is_claimed(y, outputs, loss):
    made = task(y, outputs, loss=loss, recipe=Recipe(epochs=1, batch_size=20))
    assert (made.objective.metric, made.objective.name, made.objective.unit) == (None, None, None)
    result = quantize(made, recipe=Recipe(epochs=0))
    assert (result.metric, result.float_score, result.integer_score) == (None, None, None)
    if loss is None:
        with pytest.raises(TaskError, match="t: what to minimize does not follow from the targets; give loss="):
            quantize(made, listener=lambda step: pytest.fail("it trained"))
    else:
        assert quantize(made).integer_score is None


def test_probabilities_say_yes_above_a_half():
    y = np.array([0, 1, 1, 0, 1])
    p = np.array([[0.2], [0.9], [0.4], [0.49], [0.51]], np.float32)
    z = np.log(p / (1 - p))
    made = task(BITS, 1)
    for output in (p, z):
        assert made.objective.metric(output, y) == 0.8
        assert made.objective.right(torch.from_numpy(output), torch.from_numpy(y)) == pytest.approx(0.8)
        assert METRICS["f1"][Kind.LABELS](output, y) == pytest.approx(0.8)


GIVEN = {
    "MSE on bits": (BITS, nn.MSELoss(), "RMSE"),
    "MSE on counts": (np.arange(N) % 5, nn.functional.mse_loss, "RMSE"),
    "MSE on a vector, by name": (NUMBERS[:, 0], "mse", "RMSE"),
    "L1": (NUMBERS[:, 0], nn.L1Loss(), "RMSE"),
    "BCE with logits on integers": (BITS, nn.BCEWithLogitsLoss(), "binary accuracy"),
}


@pytest.mark.parametrize(("y", "loss", "name"), GIVEN.values(), ids=GIVEN)
def test_a_loss_of_torch_meets_targets_of_its_shape(y, loss, name, recwarn):
    """(N,) against (N, 1) would broadcast to (N, N)."""
    made = task(y, 1, loss=loss)
    z = logits(made)[:, 0]
    by_hand = {"RMSE": np.mean((z - y) ** 2), "binary accuracy": bce(z, y)}[name]
    by_hand = np.mean(np.abs(z - y)) if isinstance(loss, nn.L1Loss) else by_hand
    found = made.objective.loss(made.model(made.inputs(made.test)), torch.from_numpy(made.test.y))
    assert float(found.detach()) == pytest.approx(by_hand, rel=1e-5)
    assert made.objective.name == name
    assert not [w for w in recwarn if "size" in str(w.message)]


def test_the_other_splits_must_be_of_the_first_ones_kind():
    with pytest.raises(TaskError, match=re.escape("test: the label of sample 2 is 2, expected 0 or 1")):
        task(BITS, 1, test=Split(X, CLASSES))
    with pytest.raises(TaskError, match=r"validation: the label of sample 0 is 3, but the model gives 3 values"):
        task(CLASSES, 3, validation=Split(X, CLASSES + 3))
    assert task(NUMBERS[:, 0], 1, test=Split(X, BITS * 1.0)).objective.kind is Kind.NUMBERS


def test_a_metric_of_ones_own_keeps_its_name_and_is_no_percent():
    def r2_score(output, target):
        return 1.0 - np.sum((output - target) ** 2) / np.sum((target - target.mean()) ** 2)

    made = task(NUMBERS[:, 0], 1, metric=r2_score)
    assert (made.objective.name, made.objective.unit) == ("r2 score", "")
    z, y = logits(made)[:, 0], NUMBERS[:, 0]
    value = made.objective.metric(logits(made), made.test.y)
    assert value == pytest.approx(1 - np.sum((z - y) ** 2) / np.sum((y - y.mean()) ** 2), rel=1e-4)
    assert task(NUMBERS[:, 0], 1, metric="r2").objective.metric(logits(made), made.test.y) == pytest.approx(value)
    assert "%" not in made.objective.metric.text(value)
    degrees = Metric("error", lambda output, target: 1.5, "°C", higher=False)
    assert task(NUMBERS[:, 0], 1, metric=degrees).objective.metric.text(1.5) == "1.5 °C"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.958, SHARE, "95.80 %"), (0.958, "", "0.958"), (-3.2, "", "-3.2"), (12.3456, "mm", "12.35 mm"), (None, "", "–")],
)
def test_only_shares_are_percent(value, unit, text):
    assert metric_text(value, unit) == text


def test_a_smaller_error_is_better_when_a_mixed_plan_falls_back():
    from mixcomp_edge import LayerPlan, QuantPlan

    mixed = QuantPlan(LayerPlan("posit4e1", "tensor"))
    for sign in (1, -1):
        judge = Metric("distance", lambda o, t, sign=sign: sign * float(np.abs(o - t).mean()), "m", higher=sign < 0)
        made = task(NUMBERS, 2, validation=Split(X, NUMBERS), metric=judge)
        result = quantize(made, mixed, Recipe(epochs=1, batch_size=20), fall_back=True)
        record = result.validation
        assert (record["metric"], record["unit"]) == ("distance", "m")
        smaller = "mixed" if abs(record["mixed"]) < abs(record["fixp4"]) else "fixp4"
        assert record["kept"] == smaller
        weights = {node.weights.codebook.name for node in result.bundle.graph.nodes if hasattr(node, "weights")}
        assert weights == {"posit4e1" if smaller == "mixed" else "fixp4"}


@pytest.mark.parametrize("lacking", ["validation data", "metric"])
def test_a_fall_back_that_nothing_can_decide_is_refused_before_the_training(lacking):
    from mixcomp_edge import LayerPlan, QuantPlan

    validation = {} if lacking == "validation data" else {"validation": Split(X, np.zeros((N, 7)))}
    y = CLASSES if lacking == "validation data" else np.zeros((N, 7))
    loss = None if lacking == "validation data" else (lambda output, target: output.square().mean())
    made = task(y, 3, loss=loss, float_recipe=Recipe(epochs=1), **validation)
    with pytest.raises(PlanError, match=f"t: has no {lacking} to decide"):
        quantize(made, QuantPlan(LayerPlan("posit")), fall_back=True, listener=lambda step: pytest.fail("it trained"))


@pytest.mark.parametrize("outputs", [1, 2])
def test_distillation_of_numbers_follows_the_teacher(outputs):
    """The softmax of a single number would be 1 whatever it is."""
    made = task(NUMBERS[:, :outputs], outputs)
    output, soft = torch.randn(5, outputs), torch.randn(5, outputs)
    found = mixed_loss(made, Recipe(distill=1.0, temperature=3.0), output, torch.zeros(5, outputs), soft)
    assert float(found) == pytest.approx(float(((output - soft) ** 2).mean()), rel=1e-5)


def test_distillation_of_a_binary_question_follows_the_teachers_probability():
    made = task(BITS, 1)
    output, soft = torch.randn(5, 1, dtype=torch.float64), torch.randn(5, 1, dtype=torch.float64)
    found = mixed_loss(made, Recipe(distill=1.0, temperature=2.0), output, torch.zeros(5, 1), soft)
    assert float(found) == pytest.approx(4 * bce(output.numpy() / 2, sigmoid(soft.numpy() / 2)))


def test_training_watches_right_answers_only_where_there_are_some():
    seen = {}
    for name, y, outputs in (("classes", CLASSES, 3), ("binary", BITS, 1), ("numbers", NUMBERS[:, 0], 1)):
        log = []
        fit(task(y, outputs).model, task(y, outputs), Recipe(epochs=1, batch_size=20), listener=log.append)
        seen[name] = [step.accuracy is not None for step in log]
    assert seen == {"classes": [True] * 2, "binary": [True] * 2, "numbers": [False] * 2}


def test_regression_learns():
    y = X @ np.array([1.0, -2.0, 0.5, 0.0]) + 0.3
    made = task(y, 1, float_recipe=Recipe(epochs=60, batch_size=20, lr=0.2), recipe=Recipe(epochs=30, batch_size=20))
    result = quantize(made)
    assert result.metric.name == "RMSE"
    assert result.float_score < 0.15 * np.std(y)
    assert result.integer_score < 0.3 * np.std(y)


def test_numbers_are_held_out_by_chance_and_classes_class_by_class():
    kept, held = hold_out(Split(X, NUMBERS[:, 0]), 0.25)
    assert (len(kept), len(held)) == (30, 10)
    assert sorted([*kept.y, *held.y]) == sorted(NUMBERS[:, 0])
    _, held = hold_out(Split(X, CLASSES.tolist()), 0.25)
    assert np.bincount(held.y).tolist() == [4, 3, 3]
