"""From a task to a bundle: train the float model if it needs it, calibrate, retrain, lower."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import mixcomp_edge
from mixcomp_edge.bundle import Bundle
from mixcomp_edge.errors import PlanError
from mixcomp_edge.frontend.torch_export.structure import plain
from mixcomp_edge.ir import ends, interp
from mixcomp_edge.ir.class_names import KEY as CLASSES
from mixcomp_edge.ir.graph import Q32, Graph
from mixcomp_edge.ir.interp import Values
from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.lower import lower
from mixcomp_edge.numerics import members
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.quant_plan import QuantPlan
from mixcomp_edge.storage import check_file
from mixcomp_edge.streaming import STEP_FRAMES, check_whole, step_form
from mixcomp_edge.train.loop import checkpoint as checkpoints
from mixcomp_edge.train.loop.engine import Engine, OneProcess
from mixcomp_edge.train.loop.fit import Listener, Progress, evaluate, fit
from mixcomp_edge.train.method.reconstruct import reconstruct
from mixcomp_edge.train.metrics import Metric
from mixcomp_edge.train.quantized_model import QuantizedModel, prepare
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.samples import each
from mixcomp_edge.train.task import Split, Task

FLOAT, QUANTIZED, FIXED = ".float.ckpt", ".ckpt", ".fixp4.ckpt"  # checkpoints of the stages, beside the bundle


@dataclass(frozen=True, eq=False)
class Quantized:
    """A bundle, and the metric's values of the float model and of the integers on the test set; None without data, or
    where no metric is known."""

    bundle: Bundle
    metric: Metric | None
    float_score: float | None
    integer_score: float | None
    integer_outputs: Values | None  # (N, *shape) of each output on the test set, by the interpreter

    @property
    def validation(self) -> dict[str, Any] | None:
        """What `fall_back` decided on: metric, unit, the values of "mixed" and "fixp4", and which was "kept"."""
        return self.bundle.origin.get("validation")


def convert(model: QuantizedModel, origin: dict[str, Any] | None = None, contract: str = Q32) -> Bundle:
    """The integer graph of a prepared (and trained) model, as a bundle. contract: q32, or tflm, TFLite Micro's."""
    return Bundle(lower(model.quantized_graph(), contract), {"plan": model.plan.as_dict(), **(origin or {})})


def quantize(
    task: Task,
    plan: QuantPlan | None = None,
    recipe: Recipe | None = None,
    *,
    checkpoint: str | Path | None = None,
    float_checkpoint: str | Path | None = None,
    fall_back: bool = False,
    contract: str = Q32,
    listener: Listener | None = None,
    engine: Engine | None = None,
) -> Quantized:
    """The whole way from a task to a bundle. recipe.epochs = 0 is calibration only.

    checkpoint: a path; files that start with it hold the state after each epoch, and a second call after a kill goes on
    from there. They are the caller's to delete (`delete_checkpoints`). float_checkpoint: the same for the float model's
    training alone, to be shared by several calls. fall_back: train a mixed plan all in FixP4 too, and take that unless
    the mixed one is better on validation data; both figures are recorded. contract: as of
    `convert`. engine: where the training runs; of several processes each returns the bundle, and the first alone
    measures it."""
    recipe = recipe or task.recipe
    plan = plan or QuantPlan()
    if task.train is None and recipe.epochs > 0:
        raise PlanError(f"{task.name} has no training data; quantize it with --epochs 0 (calibration only).")
    fall_back = fall_back and _may_be_mixed(plan)
    if fall_back and (task.validation is None or task.objective.metric is None):
        lacks = "validation data" if task.validation is None else "metric"
        raise PlanError(f"{task.name}: has no {lacks} to decide between mixed and FixP4 by; drop --fall-back.")
    training = task.train is not None and (recipe.epochs > 0 or task.float_recipe is not None)
    _examine(task, training=training, validating=fall_back)
    if training and task.float_recipe is not None:
        prepare(task.model, task.calibration, plan, task.name, recipe)  # refused before the training, not after it
    engine = engine or OneProcess()
    train_float(task, checkpoint=float_checkpoint or checkpoint, listener=listener, engine=engine)

    def rounded(done: int, of: int) -> None:
        if listener is not None:
            listener(Progress("rounded", 0, 1, done, of, loss=None))

    def trained(formats: QuantPlan | None, stage: str, suffix: str) -> QuantizedModel:
        model = prepare(task.model, task.calibration, formats, task.name, recipe)
        graph = lower(model.quantized_graph(), contract)  # what cannot be lowered is refused before the training
        if task.stream is not None:
            check_whole(step_form(graph, task.stream))  # so is what cannot run frame by frame
        if recipe.reconstruct:
            reconstruct(model, task.calibration, rounded)
        if recipe.epochs > 0:
            file = _beside(checkpoint, suffix)
            fit(model, task, recipe, teacher=task.model, stage=stage, checkpoint=file, listener=listener, engine=engine)
        return model

    float_score = evaluate(task.model, task, task.test) if engine.rank == 0 else None
    model = trained(plan, "quantized", QUANTIZED)
    origin: dict[str, Any] = {"task": task.name, "recipe": recipe.as_dict(), "versions": versions()}
    origin |= {} if task.stream is None else {STEP_FRAMES: task.stream}
    origin |= {CLASSES: list(task.classes)} if task.classes else {}
    mixed = [name for name in model.macs if not model.layer(name).quantizer.codebook.even]
    if fall_back and mixed:
        fixed_plan = model.plan
        for name in mixed:
            fixed_plan = fixed_plan.with_layer(name, weights="fixp4")
        fixed = trained(fixed_plan, "fixp4", FIXED)
        model, origin["validation"] = _better(task, model, fixed)
    bundle = convert(model, origin, contract)
    if engine.rank > 0:
        return Quantized(bundle, task.objective.metric, None, None, None)
    return measured(task, bundle, float_score)


