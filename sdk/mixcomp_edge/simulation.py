"""What a model costs on a chip: exact instruction counts by layer, flash and RAM from the linked image; cycles, time
and energy from the models of mixcomp_sim, with error bars."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixcomp_edge.errors import TargetError
from mixcomp_edge.ir import ends, interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.interp import Values
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.plan import layout as plan
from mixcomp_edge.plan.layout import Layout
from mixcomp_edge.streaming import Described, described
from mixcomp_edge.targets import emulated
from mixcomp_edge.verification import emulated_core, make_inputs, most_inputs, opened

if TYPE_CHECKING:
    from mixcomp_edge.transports.emulator import EmulatedCore
    from mixcomp_sim.chips import Chip
    from mixcomp_sim.cost import Interval
    from mixcomp_sim.counts import Counts
    from mixcomp_sim.duty import Duty

NAMED = 3  # layers whose time depends on their data are named
TOLD = 0.001  # from this part of a layer's time on


@dataclass(frozen=True)
class LayerCost:
    """One layer. `spread`: the fewest and the most instructions over the inputs, which differ only where a kernel
    branches on data. `division_cycles`: between its divisions at their fastest and at their slowest."""

    name: str
    op: str
    weights: str
    act_bits: int
    macs: int
    instructions: int
    spread: tuple[int, int]
    division_cycles: int
    cycles: int
    stall_cycles: int
    energy_uj: float | None
    flash_bytes: int  # weights, biases, multipliers
    ram_bytes: int  # of the arena, in use while it runs

    @property
    def timing(self) -> str:
        """What of its time may depend on its data, where that is a thousandth or more: "a: 0.2 % by branches"."""
        fewest, most = self.spread
        parts = (
            (1 - fewest / most if most else 0.0, "branches"),
            (self.division_cycles / max(1, self.cycles), "divisions"),
        )
        told = [f"{100 * part:.1f} % by {what}" for part, what in parts if part >= TOLD]
        return f"{self.name}: {', '.join(told)}" if told else ""


@dataclass(frozen=True)
class Step:
    """What a frame of a stream costs: a step takes `frames` of them, and each output is so many frames `late`."""

    frames: int
    instructions: int
    latency_ms: float
    late: dict[str, int]


@dataclass(frozen=True)
class Simulation:
    """Result of `simulate`. Totals also count the few instructions outside the layers.

    Instructions are counted: those of the input that takes the most, between the fewest and the most of `spread`.
    cycles, latency and energy are models' figures for that input on `chip`; `error` holds their relative errors, to the
    farther of the `bounds`. `stall_cycles` are those of `cycles` in which the core waits for its flash."""

    model: str
    target: str
    chip: str
    clock_hz: int
    compiler: str
    inputs: int
    bit_exact: bool
    instructions: int
    spread: tuple[int, int]
    cycles: int
    stall_cycles: int
    latency_ms: float
    energy_uj: float | None  # None where nobody has published the chip's power
    error: dict[str, float]
    bounds: dict[str, tuple[float, float]]
    judged: str  # which figures of the chip have been held against a board; empty for none
    assumed: tuple[str, ...]  # which of them no document at hand has confirmed
    macs: int
    flash_bytes: dict[str, int]
    ram_bytes: dict[str, int]
    chip_bytes: dict[str, int]  # flash and ram that the chip has
    layers: tuple[LayerCost, ...]
    profile: dict[str, Any]  # Chrome's trace event format
    duty: Duty | None = None  # of one inference every so often
    step: Step | None = None  # of a stream

    @property
    def timing(self) -> str:
        """How the instructions depend on the data, as far as the inputs tell, and the layers whose time may."""
        fewest, most = self.spread
        told = [layer.timing for layer in self.layers if layer.timing]
        same = f"the same for {self.inputs} inputs" if self.inputs > 1 else "of one input"
        counted = same if fewest == most else f"the most of {self.inputs} inputs, the fewest {fewest:,}"
        more = f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
        return counted + (f"; its data may change the time of {', '.join(told[:NAMED])}{more}" if told else "")

    @property
    def fits(self) -> bool:
        """Whether the chip has the memory for the model alone, without the rest of a firmware."""
        sizes = {"flash": self.flash_bytes, "ram": self.ram_bytes}
        return all(sizes[memory]["total"] <= there for memory, there in self.chip_bytes.items())

    def as_dict(self) -> dict[str, Any]:
        """All but the profile, which is for a viewer."""
        return {key: value for key, value in asdict(self).items() if key != "profile"}


def simulate(
    source: str | Path,
    *,
    target_name: str | None = None,
    model: str | None = None,
    count: int | None = None,
    chain_name: str | None = None,
    chip_name: str | None = None,
    clock_mhz: float | None = None,
    wait_states: int | None = None,
    every_s: float | None = None,
    battery_mah: float | None = None,
    edited: bool = False,
    stream: int | None = None,
    stream_dim: int | None = None,
) -> Simulation:
    """Runs inputs of a bundle or exported folder on the emulated core; see `usual_inputs` for what they are without a
    `count`.

    chip_name: one of mixcomp_sim's chips, or a chip's file (F.toml); by default the one that stands for the target's
    core. clock_mhz: another clock than the chip's own, with the wait states that belong to it; wait_states: others.
    every_s: also a day of an inference every so many seconds, and with battery_mah a battery's life. edited: also of
    a folder whose C was changed since the export. stream: one step of so many frames, along PyTorch's dimension
    stream_dim where more than one could be."""
    steps = (stream, stream_dim)
    with opened(Path(source), target_name, model=model, edited=edited, stream=steps) as (bundle, layout, project):
        inputs = usual_inputs(bundle.graph) if count is None else make_inputs(bundle.graph, count)
        chip = chip_for(chip_name, layout, clock_mhz, wait_states)
        core = emulated_core(project, layout, chain_name)
        try:
            result = measure_core(core, layout, inputs, chip)
        finally:
            core.close()
    result = replace(result, step=_step(result, described(bundle.origin)))
    return result if every_s is None else replace(result, duty=_duty(result, chip, every_s, battery_mah))


def usual_inputs(graph: Graph) -> Values:
    """The lowest values everywhere, the highest everywhere, noise; noise alone where inputs are huge."""
    return make_inputs(graph, 3 if most_inputs(graph) >= 3 else 1)


def _step(result: Simulation, stream: Described | None) -> Step | None:
    if stream is None:
        return None
    frames = stream.frames
    return Step(frames, round(result.instructions / frames), result.latency_ms / frames, stream.late)


def _duty(result: Simulation, chip: Chip, every_s: float, battery_mah: float | None) -> Duty:
    from mixcomp_sim.cost import Interval
    from mixcomp_sim.duty import duty_cycle

    energy = None
    if result.energy_uj is not None:
        low, high = result.bounds["energy_uj"]
        energy = Interval(low, result.energy_uj, high)
    return duty_cycle(result.latency_ms, energy, chip, every_s, battery_mah)


def chip_for(name: str | None, layout: Layout, clock_mhz: float | None = None, wait_states: int | None = None) -> Chip:
    """The chip of that name or file, or the one for the target's core; at another clock or with other wait states."""
    from mixcomp_sim.chips import chips, default_chip, find_chip, read_chip

    core = emulated(layout.target.name).core
    if name is not None and name.endswith(".toml"):
        chip = read_chip(Path(name))
        if chip.core != core:
            raise TargetError(f"{name} has a {chip.core}, not the {core} of {layout.target.name}.")
    elif name is not None and (name not in chips() or find_chip(name).core != core):
        fitting = ", ".join(chip.name for chip in chips().values() if chip.core == core)
        raise TargetError(f"no chip '{name}' with the core of {layout.target.name}. These have it: {fitting}.")
    else:
        chip = default_chip(core) if name is None else find_chip(name)
    chip = chip if clock_mhz is None else chip.at(round(clock_mhz * 1e6))
    return chip if wait_states is None else chip.waiting(wait_states)


