"""mixcomp-edge bench"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from mixcomp_edge.bench import MORE, NETWORKS
from mixcomp_edge.cli.common import JsonFlag, console, output, print_json, progress_bar
from mixcomp_edge.targets import DEFAULT

if TYPE_CHECKING:
    from mixcomp_edge.bench.measure import NetworkResult


class ActBits(StrEnum):
    """Widths of activations to run."""

    four = "4"
    eight = "8"
    both = "both"


class Granularity(StrEnum):
    """Scales to run."""

    tensor = "tensor"
    channel = "channel"
    both = "both"


def register(app: typer.Typer) -> None:
    @app.command()
    def bench(
        target: Annotated[
            list[str] | None, typer.Option("--target", "-t", help="Core; may be repeated.", show_default=DEFAULT)
        ] = None,
        network: Annotated[
            list[str] | None,
            typer.Option(
                "--network",
                help=f"{', '.join(NETWORKS)} (MLPerf Tiny); {', '.join(MORE)} (random weights); may be repeated.",
                show_default="MLPerf Tiny's",
            ),
        ] = None,
        act_bits: Annotated[ActBits, typer.Option("--act-bits", help="Width of activations.")] = ActBits.both,
        granularity: Annotated[
            Granularity, typer.Option("--granularity", help="One scale of the weights a tensor or a channel.")
        ] = Granularity.both,
        compiler: Annotated[
            str, typer.Option("--compiler", help="gcc, zig, or best: all that are installed, the better one counts.")
        ] = "best",
        plan: Annotated[
            Path | None,
            typer.Option(
                "--plan",
                help="A plan for all networks, or a folder with NETWORK.toml for each; --act-bits sets its default.",
                show_default="fixp4, entropy, --granularity",
            ),
        ] = None,
        epochs: Annotated[int, typer.Option("--epochs", help="Of retraining where there is data.", min=0)] = 0,
        layers: Annotated[bool, typer.Option("--layers/--no-layers", help="A table of each network's layers.")] = True,
        functions: Annotated[bool, typer.Option("--functions", help="The size of each function and constant.")] = False,
        plot: Annotated[Path | None, typer.Option("--plot", help="Draw the ratios.", metavar="FILE.png|svg")] = None,
        check: Annotated[bool, typer.Option("--check", help="Exit with 1 when a bound is exceeded.")] = False,
        bounds: Annotated[
            Path | None, typer.Option("--bounds", help="The bounds: a TOML file.", show_default="the project's")
        ] = None,
        json: JsonFlag = False,
    ) -> None:
        """Measure networks on emulated cores beside CMSIS-NN or our own int8: instructions by layer, flash and RAM;
        modelled milliseconds beside the best published int8 of boards with the core.

        Instructions are counted; every output is compared with Python's. Reference weights come from MIXCOMP_DATA,
        random ones are used without it: flash and RAM are the same, instructions nearly. Exit code 1 when an output
        differs, or with --check when a bound is exceeded.

        Example: mixcomp-edge bench --target cortex-m4 --target cortex-m0plus --act-bits 4 --check
        """
        from mixcomp_edge.bench import bounds as limits
        from mixcomp_edge.bench import plot as drawing
        from mixcomp_edge.bench.run import run_bench

        table = limits.load_bounds(bounds or limits.BOUNDS)
        if plot is not None:
            drawing.check_path(plot)
        targets = list(dict.fromkeys(target or [DEFAULT]))

        def warn(text: str) -> None:
            console.print(f"[yellow]warning:[/] {text}", highlight=False, soft_wrap=True)

        with progress_bar() as tell:
            results = run_bench(
                targets, networks=list(dict.fromkeys(network or NETWORKS)),
                act_bits=(4, 8) if act_bits is ActBits.both else (int(act_bits.value),),
                granularities=("tensor", "channel") if granularity is Granularity.both else (granularity.value,),
                compiler=compiler, plan=plan, epochs=epochs, warn=warn, progress=tell,
            )  # fmt: skip
        if plot is not None:
            drawing.plot(results, plot)
        over = limits.exceeded(table, results) if check else []
        if json:
            print_json(as_json(results, targets, functions) | ({"exceeded": over} if check else {}))
        else:
            show(results, targets, table, layers=layers, functions=functions)
            for sentence in over:
                output.print(f"[red]exceeded:[/] {sentence}", highlight=False, soft_wrap=True)
            if check and not over:
                output.print("[green]all bounds hold[/]")
        raise typer.Exit(1 if over or not all(result.bit_exact for result in results) else 0)


def as_json(results: Sequence[NetworkResult], targets: Sequence[str], functions: bool) -> dict[str, Any]:
    """The object of --json: {target, compiler, networks}, or {results: [one such object a target]} for several."""
    objects = []
    for target in targets:
        here = [result for result in results if result.target == target]
        networks = [r.as_dict() | ({"symbols": r.symbols} if functions else {}) for r in here]
        compilers = " or ".join(sorted({result.compiler for result in here}))
        objects.append({"target": target, "compiler": compilers, "networks": networks})
    return objects[0] if len(objects) == 1 else {"results": objects}


def show(
    results: Sequence[NetworkResult], targets: Sequence[str], bounds: dict[str, Any], *, layers: bool, functions: bool
) -> None:
    """For each target a table of layers for each network, and one of all networks."""
    for target in targets:
        here = [result for result in results if result.target == target]
        for result in here:
            if layers:
                output.print(layer_table(result))
            if functions:
                output.print(function_table(result))
        output.print(speed_table(here, bounds))
        output.print(memory_table(here, bounds))
        if any(result.boards for result in here):
            output.print(board_table(here, bounds))
    left = sorted({name.split()[0] for result in results for name in result.peer_left})
    if left:
        output.print(
            f"CMSIS-NN's figures leave out the layers that these networks do not have: {', '.join(left)}.",
            highlight=False,
        )


def layer_table(result: NetworkResult) -> Table:
    """One row a layer beside the peer's layers that do its work."""
    table = Table(
        "layer", f"{result.peer}'s", "in", "weights",
        title=f"{result.model} on {result.target}, A{result.act_bits}, {result.granularity} ({result.compiler})",
    )  # fmt: skip
    for column in ("MAC", "instructions", "a MAC", "s8", "s4", "ours / s8"):
        table.add_column(column, justify="right", no_wrap=True)
    for x in result.layers:
        table.add_row(
            x.name, " + ".join(x.peer_layers) or x.op, str(x.input_bits), x.weights, f"{x.macs:,}",
            f"{x.instructions:,}", f"{x.instructions / x.macs:.2f}" if x.macs else "", _count(x.peer_instructions),
            _count(x.peer_s4_instructions), _factor(x.ratio),
        )  # fmt: skip
    return table


