"""What every verb shares: where output goes, how errors end, how progress looks."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mixcomp_edge.train.tasks import BUILTIN

console = Console(stderr=True)  # progress, notes and errors
# Results. Into a pipe or a file, wide tables keep their columns.
output = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout; progress goes to stderr.")]
ForceFlag = Annotated[
    bool,
    typer.Option(
        "--force", help="Write even where files lie that are not ours, or were changed since; says which it replaced."
    ),
]
TargetOption = Annotated[
    str | None, typer.Option("--target", "-t", help="Target, see `mixcomp-edge targets`.", show_default="cortex-m4")
]
ChainOption = Annotated[
    str | None, typer.Option("--toolchain", help="Cross compiler: gcc or zig.", show_default="gcc where found")
]
SourceArgument = Annotated[Path, typer.Argument(help="A bundle (M.mce) or an exported folder.", metavar="M.mce|DIR")]
EditedFlag = Annotated[
    bool, typer.Option("--edited", help="Compile a folder's C as it lies there, changed since the export or not.")
]
ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help="Which model of a folder with several.", metavar="NAME")
]
StreamOption = Annotated[
    int | None,
    typer.Option(
        "--stream",
        metavar="T",
        help="The model's step form: T frames a call, the state kept between calls; 0: the whole form.",
        show_default="as the task says; 0",
        min=0,
    ),
]
StreamDimOption = Annotated[
    int | None,
    typer.Option(
        "--stream-dim", metavar="D", help="Dimension of the input (PyTorch's) along which its frames lie.",
        show_default="found where only one can be", min=1,
    ),
]  # fmt: skip
TaskArgument = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        help=f"{', '.join(BUILTIN)}; or file.py:function, a function that returns a mixcomp_edge.Task; or a model "
        "file, .onnx, .tflite, .keras, .pt2, .pt, a SavedModel; or a mixcomp.toml that names one and its data.",
    ),
]


def print_json(value: dict[str, Any]) -> None:
    """The one object of --json."""
    sys.stdout.write(json.dumps(value) + "\n")


def warn(text: str) -> None:
    """Says on stderr what the user should know."""
    console.print(f"[yellow]warning:[/] {escape(text)}", highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """Says on stderr what the user may like to know."""
    console.print(f"[dim]note:[/] {escape(text)}", highlight=False, soft_wrap=True)


class Tell(Protocol):
    """Moves the bar called `what`; `note` stands behind its name."""

    def __call__(self, what: str, done: int, of: int, note: str = "") -> None: ...


@contextmanager
def progress_bar() -> Iterator[Tell]:
    """Bars on stderr, one for each name, gone at the end."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bars:
        known: dict[str, Any] = {}

        def tell(what: str, done: int, of: int, note: str = "") -> None:
            if what not in known:
                known[what] = bars.add_task(what, total=of)
            bars.update(known[what], completed=done, description=f"{what}{note}")

        yield tell


def training_listener(tell: Tell) -> Callable[[Any], None]:
    """A listener for `quantize`: a bar for each stage, with epoch, loss, accuracy and time left."""

    def listen(step: Any) -> None:
        if step.loss is None:
            tell(f"layers {step.stage}", step.step, step.steps)
            return
        right = "" if step.accuracy is None else f"  accuracy {step.accuracy:.1%}"
        note = f"  epoch {step.epoch + 1}/{step.epochs}  loss {step.loss:.3f}{right}"
        tell(f"train {step.stage}", step.step, step.steps, note)

    return listen


def show_next(command: str) -> None:
    """The command that usually follows, on stderr."""
    console.print(f"next: {command}", highlight=False, soft_wrap=True, markup=False)


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"
