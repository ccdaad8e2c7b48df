"""Which kernel each layer gets, by measured cost: instructions on the emulated core and bytes of flash.

Every kernel of the catalogue that can serve a layer is tried on the model itself; a goal or a limit takes one of the
choices that no other beats in both costs. The counts are exact, so the same model, compiler and catalogue give the same
choice; the exported folder records it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from mixcomp_edge import resources
from mixcomp_edge.build.cross import Toolchain, toolchain
from mixcomp_edge.bundle import Bundle
from mixcomp_edge.codegen.kernels import kernel_source
from mixcomp_edge.codegen.project import export
from mixcomp_edge.errors import ExportError
from mixcomp_edge.plan.frontier import Point, flash_bytes, frontier
from mixcomp_edge.plan.kernels import Candidates, Choices, Kernel, candidates
from mixcomp_edge.plan.layout import lay_out
from mixcomp_edge.simulation import measure_core, section_bytes
from mixcomp_edge.targets import Target, target
from mixcomp_edge.verification import emulated_core, make_inputs

Instructions = dict[str, dict[str, int]]  # layer -> kernel -> of one inference


class Goal(StrEnum):
    """What a choice makes small."""

    speed = "speed"  # instructions
    size = "size"  # flash of code, tables and weights
    balanced = "balanced"  # the product of both


@dataclass(frozen=True)
class LayerChoice:
    """A layer's kernel and what each kernel that can serve it would cost: instructions where they were measured, else
    the bytes of its code, which layers share, and of this layer's weights as it packs them."""

    layer: str
    kernel: str
    costs: dict[str, int]


@dataclass(frozen=True)
class Choice:
    """Result of `choose`. flash_bytes: of code, tables and weights; where instructions were not measured (None), of the
    kernels and what they read alone."""

    goal: str
    target: str
    compiler: str
    flash_bytes: int
    instructions: int | None
    layers: tuple[LayerChoice, ...]

    @property
    def kernels(self) -> dict[str, str]:
        """Layer -> name of its kernel, for `export`."""
        return {layer.layer: layer.kernel for layer in self.layers}

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def choose(
    bundle: Bundle,
    target_name: str,
    goal: Goal,
    chain_name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    flash_budget: int | None = None,
    max_instructions: int | None = None,
) -> Choice:
    """The best kernel for every layer.

    flash_budget: bytes of code, tables and weights that the choice may take at most; max_instructions: of an inference.
    ExportError where no choice keeps to them, which says what can be had. A core that is emulated is needed for
    all but the goal size without limits, a compiler for it always. progress: told (trials done, trials in all)."""
    graph, core = bundle.graph, target(target_name)
    chain = toolchain(chain_name, core.triple)
    found: Candidates = {step.node.name: candidates(graph, step.node, core.isas) for step in lay_out(graph, core).steps}
    every = {kernel.name: kernel for options in found.values() for kernel, _ in options}
    counted = goal is not Goal.size or flash_budget is not None or max_instructions is not None
    trials = max(map(len, found.values())) if counted else 0
    tell = progress or (lambda done, of: None)
    code = {}
    for done, kernel in enumerate(every.values()):
        tell(done, len(every) + trials)
        code[kernel.name] = compiled_bytes(kernel, core, chain)
    costs: Instructions = {}
    overhead = Point(0, 0, {})
    if counted:
        costs, overhead = _measured(
            bundle, target_name, chain, found, code, lambda i: tell(len(every) + i, len(every) + trials)
        )
    tell(len(every) + trials, len(every) + trials)
    points = [
        Point(point.flash + overhead.flash, point.cost + overhead.cost, point.choices)
        for point in frontier(found, code, costs)
    ]
    best = _best(points, goal, flash_budget, max_instructions)
    layers = [_layer_choice(layer, best.choices, found, code, costs) for layer in found]
    return Choice(
        str(goal), target_name, chain.version(), best.flash, int(best.cost) if counted else None, tuple(layers)
    )


def _best(points: list[Point], goal: Goal, flash_budget: int | None, max_instructions: int | None) -> Point:
    fitting = [
        point
        for point in points
        if (flash_budget is None or point.flash <= flash_budget)
        and (max_instructions is None or point.cost <= max_instructions)
    ]
    if not fitting:
        small, fast = points[0], points[-1]
        raise ExportError(
            f"no choice of kernels keeps to the limits. The smallest takes {small.flash:,} B and "
            f"{small.cost:,.0f} instructions, the fastest {fast.flash:,} B and {fast.cost:,.0f}."
        )
    order = {
        Goal.speed: lambda point: (point.cost, point.flash),
        Goal.size: lambda point: (point.flash, point.cost),
        Goal.balanced: lambda point: point.flash * point.cost,
    }
    return min(fitting, key=order[goal])


def _layer_choice(
    layer: str, choices: Choices, found: Candidates, code: Mapping[str, int], costs: Instructions
) -> LayerChoice:
    sizes = {kernel.name: packed.nbytes + code[kernel.name] for kernel, packed in found[layer]}
    return LayerChoice(layer, choices[layer][0].name, costs.get(layer, sizes))


def _measured(
    bundle: Bundle,
    target_name: str,
    chain: Toolchain,
    found: Candidates,
    code: Mapping[str, int],
    tell: Callable[[int], None],
) -> tuple[Instructions, Point]:
    """Instructions of each candidate, and what the model takes at most besides its layers.

    Trial i runs the whole model with the i-th candidate of each layer: as many trials as the longest list."""
    costs: Instructions = {layer: {} for layer in found}
    overhead = Point(0, 0, {})
    inputs = tuple(value[2:] for value in make_inputs(bundle.graph, 3))
    for trial in range(max(map(len, found.values()))):
        tell(trial)
        choices = {layer: options[min(trial, len(options) - 1)] for layer, options in found.items()}
        kernels = {layer: kernel.name for layer, (kernel, _) in choices.items()}
        with tempfile.TemporaryDirectory(prefix="mixcomp-trial-") as folder:
            project = Path(folder) / "trial"
            layout = export(bundle, target_name, project, kernels=kernels)
            core = emulated_core(project, layout, chain.name)
            try:
                simulation = measure_core(core, layout, inputs)
            finally:
                core.close()
        if not simulation.bit_exact:
            raise ExportError(f"{bundle.graph.name}: the kernels {sorted(set(kernels.values()))} give a wrong output.")
        for layer in simulation.layers:
            costs[layer.name].setdefault(kernels[layer.name], layer.instructions)
        overhead = Point(
            max(overhead.flash, simulation.flash_bytes["total"] - flash_bytes(choices, code)),
            max(overhead.cost, simulation.instructions - sum(layer.instructions for layer in simulation.layers)),
            {},
        )
    return costs, overhead


def compiled_bytes(kernel: Kernel, core: Target, chain: Toolchain) -> int:
    """Flash of the kernel alone; what it inlines or keeps to itself counts, libgcc does not."""
    with tempfile.TemporaryDirectory(prefix="mixcomp-kernel-") as folder:
        source = Path(folder) / f"{kernel.name}.c"
        source.write_text(kernel_source(kernel), encoding="utf-8")
        include = [resources.firmware() / "include"]
        (compiled,) = chain.compile([source], include, core, Path(folder), ())
        return section_bytes(compiled)["flash"]
