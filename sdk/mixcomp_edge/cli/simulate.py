"""mixcomp-edge simulate"""

from __future__ import annotations

import json as json_format
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from mixcomp_edge.cli.common import (
    ChainOption,
    EditedFlag,
    JsonFlag,
    ModelOption,
    SourceArgument,
    StreamDimOption,
    StreamOption,
    TargetOption,
    output,
    print_json,
    show_next,
)
from mixcomp_edge.errors import TargetError
from mixcomp_edge.simulation import Simulation, Step
from mixcomp_edge.storage import check_file, write_file

if TYPE_CHECKING:
    from mixcomp_edge.bench.int8 import Comparison
    from mixcomp_edge.tflite.footprint import Footprint
    from mixcomp_sim.duty import Duty


class Other(StrEnum):
    """What --compare takes."""

    INT8 = "int8"
    TFLM = "tflm"


BAR = 12  # characters of a full share bar


def register(app: typer.Typer) -> None:
    @app.command()
    def simulate(
        source: SourceArgument,
        target: TargetOption = None,
        chip: Annotated[
            str | None,
            typer.Option(
                "--chip",
                metavar="NAME|F.toml",
                help="Chip with that core: stm32l4r5, nrf52840, …, or a file (host_sim/README.md).",
                show_default="one a core",
            ),
        ] = None,
        clock: Annotated[
            float | None,
            typer.Option("--clock", metavar="MHZ", help="Another clock, with its wait states.", min=0.001),
        ] = None,
        wait_states: Annotated[
            int | None, typer.Option("--wait-states", metavar="N", help="Of the flash, whatever the clock.", min=0)
        ] = None,
        every: Annotated[
            str | None,
            typer.Option("--every", metavar="TIME", help="Energy a day of an inference every 250ms, 1s, 5min, …"),
        ] = None,
        battery: Annotated[
            str | None, typer.Option("--battery", metavar="CAPACITY", help="And the life of 220mAh, with --every.")
        ] = None,
        model: ModelOption = None,
        per_layer: Annotated[bool, typer.Option("--per-layer", help="Print a row a layer, with share bars.")] = False,
        trace: Annotated[
            Path | None,
            typer.Option("--trace", metavar="FILE", help="Write a profile for Perfetto or speedscope."),
        ] = None,
        compare: Annotated[
            Other | None,
            typer.Option(
                "--compare", help="Put beside it an int8 build of the network, or what it takes in TFLite Micro."
            ),
        ] = None,
        count: Annotated[
            int | None,
            typer.Option("--count", "-n", help="Inputs to run.", min=1, show_default="3: extremes and noise"),
        ] = None,
        toolchain: ChainOption = None,
        stream: StreamOption = None,
        stream_dim: StreamDimOption = None,
        edited: EditedFlag = False,
        json: JsonFlag = False,
    ) -> None:
        """Say what one inference costs on a chip: instructions, cycles, time, energy, flash, RAM and stack.

        Instructions are counted on an emulated core, of the input that takes the most; layers whose time may depend on
        their data are named. Flash and RAM are those of the linked image: exact. Cycles are a model of the core and of
        the chip's flash and caches, energy one of its run current: each with its error.

        --compare int8 builds the same layers with 8-bit weights and activations, by our kernels for bytes; CMSIS-NN's
        instructions stand beside where they are known for the network and core. --compare tflm writes the network as a
        .tflite file and tells its bytes, and those of the least arena with which TensorFlow Lite Micro starts it.

        With --stream T it is one step, and the instructions of a frame are told.

        Exit code 1 when the core's output differs from Python's.

        Example: mixcomp-edge simulate resnet8.mce --target cortex-m4 --chip stm32l4r5 --per-layer --trace resnet8.json
        """
        from mixcomp_edge.bench.int8 import Comparison, compare_int8
        from mixcomp_edge.simulation import simulate as measure
        from mixcomp_edge.tflite.footprint import Footprint, footprint
        from mixcomp_edge.verification import opened
        from mixcomp_sim.duty import capacity, period

        if trace is not None:
            check_file(trace)
        if battery is not None and every is None:
            raise TargetError("--battery needs --every: how often it computes. Say --every 1s, for example.")
        result = measure(
            source,
            target_name=target,
            model=model,
            count=count,
            chain_name=toolchain,
            chip_name=chip,
            clock_mhz=clock,
            wait_states=wait_states,
            every_s=None if every is None else period(every),
            battery_mah=None if battery is None else capacity(battery),
            edited=edited,
            stream=stream,
            stream_dim=stream_dim,
        )
        if trace is not None:
            write_file(trace, json_format.dumps(result.profile))
        found: Comparison | Footprint | None = None
        stepped = (stream, stream_dim)
        if compare is Other.INT8:
            found = compare_int8(source, result, chain_name=toolchain, stream=stepped)
        elif compare is Other.TFLM:
            with opened(source, result.target, model=result.model, edited=True, stream=stepped) as (bundle, _, _):
                found = footprint(bundle)
        if json:
            print_json(result.as_dict() | ({} if found is None else {"compare": found.as_dict()}))
        else:
            print_simulation(result, per_layer=per_layer)
            if isinstance(found, Footprint):
                print_footprint(result, found)
            elif found is not None:
                print_comparison(result, found, per_layer=per_layer)
            show_next("mixcomp-edge boards, and mixcomp-edge export M.mce --board BOARD -o DIR")
        exact = result.bit_exact and (not isinstance(found, Comparison) or found.int8.bit_exact)
        raise typer.Exit(0 if exact else 1)


