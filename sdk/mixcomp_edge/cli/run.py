"""mixcomp-edge run"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from mixcomp_edge.bundle import load_bundle
from mixcomp_edge.cli.common import (
    ChainOption,
    ForceFlag,
    JsonFlag,
    TargetOption,
    TaskArgument,
    output,
    print_json,
    progress_bar,
    show_next,
    training_listener,
    warn,
)
from mixcomp_edge.cli.model_file import with_source
from mixcomp_edge.cli.quantize import (
    ActBitsOption,
    EpochsOption,
    GranularityOption,
    PlanOption,
    RecipeOption,
    SeedOption,
    WeightsOption,
    load_everything,
    make_plan,
)
from mixcomp_edge.errors import ExportError, PlanError
from mixcomp_edge.storage import check_room, write_file
from mixcomp_edge.targets import DEFAULT
from mixcomp_edge.train.tasks.source import NOTHING, Source
from mixcomp_edge.verification import check_tools, opened

if TYPE_CHECKING:
    from mixcomp_edge.train.run import RunResult


def register(app: typer.Typer) -> None:
    @app.command()
    @with_source
    def run(
        task: TaskArgument,
        out: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.", metavar="DIR")],
        bundle: Annotated[
            Path | None, typer.Option("--bundle", help="Take this bundle of the task instead of quantizing.")
        ] = None,
        plan: PlanOption = None,
        weights: WeightsOption = None,
        act_bits: ActBitsOption = None,
        granularity: GranularityOption = None,
        epochs: EpochsOption = None,
        recipe: RecipeOption = None,
        seed: SeedOption = None,
        source: Source = NOTHING,
        target: TargetOption = None,
        emulate: Annotated[int, typer.Option("--emulate", help="Test samples for the emulated core.", min=1)] = 500,
        toolchain: ChainOption = None,
        force: ForceFlag = False,
        json: JsonFlag = False,
    ) -> None:
        """Do everything: train, quantize, export, verify and simulate a task, and show one table.

        Writes DIR/TASK.mce, DIR/c (the project), DIR/report.json and all of it as a page, DIR/report.html. Exit code 1
        when an implementation differs.

        Example: mixcomp-edge run digits -o digits_out
        """
        quantizing = (plan, weights, act_bits, granularity, epochs, recipe, seed)
        if bundle is not None and any(option is not None for option in quantizing):
            raise PlanError("--bundle is quantized already; drop the options that say how to quantize.")
        the_plan = make_plan(plan, weights, act_bits, granularity)
        check_tools(target or DEFAULT, toolchain)
        check_room(out)
        the_bundle = load_bundle(bundle) if bundle is not None else None
        the_task, the_recipe = load_everything(task, recipe, epochs, seed, source)
        if the_bundle is not None and the_bundle.origin.get("task") != the_task.name:
            raise ExportError(f"{bundle}: was made from task {the_bundle.origin.get('task')!r}, not {the_task.name!r}.")
        from mixcomp_edge.train.run import PAGE, RESULTS, run_task

        with progress_bar() as tell:
            result = run_task(
                the_task, out, bundle=the_bundle, plan=the_plan, recipe=the_recipe, target_name=target or DEFAULT,
                emulated_inputs=emulate, chain_name=toolchain, force=force, warn=warn,
                listener=training_listener(tell), stage=tell,
            )  # fmt: skip
        write_file(out / PAGE, page(result, out / "c"))
        if json:
            print_json(result.as_dict())
        else:
            output.print(summary(result))
            output.print(
                f"Wrote {out / (the_task.name + '.mce')}, {out / 'c'}, {out / RESULTS} and {out / PAGE}.",
                highlight=False,
                soft_wrap=True,
            )
            show_next(f"mixcomp-edge simulate {out / 'c'} --per-layer --compare int8")
        raise typer.Exit(0 if result.exact else 1)


def page(result: RunResult, project: Path) -> str:
    """The results as a page that stands alone."""
    from mixcomp_edge.report import Scored, render_report

    caveat = "Of the test set, after one training with one seed." if result.metric.inputs else ""
    with opened(project, None) as (bundle, layout, _):
        return render_report(
            bundle, layout, result.simulation, None, Scored("Results", tuple(_results(result)), caveat, result.classes)
        )


def summary(result: RunResult) -> Table:
    """The one table of `run`."""
    s = result.simulation
    table = Table("", "", title=f"{result.task} on {s.target}")
    for what, found in _results(result):
        table.add_row(what, found)
    flash, ram = s.flash_bytes, s.ram_bytes
    table.add_row("flash", f"{flash['total']:,} B (weights {flash['weights']:,}, code {flash['code']:,})")
    table.add_row("RAM", f"{ram['total']:,} B (arena {ram['arena']:,}, stack {ram['stack']:,})")
    table.add_row("instructions an inference", f"{s.instructions:,} ({s.instructions / max(s.macs, 1):.2f} a MAC)")
    chip = f"{s.chip} at {s.clock_hz / 1e6:g} MHz"
    table.add_row(f"time on {chip}, modelled", f"{s.latency_ms:.3g} ms ±{100 * s.error['cycles']:.0f} %")
    if s.energy_uj is not None:
        table.add_row(f"energy on {chip}, modelled", f"{s.energy_uj:,.3g} µJ ±{100 * s.error['energy']:.0f} %")
    return table


def _results(result: RunResult) -> Iterator[tuple[str, str]]:
    """(what, found): the metric by implementation, where there is one, and what differs."""
    from mixcomp_edge.train.metrics import metric_text

    a, target = result.metric, result.simulation.target
    if a.inputs and a.name is not None:
        few = f" ({a.emulated_inputs} of {a.inputs} samples)" if a.emulated_inputs < a.inputs else ""
        yield f"{a.name}, float", metric_text(a.float_model, a.unit)
        yield f"{a.name}, Python integer", metric_text(a.python_integer, a.unit)
        yield f"{a.name}, C on host", metric_text(a.c_host, a.unit)
        yield f"{a.name}, C on emulated {target}", metric_text(a.c_emulated, a.unit) + few
    if a.inputs:
        yield "outputs that differ", str(result.differing_outputs)
    for verdict in result.verdicts:
        yield (
            f"layer elements compared / different, {verdict.transport}",
            f"{verdict.elements:,} / {verdict.mismatches}",
        )
