"""What each layer would gain from Posit, or from another format: its gradients, and its weights' error in FixP4 and in
each of the others.

A criterion turns this evidence into a score a layer; a layer with a score of 0 or less is never chosen. The default is
that of arXiv 2312.02210, mean |dL/dw| times the error that Posit saves; the others are there to judge it by."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from mixcomp_edge.quant_plan import LayerPlan
from mixcomp_edge.train.method.quantizers import weight_quantizer
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.samples import change, each
from mixcomp_edge.train.task import Split, Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mixcomp_edge.train.quantized_model import QuantizedModel

FIXED = "fixp4"


@dataclass(frozen=True, eq=False)
class Evidence:
    """One layer. Errors are sums over its weights: `absolute` of |w - Q(w)|, `weighted` of g^2 (w - Q(w))^2, by format,
    FixP4 among them. gradient: the mean |dL/dw| of the float model, over weights and batches."""

    name: str
    parameters: int
    macs: int
    gradient: float
    magnitude: float  # sum of |w|
    kurtosis: float  # excess, of its weights; 0 for a normal distribution
    absolute: dict[str, float]
    weighted: dict[str, float]

    def only(self, variant: str) -> Evidence:
        """For FixP4 and one other format."""
        absolute, weighted = ({f: errors[f] for f in (FIXED, variant)} for errors in (self.absolute, self.weighted))
        return replace(self, absolute=absolute, weighted=weighted)

    @property
    def posit(self) -> str:
        """The Posit variant with the least absolute error; of those equal within float32, the first."""
        errors = {name: error for name, error in self.absolute.items() if name != FIXED}
        least = min(errors.values())
        return next(name for name, error in errors.items() if error <= least * (1 + 1e-5))

    def gap(self, errors: dict[str, float]) -> float:
        """The error that Posit saves; negative where it adds some."""
        return errors[FIXED] - errors[self.posit]


@dataclass(frozen=True)
class Trials:
    """What a criterion may ask for beside the evidence. loss(formats): on held-out data, with these layers' weights in
    these formats and all others in FixP4, without retraining."""

    loss: Callable[[dict[str, str]], float]
    seed: int = 0


Criterion = Callable[[list[Evidence], Trials], dict[str, float]]


def by_gradient(layers: list[Evidence], trials: Trials) -> dict[str, float]:
    """mean |dL/dw| * sum (|w - FixP(w)| - |w - Posit(w)|)."""
    return {layer.name: layer.gradient * layer.gap(layer.absolute) for layer in layers}


def by_fisher(layers: list[Evidence], trials: Trials) -> dict[str, float]:
    """sum g^2 ((w - FixP(w))^2 - (w - Posit(w))^2): the loss to second order, by the empirical Fisher diagonal."""
    return {layer.name: layer.gap(layer.weighted) for layer in layers}


def by_error(layers: list[Evidence], trials: Trials) -> dict[str, float]:
    """sum (|w - FixP(w)| - |w - Posit(w)|): the largest error saved, whatever the loss makes of it."""
    return {layer.name: layer.gap(layer.absolute) for layer in layers}


def by_trying(layers: list[Evidence], trials: Trials) -> dict[str, float]:
    """How much the held-out loss falls when this layer alone becomes Posit."""
    base = trials.loss({})
    return {layer.name: base - trials.loss({layer.name: layer.posit}) for layer in layers}


def at_random(layers: list[Evidence], trials: Trials) -> dict[str, float]:
    """Drawn from the seed, in proportion to the layer's size, so that sets fill the budget as real ones do."""
    draws = np.random.default_rng(trials.seed).uniform(0.0, 1.0, len(layers))
    return {layer.name: float(draw) * layer.parameters for layer, draw in zip(layers, draws, strict=True)}


def scores_by_format(criterion: str, layers: list[Evidence], trials: Trials) -> dict[str, dict[str, float]]:
    """Format -> layer -> the score that the criterion gives it when that format is the only choice beside FixP4."""
    variants = [name for name in layers[0].absolute if name != FIXED]
    return {name: CRITERIA[criterion]([layer.only(name) for layer in layers], trials) for name in variants}


CRITERIA: dict[str, Criterion] = {
    "gradient": by_gradient, "fisher": by_fisher, "error": by_error, "measured": by_trying, "random": at_random,
}  # fmt: skip


def measure(
    model: QuantizedModel, task: Task, batches: list[Split], variants: tuple[str, ...], base: LayerPlan, recipe: Recipe,
    progress: Callable[[int, int], None],
) -> list[Evidence]:  # fmt: skip
    """The evidence of each layer, in the model's order; gradients by the task's loss on labelled batches."""
    names = list(model.macs)
    magnitude, squares = _gradients(model, task, batches, names, progress)
    layers = []
    for name in names:
        weight = model.layer(name).weight.detach()
        w = weight.numpy().astype(np.float64)
        absolute, weighted = {}, {}
        for variant in (FIXED, *variants):
            plan = replace(base, weights=variant)
            with torch.no_grad():
                error = weight_quantizer(weight.numpy(), plan, recipe)(weight).numpy() - w
            absolute[variant] = float(np.abs(error).sum())
            weighted[variant] = float((squares[name] * error**2).sum())
        centred = w - w.mean()
        kurtosis = float(np.mean(centred**4) / max(np.mean(centred**2) ** 2, 1e-300) - 3.0)
        size = float(np.abs(w).sum())
        layers.append(Evidence(name, w.size, model.macs[name], magnitude[name], size, kurtosis, absolute, weighted))
    return layers


def _gradients(
    model: QuantizedModel, task: Task, batches: list[Split], names: list[str], progress: Callable[[int, int], None]
) -> tuple[dict[str, float], dict[str, NDArray[np.float64]]]:
    """Of each layer the mean |g|, and g^2 of every weight, averaged over the batches."""
    magnitude = dict.fromkeys(names, 0.0)
    squares = {name: np.zeros(tuple(model.layer(name).weight.shape)) for name in names}
    weights = [model.layer(name).weight for name in names]
    model.eval()
    for done, batch in enumerate(batches, start=1):
        with model.floating():
            loss = task.objective.loss(model(*each(task.inputs(batch))), change(batch.y, torch.from_numpy))
        for name, gradient in zip(names, torch.autograd.grad(loss, weights), strict=True):
            g = gradient.numpy().astype(np.float64)
            magnitude[name] += float(np.abs(g).mean()) / len(batches)
            squares[name] += g**2 / len(batches)
        progress(done, len(batches))
    return magnitude, squares


@contextmanager
def formats(model: QuantizedModel, chosen: dict[str, str], base: LayerPlan, recipe: Recipe) -> Iterator[None]:
    """Within it these layers' weights are in these formats."""
    before = {name: model.layer(name).quantizer for name in chosen}
    try:
        for name, variant in chosen.items():
            plan = replace(base, weights=variant)
            model.layer(name).quantizer = weight_quantizer(model.layer(name).weight.detach().numpy(), plan, recipe)
        yield
    finally:
        for name, quantizer in before.items():
            model.layer(name).quantizer = quantizer
