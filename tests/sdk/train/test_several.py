"""Tasks with several inputs and outputs: data by name or in order, losses of each, and the whole chain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mixcomp_edge import Recipe, Task
from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.loop.batches import batches
from mixcomp_edge.train.loop.fit import evaluate
from mixcomp_edge.train.method.analyze import Options, analyze
from mixcomp_edge.train.metrics import Kind
from mixcomp_edge.train.quantize import quantize
from mixcomp_edge.train.run import run_task
from mixcomp_edge.train.task import Split
from mixcomp_edge.train.tasks.holdout import hold_out
from support.end_models import Cell, Detector, Encoder, Fusion

SHAPES = {"image": (3, 9, 8), "state": (5,)}


def fused(count: int = 24, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    x = {"image": rng.uniform(0, 1, (count, 3, 9, 8)), "state": rng.normal(size=(count, 5))}
    return x, (x["image"].mean((1, 2, 3)) > 0.5).astype(int) + 2 * (x["state"][:, 0] > 0)


def fusion(**changed) -> Task:
    torch.manual_seed(0)
    x, y = fused()
    entries = {"name": "fusion", "model": Fusion(), "input_shape": SHAPES, "calibration": x, "train": Split(x, y),
               "test": Split(*fused(8, 1)), "recipe": Recipe(epochs=1, batch_size=8)}  # fmt: skip
    return Task(**entries | changed)


def encoder(**changed) -> Task:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 10)), (rng.normal(size=(24, 6)), rng.integers(0, 3, 24))
    entries = {"name": "encoder", "model": Encoder(), "input_shape": (10,), "calibration": x, "train": Split(x, y),
               "recipe": Recipe(epochs=1, batch_size=8, distill=0.5)}  # fmt: skip
    return Task(**entries | changed)


def test_data_by_name_and_data_in_order_are_the_same_task():
    x, y = fused()
    by_name = fusion()
    ordered = (x["image"], x["state"])
    in_order = fusion(input_shape=tuple(SHAPES.values()), calibration=ordered, train=(ordered, y))
    backwards = {key: x[key] for key in reversed(x)}
    reversed_ = fusion(calibration=backwards, train=(backwards, y))
    for task in (by_name, in_order, reversed_):
        assert task.input_shape == ((3, 9, 8), (5,))
        image, state = task.inputs(task.train, slice(3))
        np.testing.assert_array_equal(image, x["image"][:3].astype(np.float32))
        np.testing.assert_array_equal(state, x["state"][:3].astype(np.float32))
        assert task.objective.kind is Kind.CLASSES
        assert len(task.train) == 24


def test_to_input_and_augment_get_what_the_split_holds_and_the_model_takes():
    x, y = fused()
    seen = []

    def to_input(raw):
        seen.append(sorted(raw))
        return {"state": torch.from_numpy(raw["state"]), "image": torch.from_numpy(raw["image"]) * 2}

    def augment(inputs, generator):
        return (inputs[0] + 1, inputs[1])

    task = fusion(to_input=to_input, augment=augment, train=Split(x, y))
    (image, state), target, weight = next(batches(task, task.train, Recipe(batch_size=8), 0))
    assert seen[-1] == ["image", "state"]
    assert (image.shape, state.shape, target.shape, weight) == ((8, 3, 9, 8), (8, 5), (8,), 1.0)
    assert 1.0 <= float(image.min()) < float(image.max()) <= 3.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"calibration": fused()[0]["image"]}, "calibration holds arrays for 1 inputs, input_shape has 2 shapes"),
        ({"input_shape": {"image": (3, 9, 8)}}, "calibration holds arrays for 2 inputs, input_shape has 1 shapes"),
        ({"input_shape": {"image": (3, 9, 8), "stat": (5,)}}, "input_shape names the input 'stat'; forward"),
        ({"input_shape": {"state": (5,)}}, "input_shape lacks the input 'image'; it names state"),
        ({"input_shape": {"image": (9, 8, 3), "state": (5,)}}, r"calibration\[0\] has the shape \(24, 3, 9, 8\)"),
        ({"train": ({"image": fused()[0]["image"], "state": fused(23)[0]["state"]}, fused()[1])},
         r"train: x\['state'\] has 23 samples, task fusion: train: x\['image'\] has 24"),
        ({"train": (fused()[0], fused(23)[1])}, "train: x has 24 samples, but y has 23 targets"),
        ({"train": ({**fused()[0], "state": np.full((24, 5), np.nan)}, fused()[1])},
         r"train: x\['state'\] is not finite: sample 0 at \[0\] is NaN"),
    ],
)  # fmt: skip
def test_data_that_does_not_fit_is_told_by_the_name_of_the_input(change, message):
    with pytest.raises(TaskError, match=message):
        fusion(**change)


def test_targets_for_each_output_make_a_loss_of_each_which_are_added():
    task = encoder()
    assert task.objective.kinds == {"output_0": Kind.NUMBERS, "output_1": Kind.CLASSES}
    features, logits = task.model(*[task.inputs(task.train)])
    target = tuple(torch.from_numpy(y) for y in task.train.y)
    assert target[0].dtype == torch.float32
    assert target[1].dtype == torch.int64
    expected = F.mse_loss(features, target[0]) + F.cross_entropy(logits, target[1])
    torch.testing.assert_close(task.objective.loss((features, logits), target), expected)
    soft = (features + 1, 2 * logits)
    expected = F.mse_loss(features, soft[0]) + 4 * F.cross_entropy(logits / 2, (soft[1] / 2).softmax(1))
    torch.testing.assert_close(task.objective.distance((features, logits), soft, 2.0), expected)


def test_targets_by_the_outputs_names_are_the_same():
    x, (features, labels) = encoder().train.x, encoder().train.y
    task = encoder(train=(x, {"output_1": labels, "output_0": features}))
    assert task.objective.kinds == encoder().objective.kinds
    assert quantize(task).bundle.graph.outputs == {"output_0": "body.2", "output_1": "head"}


def test_without_a_loss_that_fits_training_asks_for_one_and_calibration_needs_none():
    x, y = encoder().train.x, encoder().train.y
    task = encoder(train=(x, y[1]))
    with pytest.raises(TaskError, match="gives 2 outputs, output_0, output_1; give targets for each, by these names"):
        quantize(task)
    assert len(quantize(task, recipe=Recipe(epochs=0)).bundle.graph.outputs) == 2
    own = encoder(train=(x, y[1]), loss=lambda outputs, target: F.cross_entropy(outputs[1], target))
    assert quantize(own).integer_score is None


def test_a_loss_and_a_metric_of_ones_own_get_the_outputs_as_the_model_returns_them():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1, (24, 3, 12, 12)), rng.integers(0, 3, (24, 3, 3))
    seen = []

    def loss(outputs, target):
        return F.cross_entropy(outputs["far"].scores, target) + outputs["near"].square().mean()

    def metric(outputs, target):
        seen.append((list(outputs), outputs["far"].boxes.shape, outputs["aux"]))
        return float(np.mean(outputs["far"].scores.argmax(1) == target))

    task = Task("detector", Detector(), (3, 12, 12), x, Recipe(epochs=1, batch_size=8), (x, y), test=(x, y), loss=loss,
                metric=metric)  # fmt: skip
    quantized = quantize(task)
    assert seen == [(["near", "far", "aux"], (24, 4, 3, 3), None)] * 2
    assert 0 <= quantized.integer_score <= 1
    assert [len(y) for y in quantized.integer_outputs] == [24] * 3
    with pytest.raises(
        TaskError, match=r"loss: KeyError: 'fur' \(output \(2, 7, 6, 6\), \(2, 4, 3, 3\), \(2, 3, 3, 3\)"
    ):
        Task("detector", Detector(), (3, 12, 12), x, train=(x, y), loss=lambda o, t: o["fur"])


def test_an_analysis_takes_gradients_and_held_out_losses_of_several(tmp_path):
    for task in (fusion(), encoder()):
        found = analyze(task, Options(eta=0.5, batches=2, batch_size=8))
        assert {layer.name for layer in found.layers} >= {"head"}
        assert all(layer.gradient > 0 for layer in found.layers)


def test_samples_of_all_inputs_are_held_out_together():
    x, y = fused()
    x["state"][:, 1] = np.arange(24)
    x["image"][:, 0, 0, 0] = np.arange(24)
    for part in hold_out(Split(x, y)) + hold_out(Split(x, (y, y[::-1].copy()))):
        np.testing.assert_array_equal(part.x["state"][:, 1], part.x["image"][:, 0, 0, 0])


def test_the_whole_chain_runs_on_two_inputs_and_three_outputs(tmp_path):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x = (rng.uniform(0, 1, (20, 2, 5, 5)), rng.uniform(0, 1, (20, 3)))
    y = {"map": rng.uniform(0, 1, (20, 4, 5, 5)), "logits": rng.integers(0, 5, 20), "state": rng.uniform(0, 1, (20, 3))}
    task = Task("cell", Cell(), ((2, 5, 5), (3,)), x, Recipe(epochs=1, batch_size=10), (x, y), test=(x, y),
                metric=lambda o, t: float(np.mean(o["logits"].argmax(1) == t["logits"])))  # fmt: skip
    result = run_task(task, tmp_path / "run", emulated_inputs=4)
    assert result.exact
    assert result.metric.python_integer == result.metric.c_host
    assert result.metric.float_model == evaluate(task.model, task, task.test)
