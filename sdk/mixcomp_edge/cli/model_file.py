"""The options that go with a model file: which data it sees, and how."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixcomp_edge.errors import TaskError

if TYPE_CHECKING:
    from mixcomp_edge.train.tasks.files import Source

PANEL = "With a model file (MODEL.onnx, MODEL.tflite)"
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Samples: .npz (x and y, or x_train …), .npy, .csv, or a folder with one of pictures a class. Labels are "
        "optional: without them the float model teaches.",
        rich_help_panel=PANEL,
    ),
]
InputShapeOption = Annotated[
    str | None,
    typer.Option(
        "--input-shape",
        help="Of one sample, channels first: 3,96,96.",
        show_default="the file's",
        rich_help_panel=PANEL,
    ),
]
ScaleOption = Annotated[
    float | None,
    typer.Option("--scale", help="The model takes (sample * scale - mean) / std: 0.00392157.", rich_help_panel=PANEL),
]
MeanOption = Annotated[
    str | None, typer.Option("--mean", help="One number, or one a channel: 0.485,0.456,0.406.", rich_help_panel=PANEL)
]
StdOption = Annotated[str | None, typer.Option("--std", help="The same.", rich_help_panel=PANEL)]
LayoutOption = Annotated[
    str, typer.Option("--layout", help="Of the stored samples: nchw, nhwc or auto.", rich_help_panel=PANEL)
]
LossOption = Annotated[
    str | None,
    typer.Option(
        "--loss", help="cross_entropy, binary_cross_entropy, mse.", show_default="by the labels", rich_help_panel=PANEL
    ),
]
MetricOption = Annotated[
    str | None,
    typer.Option(
        "--metric",
        help="accuracy, binary_accuracy, f1, rmse, mae, r2.",
        show_default="by the labels",
        rich_help_panel=PANEL,
    ),
]


def make_source(
    data: Path | None,
    input_shape: str | None,
    scale: float | None,
    mean: str | None,
    std: str | None,
    layout: str = "auto",
    loss: str | None = None,
    metric: str | None = None,
) -> Source:
    """What the options say; TaskError where one cannot be read."""
    from mixcomp_edge.train.tasks.files import Source

    if layout not in ("auto", "nchw", "nhwc"):
        raise TaskError(f"--layout is {layout!r}, expected nchw, nhwc or auto.")
    shape = None if input_shape is None else tuple(map(int, _numbers("--input-shape", input_shape)))
    if shape is not None and min(shape) < 1:
        raise TaskError(f"--input-shape is {input_shape!r}, expected sizes above 0.")
    means, deviations = (
        None if text is None else _numbers(f"--{n}", text) for n, text in (("mean", mean), ("std", std))
    )
    if deviations is not None and min(map(abs, deviations)) == 0.0:
        raise TaskError(f"--std is {std!r}; a deviation of 0 divides by zero.")
    return Source(data, shape, scale, means, deviations, layout, loss, metric)


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        raise TaskError(f"{option} is {text!r}, expected numbers with commas between them.") from None