def measure_core(core: EmulatedCore, layout: Layout, inputs: Values, chip: Chip | None = None) -> Simulation:
    """Counts the inputs, (N, *shape) each, on a core that is built.

    chip: None stands for the core's usual chip as if its flash had no wait states, which saves following it."""
    from mixcomp_sim.cost import costs, total
    from mixcomp_sim.pipeline import division_range, executions
    from mixcomp_sim.profile import Span, chrome_trace, instructions_by_function

    follow_flash, chip = chip is not None, chip or chip_for(None, layout)
    graph = layout.graph
    sources, sinks = ends.inputs(graph), ends.outputs(graph)
    exact, stack = True, 0
    runs: list[tuple[int, ...]] = []
    worst: tuple[Counts, bytes] | None = None
    for x in zip(*inputs, strict=True):
        packed = ends.pack(sources, x)
        counts, stack_bytes = core.count(packed)
        runs.append(counts.layers)
        stack = max(stack, stack_bytes)
        want = ends.pack(sinks, interp.outputs(graph, tuple(value[None] for value in x)))
        exact &= core.output_bytes() == want
        if worst is None or counts.total >= worst[0].total:
            worst = counts, packed
    assert worst is not None
    counts, packed = worst
    parts = costs(counts, chip, core.stalls(packed, chip, counts) if follow_flash else None)
    functions = instructions_by_function(core.elf, counts)
    spreads = [(min(of_layer), max(of_layer)) for of_layer in zip(*runs, strict=True)]
    divided = [n * division_range(chip.core) for n in executions(counts, "div")]
    macs = [step.node.macs for step in layout.steps]
    sections = section_bytes(core.elf)
    code = sections["flash"] - layout.weight_bytes - core.entry_bytes
    whole = total(parts)
    energy = {} if whole.energy_uj is None else {"energy": whole.energy_uj}
    layers = tuple(
        LayerCost(
            step.node.name, step.node.op, _format(step), step.node.type.bits, m, n, spread, divisions,
            round(part.cycles.nominal), round(part.stall_cycles), _nominal(part.energy_uj), step.constant_bytes,
            layout.live_bytes(step),
        )
        for step, m, n, spread, divisions, part in zip(
            layout.steps, macs, counts.layers, spreads, divided, parts, strict=False
        )
    )  # fmt: skip
    spans = [
        Span(layer.name, part.latency_ms * 1e3, by_function, asdict(layer))
        for layer, part, by_function in zip(layers, parts, functions, strict=False)
    ]
    return Simulation(
        model=graph.name,
        target=layout.target.name,
        chip=chip.name,
        clock_hz=chip.clock_hz,
        compiler=core.chain.version(),
        inputs=len(runs),
        bit_exact=exact,
        instructions=counts.total,
        spread=(min(map(sum, runs)), counts.total),
        cycles=round(whole.cycles.nominal),
        stall_cycles=round(whole.stall_cycles),
        latency_ms=whole.latency_ms,
        energy_uj=_nominal(whole.energy_uj),
        error={what: figure.error for what, figure in ({"cycles": whole.cycles} | energy).items()},
        bounds={
            "cycles": _ends(whole.cycles),
            "latency_ms": _ends(whole.cycles.scaled(1e3 / chip.clock_hz)),
        }
        | {f"{what}_uj": _ends(figure) for what, figure in energy.items()},
        judged=chip.judged,
        assumed=chip.assumed,
        macs=sum(macs),
        flash_bytes={"weights": layout.weight_bytes, "code": code, "total": layout.weight_bytes + code},
        ram_bytes={
            "arena": core.arena.size - layout.arena.kept_bytes,
            **({"state": layout.arena.kept_bytes} if layout.arena.kept_bytes else {}),
            "stack": stack,
            "total": sections["ram"] + stack,
        },
        chip_bytes={"flash": chip.flash_bytes, "ram": chip.ram_bytes},
        layers=layers,
        profile=chrome_trace(spans, f"{graph.name} on {chip.name}"),
    )


def _nominal(interval: Interval | None) -> float | None:
    return None if interval is None else interval.nominal


def _ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


def _format(step: plan.Step) -> str:
    if not isinstance(step.node, Weighted):
        return ""
    weights = step.node.weights
    return weights.codebook.name if step.kernel.weight_bits == weights.bits else "s8"


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