def function_table(result: NetworkResult) -> Table:
    """What the image is made of, the largest first."""
    table = Table("function or constant", title=f"{result.model} on {result.target}, A{result.act_bits}: flash")
    table.add_column("bytes", justify="right")
    for name, size in result.symbols.items():
        if size:
            table.add_row(name, f"{size:,}")
    return table


def speed_table(results: Sequence[NetworkResult], bounds: dict[str, Any]) -> Table:
    """One row a network: instructions beside the bounds and the peer."""
    from mixcomp_edge.bench.bounds import instruction_bound

    table = Table(
        "network", "A", "scales", "compiler", "beside", title=f"{results[0].target}: instructions of one inference"
    )
    for column in ("ours", "a MAC", "bound", "aim", "s8", "ours / s8", "s4", "ours / s4"):
        table.add_column(column, justify="right", no_wrap=True)
    for r in results:
        s4 = r.peer_s4_instructions
        table.add_row(
            r.model if r.bit_exact else f"[red]{r.model}: output differs from Python's[/]", str(r.act_bits),
            r.granularity, r.compiler, r.peer, f"{r.instructions:,}", f"{r.instructions / r.macs:.2f}",
            _count(instruction_bound(bounds, r.target, r.model, f"a{r.act_bits}")),
            _count(instruction_bound(bounds, r.target, r.model, f"aim_a{r.act_bits}")),
            _count(r.peer_instructions), _factor(r.ratio), _count(s4), _factor(r.instructions / s4 if s4 else None),
        )  # fmt: skip
    return table


def memory_table(results: Sequence[NetworkResult], bounds: dict[str, Any]) -> Table:
    """One row a network: flash and RAM beside the bounds and TensorFlow Lite Micro with CMSIS-NN and int8."""
    from mixcomp_edge.bench.peers import peers

    table = Table("network", "A", "scales", title=f"{results[0].target}: bytes")
    columns = (
        "weights", "to 4 bits", "TFLM model", "code", "bound", "TFLM code", "arena", "bound", "TFLM arena", "stack",
    )  # fmt: skip
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for r in results:
        tflm = peers()["tflm"].get(r.model, {})
        arena_bound = bounds.get("arena_bytes", {}).get(r.model) if r.act_bits == 4 else None
        code_bound = bounds.get("code_bytes", {}).get(r.target, {}).get(r.model)
        numbers = (
            tflm.get("model"), r.flash_bytes["code"], code_bound, tflm.get("code"), r.ram_bytes["arena"], arena_bound,
            tflm.get("arena"), r.ram_bytes["stack"],
        )  # fmt: skip
        weights = f"{r.flash_bytes['weights']:,}"
        table.add_row(r.model, str(r.act_bits), r.granularity, weights, f"{r.packing:.3f}", *map(_count, numbers))
    return table


def board_table(results: Sequence[NetworkResult], bounds: dict[str, Any]) -> Table:
    """One row a board and network: modelled time beside the best that is published for int8 there, measured."""
    table = Table(
        "network", "A", "scales", "chip", title=f"{results[0].target}: modelled beside the best published int8"
    )
    for column in ("cycles", "ms", "between", "published", "ours / it", "bound"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("by")
    for r in results:
        for b in r.boards:
            most = bounds.get("published_a4", {}).get(b.chip, {}).get(r.model) if r.act_bits == 4 else None
            table.add_row(
                r.model, str(r.act_bits), r.granularity, b.chip, f"{b.cycles:,}", f"{b.latency_ms:.2f}",
                f"{b.bounds_ms[0]:.3g} to {b.bounds_ms[1]:.3g}", f"{b.published_ms:g}", _factor(b.ratio), _factor(most),
                b.published_by,
            )  # fmt: skip
    return table


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _factor(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