def print_simulation(result: Simulation, *, per_layer: bool = False) -> None:
    """The totals, below one row a layer if wanted."""
    if per_layer:
        output.print(_layers(result))
    flash, ram, bounds = result.flash_bytes, result.ram_bytes, result.bounds
    state = f" + state {ram['state']:,}" if "state" in ram else ""
    stalls = f", {result.stall_cycles:,} of them waiting for flash" if result.stall_cycles else ""
    output.print(
        f"{result.model} on {result.target} ({result.compiler}), {result.chip} at {result.clock_hz / 1e6:g} MHz\n"
        f"{result.instructions:,} instructions, {result.macs:,} MAC; {result.timing}\n"
        f"{result.cycles:,} cycles{stalls}: {result.latency_ms:.2f} ms ({_between(bounds['latency_ms'])})\n"
        f"{_energy(result)}\n"
        f"flash {flash['total']:,} B = weights {flash['weights']:,} + code and tables {flash['code']:,}\n"
        f"RAM {ram['total']:,} B = arena {ram['arena']:,} (input and output in it)"
        f"{state} + stack {ram['stack']:,}\n"
        f"output {'equal to Python, to the bit' if result.bit_exact else 'DIFFERS from Python'}",
        highlight=False,
    )
    if result.step is not None:
        output.print(_of_a_step(result.step), highlight=False)
    if result.duty is not None:
        output.print(_of_a_day(result.duty), highlight=False)
    if not result.judged:
        output.print(f"[bold]note:[/] no figure of {result.chip} has been held against a board", highlight=False)
    if result.assumed:
        what = ", ".join(result.assumed)
        output.print(f"[bold]note:[/] assumed of {result.chip}, without a document at hand: {what}", highlight=False)
    if not result.fits:
        chip = result.chip_bytes
        output.print(
            f"[bold red]too large for {result.chip}[/]: {chip['flash']:,} B of flash, {chip['ram']:,} B of RAM",
            highlight=False,
        )


def _energy(result: Simulation) -> str:
    if result.energy_uj is None:
        return f"energy not known: nobody has published the power of {result.chip}"
    return f"{result.energy_uj:,.0f} µJ ({_between(result.bounds['energy_uj'])})"


def _microjoules(energy: float | None) -> str:
    return "–" if energy is None else f"{energy:,.3g}"


def _between(ends: tuple[float, float]) -> str:
    return f"{ends[0]:,.3g} to {ends[1]:,.3g}"


def _of_a_step(step: Step) -> str:
    late = ", ".join(f"{name} {by} frames late" for name, by in step.late.items() if by > 0)
    return (
        f"a step takes {step.frames} frame{'s' if step.frames > 1 else ''}: "
        f"{step.instructions:,} instructions and {step.latency_ms:.3g} ms a frame{f'; {late}' if late else ''}"
    )


def _of_a_day(duty: Duty) -> str:
    current, energy, days = duty.current_ua, duty.energy_mj_a_day.scaled(1e-3), duty.battery_days
    text = (
        f"every {duty.period_s:g} s: {current.nominal:,.3g} µA ({_between((current.low, current.high))}), "
        f"{energy.nominal:,.3g} J a day ({_between((energy.low, energy.high))}), "
        f"{100 * duty.computing:.0f} % of it computing"
    )
    if days is not None:
        text += f"\nthe battery lasts {days.nominal:,.3g} days ({_between((days.low, days.high))})"
    computing, asleep = (source.replace("uA", "µA").replace("+-", "±") for source in duty.sources)
    return f"{text}\n  computing: {computing}\n  asleep: {asleep}\n  not in it: {duty.left_out}"


