"""mixcomp-edge sweep"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mixcomp_edge.cli.common import (
    ForceFlag,
    JsonFlag,
    TaskArgument,
    console,
    output,
    percent,
    print_json,
    progress_bar,
    show_next,
)
from mixcomp_edge.errors import RecipeError
from mixcomp_edge.storage import check_room, check_sealed, sealed, write_file


def register(app: typer.Typer) -> None:
    @app.command()
    def sweep(
        task: TaskArgument,
        out: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.", metavar="DIR")],
        plan: Annotated[
            list[str] | None, typer.Option("--plan", help="A plan; repeatable.", metavar="PLAN.toml")
        ] = None,
        eta: Annotated[
            list[float] | None,
            typer.Option("--eta", help="Share of Posit, layers by analyze on the plan's default; repeatable."),
        ] = None,
        recipe: Annotated[
            list[str] | None, typer.Option("--recipe", help="paper, best, calibrate, or a TOML file; repeatable.")
        ] = None,
        seeds: Annotated[str, typer.Option("--seeds", help="Seeds, as in 0,1,2.")] = "0",
        epochs: Annotated[int | None, typer.Option("--epochs", help="Epochs of retraining.", min=0)] = None,
        workers: Annotated[int, typer.Option("--workers", help="Points at a time on this machine.", min=1)] = 1,
        ray: Annotated[
            str | None,
            typer.Option("--ray", help="Run on Ray: a cluster's address, auto, or local.", metavar="ADDRESS"),
        ] = None,
        force: ForceFlag = False,
        json: JsonFlag = False,
    ) -> None:
        """Quantize a task at every point of a grid: plans x eta x recipes x seeds.

        Each point leaves DIR/NAME.json and DIR/NAME.mce; the same command again does what is missing. DIR/sweep.json
        holds all. Exit code 1 when a point failed.

        Example: mixcomp-edge sweep digits --eta 0 --eta 0.1 --recipe best --seeds 0,1,2 -o digits_sweep
        """
        from mixcomp_edge.train.loop.sweep import grid, summary
        from mixcomp_edge.train.loop.sweep import sweep as run
        from mixcomp_edge.train.metrics import metric_text

        try:
            numbers = [int(seed) for seed in seeds.split(",")]
        except ValueError as error:
            raise RecipeError(f"seeds '{seeds}': expected whole numbers, as in 0,1,2.") from error
        points = grid(task, plan or [], eta or [], recipe or [], numbers, epochs)
        check_sealed(out / "sweep.json", force=force)
        check_room(out)
        with progress_bar() as tell:
            outcomes = run(points, out, workers=workers, ray_address=ray, tell=tell)
        rows = summary(outcomes)
        failed = [outcome for outcome in outcomes if outcome.result is None]
        content = {
            "task": task,
            "rows": rows,
            "points": [outcome.result for outcome in outcomes if outcome.result is not None],
            "failed": [{"point": outcome.point.name, "error": outcome.error} for outcome in failed],
        }
        write_file(out / "sweep.json", sealed(content))
        for outcome in failed:
            console.print(f"[red]{outcome.point.name}[/]: {outcome.error}", highlight=False, soft_wrap=True)
        if json:
            print_json(content)
        else:
            metric: dict[str, str | None] = next((row["metric"] for row in rows if row["metric"]), {})
            name, unit = metric.get("name") or "metric", metric.get("unit")
            shown = Table("plan", "eta", "recipe", "Posit", "seeds", name, "± (95 %)", title=task)
            for row in rows:
                shown.add_row(
                    row["plan"] or "default", "" if row["eta"] is None else f"{row['eta']:g}", row["recipe"] or "task",
                    percent(row["posit_share"]), str(row["seeds"]), metric_text(row["mean"], unit),
                    metric_text(row["interval"], unit),
                )  # fmt: skip
            output.print(shown)
            show_next(f"mixcomp-edge export {out / 'NAME.mce'} -o DIR")
        raise typer.Exit(1 if failed else 0)
