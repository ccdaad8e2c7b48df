"""Sensitivity against formulas written out here, the choice against the evidence, and the verb against its keys."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from mixcomp_edge import LayerPlan, QuantPlan, prepare
from mixcomp_edge.cli import application
from mixcomp_edge.errors import PlanError, TaskError
from mixcomp_edge.numerics import codebook
from mixcomp_edge.quant_plan import load_plan
from mixcomp_edge.train.loop.fit import fit
from mixcomp_edge.train.method.analyze import Analysis, Options, analyze
from mixcomp_edge.train.method.calibrate import weight_scale
from mixcomp_edge.train.method.sensitivity import CRITERIA, Evidence, Trials
from mixcomp_edge.train.task import Task
from sdk.training.tasks_for_tests import corners

BASE = LayerPlan(granularity="tensor")


@pytest.fixture(scope="module")
def trained() -> Task:
    task = corners(validation=corners().test)
    fit(task.model, task, task.float_recipe, stage="float")
    return replace(task, float_recipe=None)


@pytest.fixture(scope="module")
def whole(trained) -> Analysis:
    """Every parameter may be Posit, nothing falls back."""
    return analyze(trained, Options(eta=1.0, fall_back=False, batches=1, batch_size=120), BASE)


def test_gradients_are_those_of_the_float_model(whole, trained):
    """By differences of the float model's loss, weight by weight, on all 120 points."""
    model = prepare(trained.model, trained.calibration, QuantPlan(BASE), "corners")
    weight = model.layer("3").weight
    x, y = trained.to_input(trained.train.x), torch.from_numpy(trained.train.y)

    def loss() -> float:
        with torch.no_grad(), model.floating():
            return float(trained.objective.loss(model.double()(x.double()), y))

    slopes = []
    for index in np.ndindex(*weight.shape):
        sides = []
        for sign in (1, -1):
            with torch.no_grad():
                model.layer("3").weight[index] += sign * 1e-4
            sides.append(loss())
            with torch.no_grad():
                model.layer("3").weight[index] -= sign * 1e-4
        slopes.append((sides[0] - sides[1]) / 2e-4)
    found = next(layer for layer in whole.layers if layer.name == "3")
    assert found.gradient == pytest.approx(np.mean(np.abs(slopes)), rel=1e-3)


def test_errors_and_scores_follow_their_formulas(whole, trained):
    model = prepare(trained.model, trained.calibration, QuantPlan(BASE), "corners")
    for layer in whole.layers:
        w = model.layer(layer.name).weight.detach().numpy()
        for name in ("fixp4", "posit4", "posit4sc4", "posit4sc8"):
            book = codebook(name)
            scale = weight_scale(w, book, per_channel=False)
            expected = np.abs(book.decode(book.encode(w, scale), scale) - w).sum()
            assert layer.absolute[name] == pytest.approx(expected, rel=1e-4)
        saved = layer.absolute["fixp4"] - min(layer.absolute[name] for name in layer.absolute if name != "fixp4")
        assert whole.scores[layer.name] == pytest.approx(layer.gradient * saved, rel=1e-5, abs=1e-9)
        assert (whole.format(layer.name) != "fixp4") == (whole.scores[layer.name] > 0)
    assert {layer.name: (layer.parameters, layer.macs) for layer in whole.layers} == {"0": (16, 16), "3": (24, 24)}


def evidence(name, gradient, fixed, posit, squares=(1.0, 1.0), size=10) -> Evidence:
    weighted = {"fixp4": squares[0], "posit4": squares[1]}
    return Evidence(name, size, size, gradient, 1.0, 0.0, {"fixp4": fixed, "posit4": posit}, weighted)


def test_each_criterion_scores_by_its_own_rule():
    layers = [
        evidence("a", 2.0, 5.0, 3.0, (1.0, 4.0)),
        evidence("b", 1.0, 5.0, 2.0, (3.0, 1.0)),
        evidence("c", 9.0, 1.0, 2.0),
    ]
    loss = {(): 1.0, ("a",): 0.75, ("b",): 1.5, ("c",): 1.0}
    trials = Trials(lambda chosen: loss[tuple(chosen)], seed=3)
    scores = {name: criterion(layers, trials) for name, criterion in CRITERIA.items()}
    assert scores["gradient"] == {"a": 4.0, "b": 3.0, "c": -9.0}
    assert scores["fisher"] == {"a": -3.0, "b": 2.0, "c": 0.0}
    assert scores["error"] == {"a": 2.0, "b": 3.0, "c": -1.0}
    assert scores["measured"] == {"a": 0.25, "b": -0.5, "c": 0.0}
    assert scores["random"] == CRITERIA["random"](layers, trials)
    assert scores["random"] != CRITERIA["random"](layers, Trials(trials.loss, seed=4))
    assert all(score > 0 for score in scores["random"].values())


def test_of_equal_variants_the_first_is_taken(whole):
    """With a scale of least error, posit4, sc4 and sc8 are one number system."""
    assert {layer.posit for layer in whole.layers} == {"posit4"}


def test_the_share_stays_below_eta_and_keep_and_force_are_obeyed(trained):
    options = Options(eta=0.5, fall_back=False)
    assert analyze(trained, options, BASE).posit_share <= 0.5
    forced = analyze(trained, replace(options, force=("0",)), BASE)
    assert forced.format("0") != "fixp4"
    assert forced.posit_share == pytest.approx(16 / 40)
    kept = analyze(trained, Options(eta=1.0, keep=("0", "3"), fall_back=False), BASE)
    assert kept.posit_share == 0.0
    with pytest.raises(PlanError, match="no layer 'fc'"):
        analyze(trained, Options(keep=("fc",)), BASE)


