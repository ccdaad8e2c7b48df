"""mixcomp-edge analyze"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from mixcomp_edge.cli.common import (
    JsonFlag,
    TaskArgument,
    output,
    print_json,
    progress_bar,
    show_next,
    training_listener,
)
from mixcomp_edge.cli.quantize import (
    ActBitsOption,
    GranularityOption,
    RecipeOption,
    SeedOption,
    load_everything,
    make_plan,
)
from mixcomp_edge.storage import check_file, write_file

if TYPE_CHECKING:
    from mixcomp_edge.train.method.analyze import Analysis

WIDTH = 130  # of the table in a file


def register(app: typer.Typer) -> None:
    @app.command()
    def analyze(
        task: TaskArgument,
        out: Annotated[Path, typer.Option("-o", "--output", help="The plan to write.", metavar="PLAN.toml")],
        eta: Annotated[
            float | None,
            typer.Option(
                "--eta", help="Largest share of the parameters in Posit, 0 to 1.", show_default="0.1, or no limit"
            ),
        ] = None,
        criterion: Annotated[
            str, typer.Option("--criterion", help="Score of a layer: gradient, fisher, error, measured, random.")
        ] = "gradient",
        energy: Annotated[
            float | None, typer.Option("--energy-budget", help="Largest increase of MAC energy, 0.002 is 0.2 %.")
        ] = None,
        mac_overhead: Annotated[
            float | None,
            typer.Option("--mac-overhead", help="What a Posit MAC costs beyond a FixP4 one; 0.1 is 10 % more."),
        ] = None,
        flash: Annotated[
            int | None,
            typer.Option(
                "--flash-budget",
                help="Bytes for codes and codebooks of all layers; each then takes the format that suits it best.",
            ),
        ] = None,
        formats: Annotated[
            str | None,
            typer.Option(
                "--formats",
                help="To choose from within --flash-budget.",
                show_default="fixp4,posit4,e2m1,nf4,lut4,int8",
            ),
        ] = None,
        tables: Annotated[
            int | None, typer.Option("--table-budget", help="Bytes for codebooks, 32 a Posit variant.")
        ] = None,
        keep: Annotated[
            list[str] | None, typer.Option("--keep", help="A layer that stays FixP4; repeatable.", metavar="LAYER")
        ] = None,
        force: Annotated[
            list[str] | None, typer.Option("--force", help="A layer that becomes Posit; repeatable.", metavar="LAYER")
        ] = None,
        fall_back: Annotated[
            bool, typer.Option(help="Return a layer to FixP4 where Posit does not help on held-out data.")
        ] = True,
        act_bits: ActBitsOption = None,
        granularity: GranularityOption = None,
        scale: Annotated[str | None, typer.Option("--scale", help="Weight scales: free, or pow2.")] = None,
        recipe: RecipeOption = None,
        seed: SeedOption = None,
        plot: Annotated[
            Path | None, typer.Option("--plot", help="Draw errors and scores: a .png, .svg or .pdf.", metavar="FILE")
        ] = None,
        json: JsonFlag = False,
    ) -> None:
        """Find the layers that gain most from Posit, and write a plan for `quantize --plan`.

        A layer's score is its mean gradient times the error that Posit saves on its weights. The chosen set is the
        best that fits the budgets; what held-out data does not confirm goes back to FixP4. The plan is yours to edit.

        With --flash-budget every layer takes one of several 4-bit formats or int8, the best choice that fits.

        Examples: mixcomp-edge analyze resnet8 --eta 0.1 -o plan.toml --plot resnet8.png

        mixcomp-edge analyze resnet8 --flash-budget 45000 -o plan.toml
        """
        from dataclasses import replace

        from mixcomp_edge.train.method.analyze import FORMATS, Options, check
        from mixcomp_edge.train.method.analyze import analyze as run
        from mixcomp_edge.train.method.plot import check_matplotlib, check_path
        from mixcomp_edge.train.method.plot import plot as draw
        from mixcomp_edge.train.quantize import check_checkpoints, delete_checkpoints, train_float

        base = make_plan(None, None, act_bits, granularity).default
        base = replace(base, scale=scale) if scale is not None else base
        options = Options(
            eta=eta, criterion=criterion, energy=energy, mac_overhead=mac_overhead, table_bytes=tables,
            flash_bytes=flash, formats=tuple(formats.split(",")) if formats is not None else FORMATS,
            keep=tuple(keep or ()), force=tuple(force or ()), fall_back=fall_back, seed=seed or 0,
        )  # fmt: skip
        check_file(out)
        check_checkpoints(out)
        if plot is not None:
            check_path(plot)
            check_matplotlib()
        the_task, the_recipe = load_everything(task, recipe, None, seed)
        check(the_task, options, base, the_recipe)
        with progress_bar() as tell:
            train_float(the_task, checkpoint=out, listener=training_listener(tell))
            result = run(the_task, options, base, the_recipe, tell)
        write_file(out, result.toml())
        if plot is not None:
            draw(result, plot)
        delete_checkpoints(out)
        if json:
            print_json(result.as_dict())
            return
        (output if output.is_terminal else Console(width=WIDTH)).print(table(result))
        output.print(
            f"Held-out loss without retraining: {result.losses[0]:.4f} all FixP4, {result.losses[1]:.4f} as planned. "
            f"{_share(result)}. Wrote {out}.",
            highlight=False,
        )
        show_next(f"mixcomp-edge quantize {task} --plan {out} -o {the_task.name}.mce")


def _share(result: Analysis) -> str:
    if result.options.flash_bytes is not None:
        return result.headline
    return f"Posit: {result.posit_share:.2%} of the parameters, {result.mac_share:.2%} of the MAC"


def table(result: Analysis) -> Table:
    """A row a layer; errors are sum |w - Q(w)| in percent of sum |w|."""
    formats = list(result.layers[0].absolute)
    columns = ("layer", "weights", "MAC", "mean |g|", *(f"{name} %" for name in formats), "score", "format")
    shown = Table(title=f"{result.task}: {result.headline}; error of the weights by format", box=SIMPLE)
    for column in columns:
        shown.add_column(column, justify="left" if column in ("layer", "format") else "right", no_wrap=True)
    for layer in result.layers:
        errors = [f"{100 * layer.absolute[name] / (layer.magnitude or 1.0):.2f}" for name in formats]
        shown.add_row(
            layer.name, f"{layer.parameters:,}", f"{layer.macs:,}", f"{layer.gradient:.1e}", *errors,
            f"{result.scores[layer.name]:+.2g}", result.format(layer.name),
            style="bold" if result.format(layer.name) != "fixp4" else None,
        )  # fmt: skip
    return shown
