"""Two ways to quantize a task's model: as the graph that becomes C, or module by module where there is no C yet. Both
give layers by name, each with its float weight and a quantizer that can be exchanged."""

from __future__ import annotations

from mixcomp_edge.quant_plan import QuantPlan
from mixcomp_edge.train.quantized_model import QuantizedModel, prepare
from mixcomp_edge.train.quantized_modules import QuantizedModules, prepare_modules
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.task import Task

Quantizable = QuantizedModel | QuantizedModules


def prepare_task(task: Task, plan: QuantPlan | None = None, recipe: Recipe | None = None) -> Quantizable:
    """The task's trained float model, ready for quantized training."""
    way = prepare if task.exportable else prepare_modules
    return way(task.model, task.calibration, plan, task.name, recipe or task.recipe)