def test_what_held_out_data_does_not_confirm_falls_back(trained):
    for seed in range(4):
        result = analyze(trained, Options(eta=1.0, criterion="random", seed=seed), BASE)
        assert result.losses[1] <= result.losses[0]
        if result.posit_share:
            assert result.losses[1] < result.losses[0]
    stubborn = analyze(trained, Options(eta=1.0, force=("0", "3")), BASE)
    assert stubborn.posit_share == 1.0


def test_the_energy_budget_limits_the_macs_in_posit(trained):
    open_ = Options(eta=1.0, criterion="random", fall_back=False)
    assert analyze(trained, open_, BASE).mac_share == 1.0
    tight = analyze(trained, replace(open_, energy=0.05, mac_overhead=0.1), BASE)
    assert 0.0 < tight.mac_share * 0.1 <= 0.05
    assert analyze(trained, replace(open_, table_bytes=31), BASE).posit_share == 0.0
    with pytest.raises(PlanError, match="needs the cost of a Posit MAC"):
        Options(energy=0.1)


@pytest.mark.parametrize("flash", [20, 34, 40, 51, 52, 90])
def test_within_a_flash_budget_each_layer_takes_one_of_the_formats(trained, flash, tmp_path):
    """Two layers of 16 and 24 weights: 20 B in FixP4, 8 and 12 B more in int8, 32 B a table."""
    found = analyze(trained, Options(flash_bytes=flash, fall_back=False, batches=1), BASE)
    expected = {20: ["fixp4", "fixp4"], 34: ["fixp4", "int8"]}.get(flash, ["int8", "int8"])
    assert sorted(found.format(name) for name in ("0", "3")) == expected
    assert found.flash_bytes <= flash
    (tmp_path / "plan.toml").write_text(found.toml())
    assert load_plan(tmp_path / "plan.toml") == found.plan
    small = analyze(trained, Options(flash_bytes=flash, formats=("fixp4", "nf4"), fall_back=False, batches=1), BASE)
    better = [layer.name for layer in small.layers if layer.absolute["nf4"] < layer.absolute["fixp4"]]
    assert [name for name in ("0", "3") if small.format(name) == "nf4"] == (better if flash >= 52 else [])
    assert small.flash_bytes == (52 if better and flash >= 52 else 20)


def test_a_flash_budget_below_all_fixp4_or_formats_without_one_are_refused(trained):
    with pytest.raises(PlanError, match="the flash budget is 19 B, and all layers in FixP4 take 20 B"):
        analyze(trained, Options(flash_bytes=19), BASE)
    with pytest.raises(PlanError, match="give flash_bytes, too"):
        Options(formats=("fixp4", "nf4"))
    with pytest.raises(PlanError, match="unknown weight format 'int4'"):
        Options(flash_bytes=100, formats=("int4",))
    with pytest.raises(PlanError, match="forced layers alone are beyond the budget: 12 B of flash beyond FixP4 of 0"):
        analyze(trained, Options(flash_bytes=20, formats=("fixp4", "int8"), force=("3",)), BASE)


def test_wrong_options_and_tasks_are_named(trained):
    for options, message in {
        "eta": ({"eta": 1.5}, "eta is 1.5, expected a share from 0 to 1"),
        "criterion": ({"criterion": "luck"}, "unknown criterion 'luck'. Known criteria: gradient, fisher"),
        "both": ({"keep": ("a",), "force": ("a",)}, "'a' is both kept in FixP4 and forced to Posit"),
    }.values():
        with pytest.raises(PlanError, match=message):
            Options(**options)
    with pytest.raises(TaskError, match="corners: has no training data"):
        analyze(replace(trained, train=None))


def test_twice_gives_the_same_plan_and_the_file_is_read_back(trained, tmp_path):
    results = [analyze(trained, Options(eta=0.5, fall_back=False), BASE) for _ in "ab"]
    assert results[0].toml() == results[1].toml()
    path = tmp_path / "plan.toml"
    path.write_text(results[0].toml())
    assert load_plan(path) == results[0].plan


# The verb

KEYS = ["name", "parameters", "macs", "gradient", "error_fixp4", "error_posit", "score", "format"]


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """`analyze digits --json` with plan and plot: (folder, stdout)."""
    from typer.testing import CliRunner

    folder = tmp_path_factory.mktemp("analyze")
    arguments = ["analyze", "digits", "-o", f"{folder}/plan.toml", "--plot", f"{folder}/plan.svg", "--json"]
    result = CliRunner().invoke(application(), arguments)
    assert result.exit_code == 0, result.output
    return folder, result.stdout


def test_the_verb_prints_these_keys_and_writes_the_plan(command):
    folder, text = command
    found = json.loads(text)
    assert list(found) == ["task", "eta", "posit_share", "layers"]
    assert (found["task"], found["eta"]) == ("digits", 0.1)
    assert all(list(layer) == KEYS for layer in found["layers"])
    posit = sum(layer["parameters"] for layer in found["layers"] if layer["format"] != "fixp4")
    assert posit / sum(layer["parameters"] for layer in found["layers"]) == pytest.approx(found["posit_share"])
    assert found["posit_share"] <= 0.1
    plan = load_plan(folder / "plan.toml")
    assert {layer["name"]: layer["format"] for layer in found["layers"]} == {
        layer["name"]: plan[layer["name"]].weights for layer in found["layers"]
    }
    assert sorted(path.name for path in folder.iterdir()) == ["plan.svg", "plan.toml"]


def test_the_plot_names_every_layer(command):
    folder, text = command
    picture = (folder / "plan.svg").read_text()
    assert all(layer["name"] in picture for layer in json.loads(text)["layers"])
