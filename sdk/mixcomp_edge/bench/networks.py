"""The networks as bundles: reference weights, one plan for all, calibrated once for every target and compiler."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mixcomp_edge.bundle import Bundle
from mixcomp_edge.errors import BenchError
from mixcomp_edge.quant_plan import LayerPlan, QuantPlan, load_plan

DEFAULT_PLAN = QuantPlan(LayerPlan(weights="fixp4", granularity="tensor", quantizer="entropy"))


def plan_for(model: str, path: Path | None, act_bits: int, granularity: str = "tensor") -> QuantPlan:
    """The plan of a network with that width of activations where no layer says otherwise.

    path: a plan for every network, or a folder with a plan MODEL.toml for each; None: DEFAULT_PLAN with that
    granularity."""
    if path is None:
        plan = replace(DEFAULT_PLAN, default=replace(DEFAULT_PLAN.default, granularity=granularity))
    elif path.is_dir():
        if not (path / f"{model}.toml").is_file():
            raise BenchError(f"{path}: has no plan {model}.toml. Add it, or choose networks with --network.")
        plan = load_plan(path / f"{model}.toml")
    else:
        plan = load_plan(path)
    return replace(plan, default=replace(plan.default, act_bits=act_bits))


def quantized(model: str, plan: QuantPlan, epochs: int) -> tuple[Bundle, tuple[str, ...]]:
    """(bundle, the task's warnings). A network without training data is calibrated whatever `epochs` says."""
    from mixcomp_edge.train.quantize import quantize
    from mixcomp_edge.train.tasks import load_task

    task = load_task(model)
    recipe = task.recipe.with_(epochs=epochs if task.train is not None else 0)
    return quantize(replace(task, test=None), plan, recipe).bundle, task.warnings
