"""From a task to a mixed plan: measure each layer, score it, choose within the budgets, and keep what held-out data
confirms. The plan is a file to be read and edited.

Two questions, one way: which layers become Posit, at most a share of them; or, within so many bytes of flash, which
format each layer gets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from mixcomp_edge.errors import PlanError, TaskError
from mixcomp_edge.numerics import FAMILIES, LEARNED, members
from mixcomp_edge.quant_plan import LayerPlan, QuantPlan
from mixcomp_edge.train.method import sensitivity
from mixcomp_edge.train.method.selector import TABLE_BYTES, Budget, Candidate, code_bytes, select
from mixcomp_edge.train.method.sensitivity import CRITERIA, FIXED, Evidence, Trials
from mixcomp_edge.train.quantized_model import QuantizedModel, learning, prepare_task
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.samples import change, count, each, take
from mixcomp_edge.train.task import Split, Task
from mixcomp_edge.train.tasks.holdout import hold_out

Tell = Callable[[str, int, int], None]  # (what, done, of)
HELD_OUT = 2000  # samples, at most
ETA = 0.1  # where nobody says it
FORMATS = (FIXED, "posit4", "e2m1", "nf4", LEARNED, "int8")  # to choose from within flash_bytes


@dataclass(frozen=True)
class Options:
    """How to choose. eta: largest share of the parameters in Posit, a tenth where flash_bytes is not given either.
    energy: largest increase of the MAC energy, as a share, when one Posit MAC costs `mac_overhead` more than a FixP4
    one, as a share. table_bytes: for codebooks, 32 B for each Posit variant in use. keep, force: layers that stay
    FixP4, or become Posit whatever their score.

    flash_bytes: for the codes of all layers and the codebooks. Each layer then takes one of `formats`; all but FixP4
    count as Posit in what is said above."""

    eta: float | None = None
    criterion: str = "gradient"
    energy: float | None = None
    mac_overhead: float | None = None
    table_bytes: int | None = None
    flash_bytes: int | None = None
    formats: tuple[str, ...] = FORMATS
    keep: tuple[str, ...] = ()
    force: tuple[str, ...] = ()
    fall_back: bool = True
    batches: int = 8
    batch_size: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if self.eta is not None and not 0.0 <= self.eta <= 1.0:
            raise PlanError(f"eta is {self.eta}, expected a share from 0 to 1.")
        if self.criterion not in CRITERIA:
            raise PlanError(f"unknown criterion '{self.criterion}'. Known criteria: {', '.join(CRITERIA)}.")
        if self.energy is not None and not self.mac_overhead:
            raise PlanError(
                "an energy budget needs the cost of a Posit MAC: give mac_overhead, as a share of a FixP4 MAC."
            )
        for name in ("energy", "mac_overhead", "table_bytes", "flash_bytes"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise PlanError(f"{name} is {value}, expected a number from 0.")
        if self.formats != FORMATS and self.flash_bytes is None:
            raise PlanError("formats are chosen within a flash budget: give flash_bytes, too.")
        for name in self.formats:
            members(name)
        both = sorted({*self.keep} & {*self.force})
        if both:
            raise PlanError(f"'{both[0]}' is both kept in FixP4 and forced to Posit.")

    @property
    def share(self) -> float | None:
        """The limit that eta sets."""
        return ETA if self.eta is None and self.flash_bytes is None else self.eta

    @property
    def variants(self) -> tuple[str, ...]:
        """The formats that a layer may take in FixP4's place."""
        return FAMILIES["posit"] if self.flash_bytes is None else tuple(f for f in self.formats if f != FIXED)


