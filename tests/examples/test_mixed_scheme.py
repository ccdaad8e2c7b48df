"""The experiments of example 03: every point has its own name, and intervals are Student's."""

from __future__ import annotations

import json

import pytest

from mixcomp_edge.train.recipe import Recipe, load_recipe
from mixcomp_edge.train.tasks import BUILTIN
from support.mixed_scheme import FOLDER, readme


def test_every_point_of_an_experiment_has_its_own_name_and_a_known_task_and_recipe(example):
    experiments = example("points").EXPERIMENTS
    for make, tasks in experiments.values():
        for task in tasks:
            points = make(task)
            assert task in BUILTIN
            assert len({point.id for point in points}) == len(points)
            for point in points:
                assert isinstance(load_recipe(point.recipe).with_(**point.changes), Recipe)
                json.dumps(point.as_dict())


def test_the_interval_is_students(example):
    stats = pytest.importorskip("scipy.stats")
    half_width = example("intervals").half_width
    for count in range(2, 11):
        values = [0.1 * k * k for k in range(count)]
        low, high = stats.t.interval(0.95, count - 1, sum(values) / count, stats.sem(values))
        assert half_width(values) == pytest.approx((high - low) / 2, rel=1e-3)
    assert half_width([0.5]) is None


def test_differences_are_paired_by_the_seeds_that_both_rows_have(example):
    assert example("intervals").paired({0: 0.9, 1: 0.8, 2: 0.7}, {1: 0.5, 2: 0.6, 3: 0.1}) == pytest.approx([0.3, 0.1])


def test_a_sign_counts_where_all_seeds_of_the_full_run_agree(example):
    agree = example("signs").agree
    assert agree([0.1, 0.2, 0.3], [-0.1, 0.3]) is True
    assert agree([-0.1, -0.2], [0.1, -0.05]) is False
    assert agree([0.1, -0.2], [0.1]) is None
    assert agree([0.1, 0.0], [0.1]) is None


def test_a_finished_point_is_skipped_and_an_unfinished_file_never_shows(example, tmp_path, monkeypatch):
    run = example("run")
    points = run.EXPERIMENTS["few"][0]("bearings10")
    asked = []

    def fake(point, known, work, fraction, tell):
        asked.append((point.row, len(known)))
        if point.row == "best mixed":
            raise KeyboardInterrupt
        return {"id": point.id, "validation": 0.5, "test": 0.5}

    monkeypatch.setattr(run, "measure", fake)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run.run("few", "bearings10", points, tmp_path, tmp_path, 1.0)
    assert asked == [("float", 0), ("best fixp4", 1), ("best mixed", 2), ("best mixed", 2)]
    assert [path.name for path in tmp_path.iterdir()] == ["few_bearings10.json"]


def test_the_fall_back_takes_mixed_only_where_validation_is_higher(example):
    def result(row, seed, validation, test):
        return {"point": {"row": row, "seed": seed}, "validation": validation, "test": test}

    results = [result("best fixp4", 0, 0.8, 0.1), result("best mixed", 0, 0.9, 0.2), result("best mixed", 2, 0.9, 0.2)]
    results += [result("best fixp4", 1, 0.9, 0.3), result("best mixed", 1, 0.9, 0.4)]
    chosen = example("render").fallen_back(results)
    assert [(r["point"]["row"], r["point"]["seed"], r["test"]) for r in chosen] == [
        ("best fall-back", 0, 0.2), ("best fall-back", 1, 0.3),
    ]  # fmt: skip


def test_the_table_of_claims_is_that_of_the_results(example):
    reproduce = example("reproduce")
    shown = readme().partition(reproduce.BEGIN)[2].partition(reproduce.END)[0]
    assert shown.strip() == reproduce.claims(FOLDER / "results").strip(), "python reproduce.py --write"


def test_a_claim_holds_where_its_interval_says_so(example):
    verdict = example("reproduce").verdict
    gains = {"a": [0.02, 0.021, 0.019], "b": [-0.02, -0.021, -0.019], "c": [0.1, -0.1, 0.05], "d": [0.3]}
    assert verdict(gains) == "above 0: a; below 0: b; not told apart from 0: c, d (one seed)"


def test_the_tables_are_those_of_the_results(example, monkeypatch):
    render = example("render")
    plots = FOLDER / "plots"
    drawn = {path.stem for path in plots.glob("*.svg")}
    monkeypatch.setattr(
        render,
        "draw",
        lambda name, task, results, folder: (
            plots / f"{name}_{task}.svg" if results and f"{name}_{task}" in drawn else None
        ),
    )
    shown = readme().partition(render.BEGIN)[2].partition(render.END)[0]
    assert shown.strip() == render.render(FOLDER / "results", FOLDER / "README.md").strip(), "python render.py"
