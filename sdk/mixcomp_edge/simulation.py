"""What a model costs on a core: exact instruction counts by layer, flash and RAM from the linked image."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixcomp_edge.ir import interp, qops
from mixcomp_edge.numerics.packing import pack_elements
from mixcomp_edge.plan.layout import Layout
from mixcomp_edge.verification import emulated_core, make_inputs, opened

if TYPE_CHECKING:
    from mixcomp_edge.transports.emulator import EmulatedCore


@dataclass(frozen=True)
class LayerCost:
    """One layer. `instructions` is the mean over the inputs; they differ only where a kernel branches on data."""

    name: str
    op: str
    weights: str
    act_bits: int
    macs: int
    instructions: int
    cycles: None = None
    energy_uj: None = None


@dataclass(frozen=True)
class Simulation:
    """Result of `simulate`; DESIGN.md 8 names the keys. `instructions` also counts the few outside the layers. Cycles,
    latency and energy are None until there are models for them: instructions are counted, nothing is guessed."""

    model: str
    target: str
    compiler: str
    inputs: int
    bit_exact: bool
    instructions: int
    cycles: None
    latency_ms: None
    energy_uj: None
    macs: int
    flash_bytes: dict[str, int]
    ram_bytes: dict[str, int]
    layers: tuple[LayerCost, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def simulate(
    source: Path, *, target_name: str | None = None, count: int = 1, chain_name: str | None = None
) -> Simulation:
    """Runs `count` inputs of a bundle or exported folder on the emulated core."""
    with opened(source, target_name) as (bundle, layout, project):
        core = emulated_core(project, layout, chain_name)
        try:
            return measure_core(core, layout, make_inputs(bundle.graph, count))
        finally:
            core.close()


def measure_core(core: EmulatedCore, layout: Layout, inputs: np.ndarray) -> Simulation:
    """Counts the inputs (N, *shape) on a core that is built."""
    graph = layout.graph
    source, output = graph.nodes[0], graph[graph.output]
    assert isinstance(source, qops.QNode)
    assert isinstance(output, qops.QNode)
    exact, stack, runs = True, 0, []
    for x in inputs:
        counts, stack_bytes = core.count(pack_elements(x, source.type.bits))
        runs.append(counts.layers)
        stack = max(stack, stack_bytes)
        want = pack_elements(interp.run(graph, x[None])[0], output.type.bits)
        exact &= core.output_bytes() == want
    mean = np.rint(np.mean(runs, axis=0)).astype(int)
    macs = [qops.macs(step.node) for step in layout.steps]
    sections = section_bytes(core.elf)
    code = sections["flash"] - layout.weight_bytes - core.entry_bytes
    return Simulation(
        model=graph.name,
        target=layout.target.name,
        compiler=core.chain.version(),
        inputs=len(inputs),
        bit_exact=exact,
        instructions=int(mean.sum()),
        cycles=None,
        latency_ms=None,
        energy_uj=None,
        macs=sum(macs),
        flash_bytes={"weights": layout.weight_bytes, "code": code, "total": layout.weight_bytes + code},
        ram_bytes={"arena": core.arena.size, "stack": stack, "total": sections["ram"] + stack},
        layers=tuple(
            LayerCost(step.node.name, step.node.op, _format(step.node), step.node.type.bits, m, int(n))
            for step, m, n in zip(layout.steps, macs, mean, strict=False)
        ),
    )


def _format(node: qops.QNode) -> str:
    return node.weights.codebook.name if isinstance(node, qops.WEIGHTED) else ""


def section_bytes(elf: Path) -> dict[str, int]:
    """Bytes of an image in flash (code, constants, initial values) and in RAM, from its section headers."""
    from elftools.elf.elffile import ELFFile

    sizes = {"flash": 0, "ram": 0}
    with elf.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if not section["sh_flags"] & 0x2:  # SHF_ALLOC
                continue
            writable = bool(section["sh_flags"] & 0x1)  # SHF_WRITE
            if writable:
                sizes["ram"] += section["sh_size"]
            if not writable or section["sh_type"] != "SHT_NOBITS":
                sizes["flash"] += section["sh_size"]
    return sizes


def symbol_bytes(elf: Path) -> dict[str, int]:
    """Bytes in flash of each function and constant of an image; equal names of different files are added up."""
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    sizes: dict[str, int] = {}
    with elf.open("rb") as file:
        image = ELFFile(file)
        table = image.get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
            kind, index = symbol["st_info"]["type"], symbol["st_shndx"]
            placed = kind in ("STT_FUNC", "STT_OBJECT") and isinstance(index, int)
            if placed and image.get_section(index)["sh_type"] != "SHT_NOBITS":
                sizes[symbol.name] = sizes.get(symbol.name, 0) + symbol["st_size"]
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))