@dataclass(frozen=True, eq=False)
class Analysis:
    """Evidence and score of each layer, and the plan. losses: on held-out data without retraining, all FixP4 and as
    planned."""

    task: str
    options: Options
    layers: tuple[Evidence, ...]
    scores: dict[str, float]
    plan: QuantPlan
    losses: tuple[float, float]

    def format(self, name: str) -> str:
        return self.plan[name].weights

    @property
    def posit_share(self) -> float:
        """Of the parameters, 0..1."""
        return self._share([layer.parameters for layer in self.layers])

    @property
    def mac_share(self) -> float:
        """Of the multiply-accumulates that have a Posit operand, 0..1."""
        return self._share([layer.macs for layer in self.layers])

    def _share(self, amounts: list[int]) -> float:
        chosen = [a for a, layer in zip(amounts, self.layers, strict=True) if self.format(layer.name) != FIXED]
        return sum(chosen) / sum(amounts)

    @property
    def flash_bytes(self) -> int:
        """Of codes and codebooks: each shared one once, each learned one for its layer."""
        formats = [(self.format(layer.name), layer) for layer in self.layers]
        tables = {LEARNED + layer.name if name == LEARNED else name for name, layer in formats}
        plain = {name for name, _ in formats if name == FIXED or members(name)[0].bits == 8}
        codes = sum(code_bytes(layer.parameters, name) for name, layer in formats)
        return codes + TABLE_BYTES * len(tables - plain)

    @property
    def headline(self) -> str:
        """What was chosen, and its limit."""
        if self.options.flash_bytes is not None:
            return f"{self.flash_bytes:,} B of codes and codebooks, at most {self.options.flash_bytes:,}"
        return f"{self.posit_share:.1%} of the parameters in Posit, at most {self.options.share:.1%}"

    def as_dict(self) -> dict[str, Any]:
        by_flash = self.options.flash_bytes is not None
        flash = {"flash_budget": self.options.flash_bytes, "flash_bytes": self.flash_bytes}
        return {
            "task": self.task,
            **(flash if by_flash else {"eta": self.options.share, "posit_share": self.posit_share}),
            "layers": [
                {
                    "name": layer.name, "parameters": layer.parameters, "macs": layer.macs, "gradient": layer.gradient,
                    **({f"error_{name}": error for name, error in layer.absolute.items()} if by_flash else
                       {"error_fixp4": layer.absolute[FIXED], "error_posit": layer.absolute[layer.posit]}),
                    "score": self.scores[layer.name], "format": self.format(layer.name),
                }
                for layer in self.layers
            ],
        }  # fmt: skip

    def toml(self) -> str:
        """The plan file, with the reasons in comments."""
        width = max(len(layer.name) for layer in self.layers)
        lines = [
            f"# {self.task}: {self.headline};",
            f"# criterion '{self.options.criterion}'. Edit at will: a layer that is not named is as in [default].",
            "#",
            f"# {'layer':<{width}}  parameters       score  format",
        ]
        for layer in self.layers:
            score = self.scores[layer.name]
            lines.append(f"# {layer.name:<{width}}  {layer.parameters:>10,}  {score:>10.3g}  {self.format(layer.name)}")
        return "\n".join(lines) + "\n\n" + self.plan.toml()


def analyze(
    task: Task,
    options: Options | None = None,
    base: LayerPlan | None = None,
    recipe: Recipe | None = None,
    tell: Tell = lambda what, done, of: None,
) -> Analysis:
    """The mixed plan of a task whose float model is trained. base: all that the plan says beside the formats."""
    options, recipe, base = options or Options(), recipe or task.recipe, replace(base or LayerPlan(), weights=FIXED)
    model = check(task, options, base, recipe)
    assert task.train is not None
    batches = _batches(task.train, options)
    progress = lambda done, of: tell("gradients", done, of)  # noqa: E731
    layers = sensitivity.measure(model, task, batches, options.variants, base, recipe, progress)

    trials = _trials(model, task, base, recipe, options.seed, tell)
    if options.flash_bytes is None:
        scores = CRITERIA[options.criterion](layers, trials)
        offers = {layer.name: {layer.posit: scores[layer.name]} for layer in layers}
    else:
        by_format = sensitivity.scores_by_format(options.criterion, layers, trials)
        offers = {layer.name: {name: each[layer.name] for name, each in by_format.items()} for layer in layers}
    candidates = [
        Candidate(layer.name, layer.parameters, layer.macs, name, score)
        for layer in layers
        if layer.name not in options.keep
        for name, score in offers[layer.name].items()
    ]
    chosen = select(candidates, _budget({x.name: x.parameters for x in layers}, model.macs, options), {*options.force})
    chosen = {layer.name: chosen[layer.name] for layer in layers if layer.name in chosen}
    scores = {name: offer.get(chosen.get(name, ""), max(offer.values(), default=0.0)) for name, offer in offers.items()}
    fixed_loss = trials.loss({})
    if options.fall_back:
        chosen = _confirmed(chosen, scores, fixed_loss, trials, options.force)
    plan = QuantPlan(base, {name: {"weights": variant} for name, variant in chosen.items()})
    return Analysis(task.name, options, tuple(layers), scores, plan, (fixed_loss, trials.loss(chosen)))


