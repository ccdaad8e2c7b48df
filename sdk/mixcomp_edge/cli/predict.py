"""mixcomp-edge predict"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from mixcomp_edge.bundle import Bundle, load_bundle
from mixcomp_edge.cli.common import JsonFlag, output, print_json, progress_bar
from mixcomp_edge.ir import ends
from mixcomp_edge.storage import check_file, write_file
from mixcomp_edge.train.metrics import report

LARGEST = 20  # classes whose confusion is printed


def register(app: typer.Typer) -> None:
    @app.command()
    def predict(
        bundle: Annotated[Path, typer.Argument(help="A bundle.", metavar="M.mce")],
        data: Annotated[
            Path,
            typer.Option(
                "--data",
                help="Samples as the model takes them: .npz (x, and y where there are labels; or x_test, y_test), "
                ".npy, .csv, or a folder with one of pictures or recordings a class; several inputs by "
                "their names.",
            ),
        ],
        out: Annotated[
            Path | None,
            typer.Option(
                "-o", "--output", help="Write the outputs, as real numbers; several as an .npz.", metavar="Y.npy"
            ),
        ] = None,
        labels: Annotated[
            str | None, typer.Option("--labels", help="A CSV's column, or the .npy beside an .npy.")
        ] = None,
        json: JsonFlag = False,
    ) -> None:
        """Run a bundle's integers on your samples; and where there are labels what each class was taken for, or
        the errors of numbers.

        What it computes is what the C computes on a board, to the bit.

        Example: mixcomp-edge predict resnet8.mce --data test.npz -o logits.npy
        """
        the_bundle = load_bundle(bundle)
        if out is not None:
            check_file(out)
        x, y, classes = _samples(the_bundle, data, labels)
        with progress_bar() as tell:
            found = the_bundle.predict(x, lambda done, of: tell("samples", done, of))
        results = found if isinstance(found, dict) else {"": found}
        if out is not None:
            stream = BytesIO()
            if isinstance(found, dict):
                np.savez(stream, **found)  # type: ignore[arg-type]
            else:
                np.save(stream, found)
            write_file(out, stream.getvalue())
        targets = y if isinstance(y, dict) else dict.fromkeys(results, y) if len(results) == 1 else {}
        scores = {
            name: report(result, targets[name], dict(enumerate(classes))) if targets.get(name) is not None else None
            for name, result in results.items()
        }
        if json:
            shapes = {name: list(result.shape[1:]) for name, result in results.items()}
            several = isinstance(found, dict)
            print_json(
                {
                    "model": the_bundle.graph.name,
                    "samples": len(next(iter(results.values()))),
                    "shape": shapes if several else shapes[""],
                    "scores": scores if several else scores[""],
                }
            )
            return
        for name, result in results.items():
            what = f"{the_bundle.graph.name}{f', {name}' if name else ''}"
            output.print(f"{what}: {len(result):,} samples, each {result.shape[1:]}.", highlight=False)
            if (score := scores[name]) is not None:
                output.print(_table(score) if "classes" in score else _figures(score), highlight=False)


def _samples(bundle: Bundle, data: Path, labels: str | None) -> tuple[Any, Any, tuple[str, ...]]:
    """(x channels first, labels or None, names of the classes): the test set where the file has one."""
    from mixcomp_edge.train.tasks.samples import read_samples

    shapes = {end.name: (end.node.shape[-1], *end.node.shape[:-1]) for end in ends.inputs(bundle.graph)}
    outputs = tuple(end.name for end in ends.outputs(bundle.graph))
    samples = read_samples(data, shapes, outputs, labels=labels)
    split = next(name for name in ("test", "", "validation", "train") if name in samples.x)
    return samples.x[split], samples.y[split], samples.classes or bundle.classes


def _figures(scores: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in scores.items() if isinstance(value, float))


def _table(scores: dict[str, Any]) -> Table:
    """A row a class; beside it what its samples were taken for, where the classes are few."""
    names = [entry["class"] for entry in scores["classes"]]
    few = len(names) <= LARGEST
    table = Table("class", "samples", "recall", "precision", "F1", *(names if few else ()))
    rest = {name: value for name, value in scores.items() if name != "accuracy"}
    table.title = f"accuracy {100 * scores['accuracy']:.2f} %, {_figures(rest)}"
    for entry, row in zip(scores["classes"], scores["confusion"], strict=True):
        samples, found, guessed = (entry[key] for key in ("samples", "found", "guessed"))
        shares = (_percent(found, samples), _percent(found, guessed), _percent(2 * found, samples + guessed))
        table.add_row(entry["class"], str(samples), *shares, *(map(str, row) if few else ()))
    return table


def _percent(part: int, whole: int) -> str:
    return "–" if whole == 0 else f"{100 * part / whole:.1f} %"
