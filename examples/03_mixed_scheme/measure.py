"""One point: train it, and say what came out. The plan and the recipe see training and validation data; the test set is
read once, at the end."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from points import Point
from safetensors.torch import load_file, save_file

from mixcomp_edge import Bundle, LayerPlan, QuantPlan, Recipe, Split, Task, convert, load_task, save_bundle
from mixcomp_edge.ir import interp
from mixcomp_edge.train.loop.fit import Progress, evaluate, fit
from mixcomp_edge.train.method.analyze import Analysis, Options, analyze
from mixcomp_edge.train.quantize import integer_inputs, score, versions
from mixcomp_edge.train.quantized_model import QuantizedModel, prepare_task
from mixcomp_edge.train.recipe import load_recipe

Tell = Callable[[str], None]
Results = list[dict[str, Any]]


def with_float_model(point: Point, work: Path, fraction: float, tell: Tell) -> Task:
    """The task with its float model trained: once, then read from the work folder."""
    task = load_task(point.task)
    assert task.train is not None
    assert task.test is not None
    if fraction < 1.0:
        task = replace(task, train=_every(task.train, fraction), test=_every(task.test, max(fraction, 0.2)))
    if task.float_recipe is None:
        return task
    file = work / "float" / f"{point.task}-{point.float_seed}-{fraction:g}.safetensors"
    if file.exists():
        task.model.load_state_dict(load_file(file))
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        recipe = task.float_recipe.with_(seed=point.float_seed, threads=1)
        fit(task.model, task, recipe, stage="float", checkpoint=file.with_suffix(".ckpt"), listener=_epochs(tell))
        part = file.with_suffix(".part")
        save_file(task.model.state_dict(), part)
        part.replace(file)
        file.with_suffix(".ckpt").unlink()
    return replace(task, float_recipe=None)


def _every(split: Split, fraction: float) -> Split:
    """Every k-th sample, about that share of them."""
    return Split(split.x[:: round(1 / fraction)], split.y[:: round(1 / fraction)])


def _epochs(tell: Tell, losses: list[float] | None = None) -> Callable[[Progress], None]:
    """Tells, and keeps, the running loss at the end of each epoch."""

    def listen(progress: Progress) -> None:
        if progress.step % (progress.steps // progress.epochs) == 0:
            tell(f"{progress.stage} epoch {progress.epoch + 1}/{progress.epochs}, loss {progress.loss:.3f}")
            if losses is not None:
                losses.append(round(progress.loss, 4))

    return listen


def measure(point: Point, known: Results, work: Path, fraction: float, tell: Tell) -> dict[str, Any]:
    """The result of a point. Points with the same plan, recipe and seed are one training: `known` is asked first."""
    began = time.monotonic()
    task = with_float_model(point, work, fraction, tell)
    assert task.validation is not None
    assert task.test is not None
    result: dict[str, Any] = {"id": point.id, "point": point.as_dict(), "fraction": fraction, "versions": versions()}
    if point.formats == "float":
        validation, test = (evaluate(task.model, task, split) for split in (task.validation, task.test))
        return {**result, "validation": validation, "test": test, "seconds": round(time.monotonic() - began, 1)}

    assert task.train is not None
    task = replace(task, train=_every(task.train, point.share))
    recipe = load_recipe(point.recipe, task.recipe).with_(
        epochs=point.epochs, seed=point.seed, threads=1, **point.changes
    )
    plan, analysis = plan_of(point, task, recipe)
    if analysis is not None:
        result["analysis"] = summary(analysis)
    model = prepare_task(task, plan, recipe)
    result |= {"plan": model.plan.as_dict(), "recipe": recipe.as_dict(), "mac_share": posit_macs(model)}
    result["fingerprint"] = fingerprint(point, result, fraction)
    for other in known:
        if other.get("fingerprint") == result["fingerprint"]:
            same = {key: other[key] for key in ("validation", "test", "losses", "calibrated")}
            return {**result, **same, "same_as": other["id"], "seconds": 0.0}

    result["calibrated"] = evaluate(model, task, task.validation)  # before retraining
    losses: list[float] = []
    checkpoint = work / f"{point.id.replace('/', '-').replace(' ', '_')}-{fraction:g}.ckpt"
    fit(model, task, recipe, teacher=task.model, stage=point.row, checkpoint=checkpoint, listener=_epochs(tell, losses))
    if isinstance(model, QuantizedModel):
        bundle = convert(model, {"task": task.name, "recipe": recipe.as_dict(), "versions": versions()})
        file = work / "bundles" / f"{point.id.replace('/', '-').replace(' ', '_')}-{fraction:g}.mce"
        file.parent.mkdir(exist_ok=True)
        save_bundle(bundle, file)
        validation, test = integers(bundle, task, task.validation), integers(bundle, task, task.test)
    else:
        validation, test = evaluate(model, task, task.validation), evaluate(model, task, task.test)
    checkpoint.unlink(missing_ok=True)
    spent = round(time.monotonic() - began, 1)
    return {**result, "losses": losses, "validation": validation, "test": test, "seconds": spent}


def plan_of(point: Point, task: Task, recipe: Recipe) -> tuple[QuantPlan, Analysis | None]:
    base = LayerPlan("fixp4", point.granularity, point.act_bits, point.quantizer, point.scale)
    if point.formats != "mixed":
        return QuantPlan(replace(base, weights=point.formats)), None
    options = Options(eta=point.eta, criterion=point.criterion, seed=point.draw, fall_back=point.fall_back)
    analysis = analyze(task, options, base, recipe)
    return analysis.plan, analysis


def summary(analysis: Analysis) -> dict[str, Any]:
    """What the tables show of an analysis."""
    kurtosis = {layer.name: round(layer.kurtosis, 3) for layer in analysis.layers}
    return {**analysis.as_dict(), "mac_share": analysis.mac_share, "kurtosis": kurtosis}


def posit_macs(model: QuantizedModel) -> float:
    """The share of the multiply-accumulates whose weight is not FixP4, 0..1."""
    posit = sum(macs for name, macs in model.macs.items() if model.plan[name].weights != "fixp4")
    return posit / sum(model.macs.values())


def integers(bundle: Bundle, task: Task, split: Split) -> float:
    """The metric by the bundle's integers, which the generated C equals to the bit."""
    outputs = interp.predict(bundle.graph, integer_inputs(task, split, bundle.graph))
    return score(task, split, bundle.graph, outputs)


def fingerprint(point: Point, result: dict[str, Any], fraction: float) -> str:
    what = [point.task, fraction * point.share, result["plan"], result["recipe"]]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
