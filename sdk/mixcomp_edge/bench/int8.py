"""The same network as int8 beside ours: weights in bytes, activations of 8 bits, on the same core and compiler.

What differs is the width alone. Levels are small integers, so a byte holds each exactly; `lower.widen` gives every
activation 8 bits; our own kernels for bytes (firmware/kernels, `w8`) stand for what int8 can do. CMSIS-NN's counts
stand beside them where they are known, so that a kernel of ours that is too slow cannot flatter us."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mixcomp_edge.bench.peers import match, peer_layers, peers
from mixcomp_edge.bundle import Bundle
from mixcomp_edge.codegen.project import project_files
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.lower.widen import widen
from mixcomp_edge.plan.layout import lay_out
from mixcomp_edge.simulation import Simulation, chip_for, measure_core
from mixcomp_edge.storage import write_folder
from mixcomp_edge.verification import emulated_core, make_inputs, opened


@dataclass(frozen=True)
class Comparison:
    """An int8 build beside a simulation of ours.

    portable: its kernels are plain C for want of others on this core, so that a tuned int8 would be faster.
    ratio: ours / int8's. cmsis_nn: instructions of its int8 layers by our name, and their sum, where peers.toml knows
    the network and core."""

    int8: Simulation
    portable: bool
    ratio: dict[str, float]
    cmsis_nn: dict[str, int]
    cmsis_nn_total: int | None
    cmsis_nn_version: str

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        kept = ("bit_exact", "instructions", "cycles", "stall_cycles", "latency_ms", "energy_uj", "flash_bytes",
                "ram_bytes")  # fmt: skip
        layers = [
            {key: value for key, value in asdict(layer).items() if key not in ("op", "macs")}
            | {"cmsis_nn_instructions": self.cmsis_nn.get(layer.name)}
            for layer in self.int8.layers
        ]
        return {
            "with": "int8",
            "portable": self.portable,
            **{key: getattr(self.int8, key) for key in kept},
            "ratio": self.ratio,
            "cmsis_nn_instructions": self.cmsis_nn_total,
            "cmsis_nn_version": self.cmsis_nn_version,
            "layers": layers,
        }


def compare_int8(
    source: Path,
    ours: Simulation,
    *,
    chain_name: str | None = None,
    stream: tuple[int | None, int | None] = (None,) * 2,
) -> Comparison:
    """Builds and simulates the int8 form of a bundle or exported folder on the target, chip and inputs of `ours`.

    ExportError for levels beyond 8 bits, LoweringError where 8-bit activations would overflow an accumulator."""
    with (
        opened(source, ours.target, model=ours.model, edited=True, stream=stream) as (bundle, layout, _),
        tempfile.TemporaryDirectory(prefix="mixcomp-int8-") as folder,
    ):
        refuse_wide_levels(bundle.graph)
        wide = Bundle(widen(bundle.graph), bundle.origin)
        layout = lay_out(wide.graph, layout.target, weight_bits=8)
        project = Path(folder) / "int8"
        write_folder(project, project_files([(wide, layout)]), {})
        core = emulated_core(project, layout, chain_name)
        try:
            chip = chip_for(ours.chip, layout)
            int8 = measure_core(core, layout, make_inputs(wide.graph, ours.inputs), chip)
        finally:
            core.close()
        weighted = [step for step in layout.steps if isinstance(step.node, Weighted)]
        return beside(ours, int8, wide.graph, portable=all(step.kernel.isa == "c" for step in weighted))


def beside(ours: Simulation, int8: Simulation, graph: Graph, *, portable: bool) -> Comparison:
    """The comparison of two simulations of the network `graph`."""
    rows = match(graph, peer_layers(graph.name, ours.target)).of
    energy = {}
    if ours.energy_uj is not None and int8.energy_uj is not None:
        energy = {"energy": ours.energy_uj / int8.energy_uj}
    known = {name: sum(row.s8 for row in layers) for name, layers in rows.items()}
    return Comparison(
        int8,
        portable,
        {
            "instructions": ours.instructions / int8.instructions,
            "cycles": ours.cycles / int8.cycles,
            "flash": ours.flash_bytes["total"] / int8.flash_bytes["total"],
            "ram": ours.ram_bytes["total"] / int8.ram_bytes["total"],
        }
        | energy,
        known,
        sum(known.values()) if known else None,
        peers()["software"],
    )


def refuse_wide_levels(graph: Graph) -> None:
    """ExportError where a layer's levels do not fit in a byte."""
    for node in graph.nodes:
        if isinstance(node, Weighted) and not node.weights.codebook.fits_int8:
            raise ExportError(
                f"{node.name}: {node.weights.codebook.name} has levels beyond 8 bits, so they have no int8 build. "
                "Compare a plan without it."
            )