def _batches(train: Split, options: Options) -> list[Split]:
    order = np.random.default_rng(options.seed).permutation(len(train))
    size = min(options.batch_size, len(train))
    count = min(options.batches, len(train) // size)
    return [train.part(np.sort(order[i * size : (i + 1) * size])) for i in range(count)]


def check(task: Task, options: Options, base: LayerPlan | None = None, recipe: Recipe | None = None) -> QuantizedModel:
    """The task's model, prepared, if it can be analyzed with these options: what can be refused is refused here, before
    anything is trained or measured."""
    if task.train is None:
        raise TaskError(f"{task.name}: has no training data, so there are no gradients; write the plan by hand.")
    if task.objective.given_loss is None:
        raise task.objective.no_loss()
    base = replace(base or LayerPlan(), weights=FIXED)
    model = prepare_task(task, QuantPlan(base), recipe or task.recipe)
    QuantPlan(layers={name: {} for name in (*options.keep, *options.force)}).check_names([*model.macs])
    sizes = {name: model.layer(name).weight.numel() for name in model.macs}
    offered = ("posit",) if options.flash_bytes is None else options.variants
    forced = [Candidate(name, sizes[name], model.macs[name], kind, 0.0) for name in options.force for kind in offered]
    select(forced, _budget(sizes, model.macs, options), {*options.force})
    return model


def _budget(parameters: dict[str, int], macs: dict[str, int], options: Options) -> Budget:
    limit = None
    if options.energy is not None and options.mac_overhead is not None:
        limit = options.energy / options.mac_overhead * sum(macs.values())
    all_, share, flash = sum(parameters.values()), options.share, options.flash_bytes
    least = sum(code_bytes(size, FIXED) for size in parameters.values())
    if flash is not None and least > flash:
        raise PlanError(f"the flash budget is {flash:,} B, and all layers in FixP4 take {least:,} B.")
    return Budget(
        None if share is None else share * all_, limit, options.table_bytes, None if flash is None else flash - least
    )


def _trials(model: QuantizedModel, task: Task, base: LayerPlan, recipe: Recipe, seed: int, tell: Tell) -> Trials:
    assert task.train is not None
    held_out = task.validation or hold_out(task.train)[1]
    split = held_out.part(np.random.default_rng(0).permutation(len(held_out))[:HELD_OUT])
    known: dict[tuple[tuple[str, str], ...], float] = {}

    @torch.no_grad()
    def loss(chosen: dict[str, str]) -> float:
        key = tuple(sorted(chosen.items()))
        if key not in known:
            total = 0.0
            with sensitivity.formats(model, chosen, base, recipe), learning(model):
                for start in range(0, len(split), 250):
                    part = slice(start, start + 250)
                    x, y = task.inputs(split, part), change(take(split.y, part), torch.from_numpy)
                    total += float(task.objective.loss(model(*each(x)), y)) * count(x)
            known[key] = total / len(split)
            tell("held-out trials", len(known), len(known))
        return known[key]

    return Trials(loss, seed)


def _confirmed(
    chosen: dict[str, str], scores: dict[str, float], fixed_loss: float, trials: Trials, forced: tuple[str, ...]
) -> dict[str, str]:
    """Back to FixP4, the lowest score first, goes each layer without which the held-out loss is smaller; and all of
    them when together they do not beat FixP4."""
    best = trials.loss(chosen)
    for name in sorted(chosen, key=lambda name: scores[name]):
        if name in forced:
            continue
        without = {other: variant for other, variant in chosen.items() if other != name}
        if trials.loss(without) < best:
            chosen, best = without, trials.loss(without)
    must = {name: variant for name, variant in chosen.items() if name in forced}
    return chosen if must or best < fixed_loss else {}
