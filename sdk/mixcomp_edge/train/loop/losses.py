"""What training minimizes beside the task's loss: distances to the float model's answers and to the weights' levels."""

from __future__ import annotations

import math
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from mixcomp_edge.train.method.quantizers import WeightQuantizer
from mixcomp_edge.train.objective import relative_error
from mixcomp_edge.train.quantized_model import QuantizedModel
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.samples import Samples
from mixcomp_edge.train.task import Task


def mixed_loss(task: Task, recipe: Recipe, output: Any, target: Any, soft: Any) -> Tensor:
    """The task's loss, mixed with the distance to the teacher's output `soft`, in the shape of output."""
    objective = task.objective
    if soft is None or recipe.distill == 0.0:
        return objective.loss(output, target)
    follow = objective.distance(output, soft, recipe.temperature, relative=recipe.features > 0.0)
    if recipe.distill == 1.0:
        return follow
    return recipe.distill * follow + (1.0 - recipe.distill) * objective.loss(output, target)


class Inside:
    """The values inside a quantized model, followed to where the float model has them: few samples say more so than by
    their outputs alone (as FitNets, arXiv 1412.6550, with each layer its own hint). The float model gives outputs to
    follow, too."""

    def __init__(self, model: QuantizedModel) -> None:
        self.model, self.teacher = model, model.as_given()
        last = {model.owner[name] for name in model.graph.leaving}
        own = (node.name for node in model.graph.nodes if not node.is_input and model.owner[node.name] == node.name)
        self.names = [name for name in own if name not in last]
        self.found: dict[str, Tensor] = {}
        model.observe = self.found.__setitem__

    def answers(self, x: Samples) -> tuple[Any, Tensor]:
        """The float model's outputs for x, and how far inside the quantized one is from it, having just seen the same:
        the mean relative error of its values."""
        wanted: dict[str, Tensor] = {}
        with torch.no_grad(), self.teacher.floating():
            soft = self.teacher.run(x, wanted.__setitem__)
        errors = [relative_error(self.found[name], wanted[name]) for name in self.names]
        return soft, torch.stack(errors).mean() if errors else torch.zeros(())


class QuantizedLayer(Protocol):
    """What has a weight and its quantizer."""

    weight: Tensor
    quantizer: WeightQuantizer


class Dampening:
    """Pulls weights to their levels, so that they stop jumping between two (Nagel et al., arXiv 2203.11086, eq. 9).

    The penalty is sum((w - Q(w))^2 / s^2) over all weights, s their scale, times a factor that grows from 0 to
    `recipe.dampen` as half a cosine over the run. Scales do not feel it."""

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self.strength = recipe.dampen
        self.layers: list[QuantizedLayer] = []
        if recipe.dampen > 0.0:
            for module in model.modules():
                if isinstance(getattr(module, "quantizer", None), WeightQuantizer):
                    self.layers.append(cast(QuantizedLayer, module))

    def __call__(self, done: float) -> Tensor | float:
        """The penalty when the share `done` of all steps is behind."""
        total: Tensor | float = 0.0
        for layer in self.layers:
            weight, quantizer = layer.weight, layer.quantizer
            with torch.no_grad():
                y, scale = quantizer(weight), quantizer.log_scale.exp().reshape(-1, *[1] * (weight.dim() - 1))
                inside = (weight >= quantizer.values[0] * scale) & (weight <= quantizer.values[-1] * scale)
            total = total + (((weight - y) / scale).square() * inside).sum()
        return self.strength * 0.5 * (1.0 - math.cos(math.pi * done)) * total
