"""Which kernel each layer gets, by measured cost: instructions on the emulated core, or bytes of flash.

Every kernel of the catalogue that can serve a layer is tried on the model itself. The counts are exact, so the same
model, compiler and catalogue give the same choice; the exported folder records it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from typing import Any

from mixcomp_edge import resources
from mixcomp_edge.build.cross import Toolchain, toolchain
from mixcomp_edge.bundle import Bundle
from mixcomp_edge.codegen.kernels import kernel_source
from mixcomp_edge.codegen.project import export
from mixcomp_edge.errors import ExportError
from mixcomp_edge.plan.kernels import Kernel, candidates
from mixcomp_edge.plan.layout import lay_out
from mixcomp_edge.plan.packing import Packed
from mixcomp_edge.simulation import measure_core, section_bytes
from mixcomp_edge.targets import target
from mixcomp_edge.verification import emulated_core, make_inputs

TABLE_BYTES = {"": 0, "levels": 32, "pairs": 1024}  # what a packing's codebook takes in flash


class Goal(StrEnum):
    """What a choice makes small."""

    speed = "speed"  # instructions of each layer
    size = "size"  # flash of code, tables and weights


@dataclass(frozen=True)
class LayerChoice:
    """A layer's kernel and what each kernel that can serve it would cost: instructions for speed, and for size the
    bytes of its code, which layers share, and of this layer's weights as it packs them."""

    layer: str
    kernel: str
    costs: dict[str, int]


@dataclass(frozen=True)
class Choice:
    """Result of `choose`."""

    goal: str
    target: str
    compiler: str
    layers: tuple[LayerChoice, ...]

    @property
    def kernels(self) -> dict[str, str]:
        """Layer -> name of its kernel, for `export`."""
        return {layer.layer: layer.kernel for layer in self.layers}

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


Candidates = dict[str, list[tuple[Kernel, Packed]]]  # of each layer, the preferred one first


def choose(
    bundle: Bundle,
    target_name: str,
    goal: Goal,
    chain_name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Choice:
    """The best kernel for every layer. Speed needs a core that is emulated, both need a compiler for it.

    progress: told (trials done, trials in all)."""
    chain, graph, core = toolchain(chain_name), bundle.graph, target(target_name)
    found: Candidates = {step.node.name: candidates(graph, step.node, core.isas) for step in lay_out(graph, core).steps}
    tell = progress or (lambda done, of: None)
    if goal is Goal.speed:
        layers = _fastest(bundle, target_name, chain, found, tell)
    else:
        layers = _smallest(target_name, chain, found, tell)
    return Choice(str(goal), target_name, chain.version(), tuple(layers))


def _fastest(
    bundle: Bundle, target_name: str, chain: Toolchain, found: Candidates, tell: Callable[[int, int], None]
) -> list[LayerChoice]:
    """Trial i runs the whole model with the i-th candidate of each layer: as many trials as the longest list."""
    costs: dict[str, dict[str, int]] = {layer: {} for layer in found}
    trials = max(map(len, found.values()))
    inputs = make_inputs(bundle.graph, 3)[2:]
    for trial in range(trials):
        tell(trial, trials)
        kernels = {layer: options[min(trial, len(options) - 1)][0].name for layer, options in found.items()}
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
    tell(trials, trials)
    return [LayerChoice(layer, min(of, key=of.__getitem__), of) for layer, of in costs.items()]


def _smallest(
    target_name: str, chain: Toolchain, found: Candidates, tell: Callable[[int, int], None]
) -> list[LayerChoice]:
    """Layers that may share a kernel are decided together, over all sets of the kernels that serve them."""
    every = list(dict.fromkeys(kernel for options in found.values() for kernel, _ in options))
    code = {}
    for index, kernel in enumerate(every):
        tell(index, len(every))
        code[kernel.name] = _code_bytes(kernel, target_name, chain)
    tell(len(every), len(every))
    chosen = {}
    for group in _groups(found):
        names = list(dict.fromkeys(kernel.name for layer in group for kernel, _ in found[layer]))
        best = min(
            (allowed for size in range(1, len(names) + 1) for allowed in combinations(names, size)),
            key=lambda allowed: _group_bytes(group, found, code, allowed),
        )
        for layer in group:
            costs = {kernel.name: packed.nbytes + code[kernel.name] for kernel, packed in found[layer]}
            kernel, _ = _least(found[layer], best)
            chosen[layer] = LayerChoice(layer, kernel.name, costs)
    return [chosen[layer] for layer in found]


def _groups(found: Candidates) -> Iterable[list[str]]:
    """Layers whose candidates have a kernel in common, directly or by others."""
    groups: list[tuple[set[str], list[str]]] = []
    for layer, options in found.items():
        names, layers = {kernel.name for kernel, _ in options}, [layer]
        for other in [group for group in groups if group[0] & names]:
            groups.remove(other)
            names, layers = names | other[0], other[1] + layers
        groups.append((names, layers))
    return [layers for _, layers in groups]


def _group_bytes(group: list[str], found: Candidates, code: dict[str, int], allowed: tuple[str, ...]) -> float:
    """Flash of a group's layers with these kernels; infinite where they do not serve all."""
    if not all(any(kernel.name in allowed for kernel, _ in found[layer]) for layer in group):
        return float("inf")
    picked = [_least(found[layer], allowed) for layer in group]
    tables = {(kernel.name, packed.table) for kernel, packed in picked}
    used = {kernel.name for kernel, _ in picked}
    return (
        sum(code[name] for name in used)
        + sum(packed.nbytes for _, packed in picked)
        + sum(TABLE_BYTES[table] for _, table in tables)
    )


def _least(options: list[tuple[Kernel, Packed]], allowed: tuple[str, ...]) -> tuple[Kernel, Packed]:
    """Of the allowed kernels the one that packs the layer's weights smallest; of equals the preferred one."""
    return min((option for option in options if option[0].name in allowed), key=lambda option: option[1].nbytes)


def _code_bytes(kernel: Kernel, target_name: str, chain: Toolchain) -> int:
    """Flash of the kernel alone; what it inlines or keeps to itself counts, libgcc does not."""
    with tempfile.TemporaryDirectory(prefix="mixcomp-kernel-") as folder:
        source = Path(folder) / f"{kernel.name}.c"
        source.write_text(kernel_source(kernel), encoding="utf-8")
        include = [resources.firmware() / "include"]
        (compiled,) = chain.compile([source], include, target(target_name), Path(folder), ())
        return section_bytes(compiled)["flash"]