def _may_be_mixed(plan: QuantPlan) -> bool:
    """Whether some layer may get a codebook with uneven levels."""
    plans = [plan.default, *(plan[name] for name in plan.layers)]
    return not all(book.even for entry in plans for book in members(entry.weights))


def _examine(task: Task, *, training: bool, validating: bool) -> None:
    """Every input that will be used, and the loss if there is training: what is wrong with them is told at once."""
    if training and task.objective.given_loss is None:
        raise task.objective.no_loss()
    wanted = {"train": training, "validation": validating, "test": True}
    for name, split in task.splits.items():
        for start in range(0, len(split) if wanted[name] else 0, 500):
            task.inputs(split, slice(start, start + 500))


def _better(task: Task, mixed: QuantizedModel, fixed: QuantizedModel) -> tuple[QuantizedModel, dict[str, Any]]:
    """The one that validates better, FixP4 if they are equal, and the record of that."""
    metric = task.objective.metric
    a, b = evaluate(mixed, task, task.validation), evaluate(fixed, task, task.validation)
    assert metric is not None
    assert a is not None
    assert b is not None
    kept = "mixed" if metric.better(a, b) else "fixp4"
    record = {"metric": metric.name, "unit": metric.unit, "mixed": a, "fixp4": b, "kept": kept}
    return (mixed if kept == "mixed" else fixed), record


def train_float(
    task: Task, *, checkpoint: str | Path | None = None, listener: Listener | None = None, engine: Engine | None = None
) -> None:
    """Trains the task's float model in place, if it needs it; `checkpoint` and `engine` as in `quantize`."""
    if task.float_recipe is not None and task.train is not None:
        file = _beside(checkpoint, FLOAT)
        fit(task.model, task, task.float_recipe, stage="float", checkpoint=file, listener=listener, engine=engine)


def measured(task: Task, bundle: Bundle, float_score: float | None = None) -> Quantized:
    """A bundle with its outputs and its metric on the task's test set, by the interpreter."""
    metric = task.objective.metric
    if task.test is None:
        return Quantized(bundle, metric, None, None, None)
    if float_score is None and task.float_recipe is None:  # else the float model is not trained yet
        float_score = evaluate(task.model, task, task.test)
    outputs = interp.predict(bundle.graph, integer_inputs(task, task.test, bundle.graph))
    return Quantized(bundle, metric, float_score, score(task, task.test, bundle.graph, outputs), outputs)


def _beside(checkpoint: str | Path | None, suffix: str) -> Path | None:
    return None if checkpoint is None else Path(f"{checkpoint}{suffix}")


def check_checkpoints(checkpoint: Path) -> None:
    """StorageError where the files of an interrupted run could not be written, told before the work."""
    for suffix in (FLOAT, QUANTIZED, FIXED):
        check_file(checkpoint.with_name(checkpoint.name + suffix))


def delete_checkpoints(checkpoint: str | Path) -> None:
    """Removes what an interrupted run would have needed."""
    for suffix in (FLOAT, QUANTIZED, FIXED):
        checkpoints.delete(Path(f"{checkpoint}{suffix}"))


def integer_inputs(task: Task, split: Split, graph: Graph) -> Values:
    """The split as integers (N, *shape) for each of the graph's inputs, channels last."""
    given = zip(ends.inputs(graph), each(task.inputs(split)), strict=True)
    return tuple(_integers(end.node, x.numpy()) for end, x in given)


def _integers(node: QNode, x: NDArray[np.float32]) -> Value:
    assert isinstance(node, QInput)
    return np.ascontiguousarray(node.quantize(np.moveaxis(x, 1, -1)))


def score(task: Task, split: Split, graph: Graph, outputs: Values) -> float | None:
    """The task's metric of integer outputs (N, *shape); None if it has none."""
    if task.objective.metric is None:
        return None
    real = {end.name: end.real(y) for end, y in zip(ends.outputs(graph), outputs, strict=True)}
    structure = task.objective.structure or plain(real)
    return task.objective.metric(structure.build(real), split.y)


def versions() -> dict[str, str]:
    """What made the bundle."""
    return {
        "mixcomp-edge": mixcomp_edge.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
