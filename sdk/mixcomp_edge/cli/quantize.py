"""mixcomp-edge quantize"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from mixcomp_edge.cli.common import (
    JsonFlag,
    TaskArgument,
    note,
    output,
    print_json,
    progress_bar,
    show_next,
    training_listener,
    warn,
)
from mixcomp_edge.cli.model_file import with_source
from mixcomp_edge.errors import PlanError
from mixcomp_edge.ir.graph import Q32, TFLM
from mixcomp_edge.quant_plan import LayerPlan, QuantPlan, load_plan
from mixcomp_edge.storage import check_file
from mixcomp_edge.train.tasks.source import NOTHING, Source

PlanOption = Annotated[Path | None, typer.Option("--plan", help="Formats and bits by layer: a TOML file.")]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        "--weights",
        help="One format for all: fixp4, posit4, posit4sc4, posit4sc8, posit4e1, posit, e2m1, nf4, lut4, int8.",
    ),
]
ActBitsOption = Annotated[int | None, typer.Option("--act-bits", help="Width of activations, 4 or 8.")]
GranularityOption = Annotated[
    str | None, typer.Option("--granularity", help="Weight scales: one a channel, or one a tensor.")
]
EpochsOption = Annotated[int | None, typer.Option("--epochs", help="Epochs of retraining; 0 calibrates only.", min=0)]
RecipeOption = Annotated[
    str | None,
    typer.Option(
        "--recipe", help="How to train: paper, best, calibrate, or a TOML file.", show_default="the task's own"
    ),
]
DevicesOption = Annotated[
    str, typer.Option("--devices", help="Where to train: cpu, cpu:N, gpu, gpu:N, or gpu:NxM for M nodes.")
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of shuffling and augmentation.")]


class Contract(StrEnum):
    """SPEC.md 3."""

    q32 = Q32
    tflm = TFLM


def make_plan(path: Path | None, weights: str | None, act_bits: int | None, granularity: str | None) -> QuantPlan:
    """The plan that the options describe."""
    if path is not None:
        if any(option is not None for option in (weights, act_bits, granularity)):
            raise PlanError("--plan says formats and bits itself; drop --weights, --act-bits and --granularity.")
        return load_plan(path)
    given = {"weights": weights, "act_bits": act_bits, "granularity": granularity}
    return QuantPlan(LayerPlan(**{key: value for key, value in given.items() if value is not None}))  # type: ignore[arg-type]


def load_everything(
    spec: str, recipe_name: str | None, epochs: int | None, seed: int | None, source: Source = NOTHING
) -> tuple[Any, Any]:
    """(task, recipe) of the options; prints the task's notes and warnings. Without data, epochs default to 0."""
    from mixcomp_edge.train.recipe import load_recipe
    from mixcomp_edge.train.tasks import load_task

    if recipe_name:
        load_recipe(recipe_name)  # a wrong one is refused before the task is made, which may take long
    task = load_task(spec, source)
    for text in task.notes:
        note(text)
    for text in task.warnings:
        warn(text)
    recipe = load_recipe(recipe_name, task.recipe) if recipe_name else task.recipe
    if task.train is None and epochs is None:
        epochs = 0
    return task, recipe.with_(epochs=epochs, seed=seed)


def register(app: typer.Typer) -> None:
    @app.command()
    @with_source
    def quantize(
        task: TaskArgument,
        out: Annotated[Path, typer.Option("-o", "--output", help="The bundle to write.", metavar="M.mce")],
        plan: PlanOption = None,
        weights: WeightsOption = None,
        act_bits: ActBitsOption = None,
        granularity: GranularityOption = None,
        epochs: EpochsOption = None,
        recipe: RecipeOption = None,
        seed: SeedOption = None,
        devices: DevicesOption = "cpu",
        source: Source = NOTHING,
        fall_back: Annotated[
            bool,
            typer.Option("--fall-back", help="Train all in FixP4 too; keep what validates better."),
        ] = False,
        contract: Annotated[
            Contract,
            typer.Option("--contract", help="How integers round: q32 (fastest) or tflm (as TFLite Micro)."),
        ] = Contract.q32,
        json: JsonFlag = False,
    ) -> None:
        """Quantize and retrain a task's model; write a bundle.

        Stopped or killed, the same command goes on after the last finished epoch.

        Example: mixcomp-edge quantize resnet8 --act-bits 4 --epochs 4 -o resnet8.mce

        Example: mixcomp-edge quantize model.onnx --data photos/ --scale 0.00392157 -o model.mce
        """
        the_plan = make_plan(plan, weights, act_bits, granularity)
        check_file(out)
        from mixcomp_edge.bundle import save_bundle
        from mixcomp_edge.train.loop.engine import make_engine
        from mixcomp_edge.train.metrics import metric_text
        from mixcomp_edge.train.quantize import check_checkpoints, delete_checkpoints
        from mixcomp_edge.train.quantize import quantize as run

        check_checkpoints(out)
        engine = make_engine(devices)
        the_task, the_recipe = load_everything(task, recipe, epochs, seed, source)
        with progress_bar() as tell:
            listener = training_listener(tell)
            result = run(
                the_task, the_plan, the_recipe, checkpoint=out, fall_back=fall_back, contract=contract,
                listener=listener, engine=engine,
            )  # fmt: skip
        if engine.rank > 0:
            return
        save_bundle(result.bundle, out)
        delete_checkpoints(out)
        name, unit = the_task.objective.name, the_task.objective.unit
        kept = (result.validation or {"kept": "fixp4"}) if fall_back else None
        if json:
            scores = {"name": name, "unit": unit, "float": result.float_score, "integer": result.integer_score}
            value = {"task": the_task.name, "bundle": str(out), "sha256": result.bundle.sha256, "metric": scores}
            print_json(value | ({} if kept is None else {"fall_back": kept}))
            return
        table = Table("task", *(f"{name or 'metric'}, {which}" for which in ("float", "integer")), "bundle")
        table.add_row(
            the_task.name, metric_text(result.float_score, unit), metric_text(result.integer_score, unit), str(out)
        )
        output.print(table)
        if kept is not None:
            output.print(_kept(kept), highlight=False)
        file = out.with_suffix("")
        how = f"-o {file}_c" if contract is Contract.q32 else f"--as tflite -o {file}.tflite"
        show_next(f"mixcomp-edge export {out} {how}")


def _kept(fall_back: dict[str, Any]) -> str:
    """What --fall-back decided, and why."""
    if "mixed" not in fall_back:
        return "Fall-back: the plan holds no Posit, so there was nothing to decide."
    from mixcomp_edge.train.metrics import metric_text

    mixed, fixed = (metric_text(fall_back[which], fall_back["unit"]) for which in ("mixed", "fixp4"))
    name = {"mixed": "the mixed plan", "fixp4": "FixP4"}[fall_back["kept"]]
    return f"Fall-back: kept {name}; validation {fall_back['metric']} {mixed} mixed, {fixed} all in FixP4."
