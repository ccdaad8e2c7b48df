"""mixcomp-edge predict"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table

from mixcomp_edge.bundle import Bundle, load_bundle
from mixcomp_edge.cli.common import JsonFlag, output, print_json, progress_bar
from mixcomp_edge.errors import TaskError
from mixcomp_edge.storage import check_file, write_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST = 20  # classes whose confusion is printed


def register(app: typer.Typer) -> None:
    @app.command()
    def predict(
        bundle: Annotated[Path, typer.Argument(help="A bundle with one input and one output.", metavar="M.mce")],
        data: Annotated[
            Path,
            typer.Option(
                "--data",
                help="Samples as the model takes them: .npz (x, and y where there are labels; or x_test, y_test), "
                ".npy, .csv, or a folder with one of pictures a class.",
            ),
        ],
        out: Annotated[
            Path | None, typer.Option("-o", "--output", help="Write the outputs, as real numbers.", metavar="Y.npy")
        ] = None,
        json: JsonFlag = False,
    ) -> None:
        """Run a bundle's integers on your samples: outputs, and accuracy where there are labels.

        What it computes is what the C computes on a board, to the bit.

        Example: mixcomp-edge predict resnet8.mce --data test.npz -o logits.npy
        """
        the_bundle = load_bundle(bundle)
        if not the_bundle.graph.has_one_of_each:
            raise TaskError(
                f"{bundle}: has several inputs or outputs; in Python Bundle.predict takes and gives them by name."
            )
        if out is not None:
            check_file(out)
        x, y, classes = _samples(the_bundle, data)
        with progress_bar() as tell:
            found = the_bundle.predict(x, lambda done, of: tell("samples", done, of))
        assert not isinstance(found, dict)
        if out is not None:
            stream = BytesIO()
            np.save(stream, found)
            write_file(out, stream.getvalue())
        scores = None if y is None else _scores(found.reshape(len(found), -1), y, classes)
        if json:
            print_json(
                {
                    "model": the_bundle.graph.name,
                    "samples": len(found),
                    "shape": list(found.shape[1:]),
                    "scores": scores,
                }
            )
            return
        output.print(f"{the_bundle.graph.name}: {len(found):,} samples, each {found.shape[1:]}.", highlight=False)
        if scores is not None:
            output.print(_table(scores))


def _samples(bundle: Bundle, data: Path) -> tuple[NDArray[Any], NDArray[Any] | None, tuple[str, ...]]:
    """(x channels first, labels or None, names of the classes): the test set where the file has one."""
    from mixcomp_edge.train.tasks.samples import channels_first, read_samples

    shape = bundle.graph.nodes[0].shape
    first = (shape[-1], *shape[:-1])
    samples = read_samples(data, (shape[0], shape[1]) if len(shape) == 3 else None)
    split = next(name for name in ("test", "", "validation", "train") if name in samples.x)
    return channels_first(samples.x[split], first, data), samples.y[split], samples.classes


def _scores(outputs: NDArray[np.float32], y: NDArray[Any], classes: tuple[str, ...]) -> dict[str, Any] | None:
    """Accuracy, and of each class how many there are, how many were found and how many guesses of it were right; None
    where the labels are no classes of the outputs."""
    count = outputs.shape[1]
    if y.ndim != 1 or y.dtype.kind not in "iu" or count < 2 or y.min() < 0 or y.max() >= count:
        return None
    guess = outputs.argmax(1)
    confusion = np.zeros((count, count), np.int64)
    np.add.at(confusion, (y.astype(np.int64), guess), 1)
    names = [classes[i] if i < len(classes) else str(i) for i in range(count)]
    return {
        "accuracy": float(np.mean(guess == y)),
        "classes": [
            {"class": name, "samples": int(confusion[i].sum()), "found": int(confusion[i, i]),
             "guessed": int(confusion[:, i].sum())}
            for i, name in enumerate(names)
        ],
        "confusion": confusion.tolist(),
    }  # fmt: skip


def _table(scores: dict[str, Any]) -> Table:
    """A row a class; beside it what its samples were taken for, where the classes are few."""
    names = [entry["class"] for entry in scores["classes"]]
    few = len(names) <= LARGEST
    table = Table("class", "samples", "recall", "precision", *(names if few else ()))
    table.title = f"accuracy {100 * scores['accuracy']:.2f} %"
    for entry, row in zip(scores["classes"], scores["confusion"], strict=True):
        recall, precision = (_percent(entry["found"], entry[of]) for of in ("samples", "guessed"))
        table.add_row(entry["class"], str(entry["samples"]), recall, precision, *(map(str, row) if few else ()))
    return table


def _percent(part: int, whole: int) -> str:
    return "–" if whole == 0 else f"{100 * part / whole:.1f} %"