def print_comparison(ours: Simulation, comparison: Comparison, *, per_layer: bool = False) -> None:
    """Ours, int8 and their ratio: in total, and below each other layer by layer if wanted."""
    int8, ratio, peer = comparison.int8, comparison.ratio, comparison.cmsis_nn_total
    if per_layer:
        output.print(_layers_beside(ours, comparison))
    table = Table("beside int8", *[Column(name, justify="right") for name in ("ours", "int8", "ours / int8")])
    rows = (
        ("instructions", ours.instructions, int8.instructions, "instructions"),
        ("cycles", ours.cycles, int8.cycles, "cycles"),
        ("flash, B", ours.flash_bytes["total"], int8.flash_bytes["total"], "flash"),
        ("RAM, B", ours.ram_bytes["total"], int8.ram_bytes["total"], "ram"),
    )
    for name, a, b, key in rows:
        table.add_row(name, f"{a:,}", f"{b:,}", f"{ratio[key]:.2f}")
        if key == "cycles" and "energy" in ratio:
            table.add_row("energy, µJ", f"{ours.energy_uj:,.0f}", f"{int8.energy_uj:,.0f}", f"{ratio['energy']:.2f}")
    if peer is not None:
        table.add_row("instructions of CMSIS-NN int8", "", f"{peer:,}", f"{ours.instructions / peer:.2f}")
    output.print(table)
    if comparison.portable:
        output.print(
            f"[bold]note:[/] int8 runs in portable C on {ours.target}, for want of tuned int8 kernels: "
            "a tuned int8 is faster, most of all on Cortex-M55.",
            highlight=False,
        )
    if peer is not None and int8.instructions > 1.1 * peer:
        output.print(
            f"[bold]note:[/] our int8 kernels take {int8.instructions / peer:.2f} times the instructions of CMSIS-NN's "
            f"({comparison.cmsis_nn_version}) on {ours.target}: compare with those.",
            highlight=False,
        )
    if not int8.bit_exact:
        output.print("[bold red]the int8 build's output differs from Python[/]")


def print_footprint(ours: Simulation, micro: Footprint) -> None:
    """Ours, TensorFlow Lite Micro's and their ratio, of what both have."""
    from mixcomp_edge.tflite.footprint import NOTE
    from mixcomp_edge.tflite.micro import INSTALL

    table = Table("beside TFLite Micro", *[Column(name, justify="right") for name in ("ours", "TFLM", "ours / TFLM")])
    weights, arena = ours.flash_bytes["weights"], ours.ram_bytes["arena"]
    table.add_row(
        "weights and .tflite file, B", f"{weights:,}", f"{micro.file_bytes:,}", f"{weights / micro.file_bytes:.2f}"
    )
    if micro.arena_bytes is not None:
        table.add_row("arena, B", f"{arena:,}", f"{micro.arena_bytes:,}", f"{arena / micro.arena_bytes:.2f}")
    output.print(table)
    why = NOTE if micro.arena_bytes is not None else f"TFLM's arena needs the package tflite-micro. {INSTALL}"
    output.print(f"[bold]note:[/] {why}", highlight=False)


def _layers_beside(ours: Simulation, comparison: Comparison) -> Table:
    names = ("instr.", "int8", "CMSIS-NN", "cycles", "int8", "µJ", "int8", "flash", "int8", "RAM", "int8")
    table = Table("layer", *[Column(name, justify="right", no_wrap=True) for name in names])
    for a, b in zip(ours.layers, comparison.int8.layers, strict=True):
        peer = comparison.cmsis_nn.get(a.name)
        table.add_row(
            a.name, _short(a.instructions), _short(b.instructions), "" if peer is None else _short(peer),
            _short(a.cycles), _short(b.cycles), _microjoules(a.energy_uj), _microjoules(b.energy_uj),
            f"{a.flash_bytes:,}", f"{b.flash_bytes:,}", f"{a.ram_bytes:,}", f"{b.ram_bytes:,}",
        )  # fmt: skip
    return table


def _layers(result: Simulation) -> Table:
    table = Table("layer", "operator")
    for column in ("MAC", "instr./MAC", "cycles", "µJ"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("% of cycles", no_wrap=True)
    most = max((layer.cycles for layer in result.layers), default=1)
    for layer in result.layers:
        per_mac = f"{layer.instructions / layer.macs:.2f}" if layer.macs else ""
        bar = "█" * round(BAR * layer.cycles / most) or "▏"
        table.add_row(
            layer.name, f"{layer.op} {layer.weights}".strip(), _short(layer.macs), per_mac,
            _short(layer.cycles), _microjoules(layer.energy_uj), f"{100 * layer.cycles / result.cycles:4.1f} {bar}",
        )  # fmt: skip
    return table


def _short(n: int) -> str:
    """Three digits, and a letter for thousands or millions: the exact number is in --json."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if n >= size:
            return f"{n / size:.{max(0, 3 - len(str(n // size)))}f}{letter}"
    return str(n)
