"""The options that go with a model file: which data it sees, and how."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.tasks.source import Shape, Shapes, Source

PANEL = "With a model file (MODEL.onnx, .tflite, .pt2 …), or instead of its mixcomp.toml"
option = functools.partial(typer.Option, rich_help_panel=PANEL)


def make_source(
    data: Annotated[
        Path | None,
        option(
            "--data",
            help="Samples: .npz (x and y, or x_train …), .npy, .csv, or a folder with one of pictures or recordings a "
            "class. Labels are optional: without them the float model teaches.",
        ),
    ] = None,
    no_data: Annotated[bool, option("--no-data", help="Calibrate on noise: no accuracy is claimed.")] = False,
    input_shape: Annotated[
        str | None,
        option(
            "--input-shape",
            help="Of one sample, channels first: 3,96,96; of several inputs image=3,96,96;state=8.",
            show_default="the file's",
        ),
    ] = None,
    scale: Annotated[
        float | None, option("--scale", help="The model takes (sample * scale - mean) / std: 0.00392157.")
    ] = None,
    mean: Annotated[str | None, option("--mean", help="One number, or one a channel: 0.485,0.456,0.406.")] = None,
    std: Annotated[str | None, option("--std", help="The same.")] = None,
    layout: Annotated[str, option("--layout", help="Of the stored samples: nchw, nhwc or auto.")] = "auto",
    labels: Annotated[
        str | None,
        option("--labels", help="A CSV's column, or the .npy beside an .npy.", show_default="label or y"),
    ] = None,
    loss: Annotated[
        str | None, option("--loss", help="cross_entropy, bce, mse, mae.", show_default="by the labels")
    ] = None,
    metric: Annotated[
        str | None,
        option("--metric", help="top1, top5, f1, auc, rmse, mae, r2.", show_default="by the labels"),
    ] = None,
    trust: Annotated[
        bool, option("--trust", help="Read a file that may run any program: a pickle (.pt, .pth), or one in a .pt2.")
    ] = False,
) -> Source:
    """What the options say; TaskError where one cannot be read."""
    means, deviations = (
        None if text is None else _numbers(f"--{n}", text) for n, text in (("mean", mean), ("std", std))
    )
    shapes = None if input_shape is None else _shapes(input_shape)
    return Source(data, no_data, shapes, scale, means, deviations, layout, labels, loss, metric, trust)


def with_source(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb with these options behind its own; it gets what they say as `source`."""
    own, options = inspect.signature(verb, eval_str=True), inspect.signature(make_source, eval_str=True)

    @functools.wraps(verb)
    def wrapper(**given: Any) -> Any:
        said = {name: given.pop(name) for name in options.parameters}
        return verb(**given, source=make_source(**said))

    kept = [parameter for name, parameter in own.parameters.items() if name != "source"]
    added = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in options.parameters.values()]
    wrapper.__signature__ = own.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]
    hints = {**get_type_hints(verb, include_extras=True), **get_type_hints(make_source, include_extras=True)}
    wrapper.__annotations__ = {name: hint for name, hint in hints.items() if name != "source"}
    return wrapper


def _shapes(text: str) -> Shapes:
    if "=" not in text:
        return _shape(text)
    parts = [part.partition("=") for part in text.split(";") if part.strip()]
    return {name.strip(): _shape(sizes) for name, _, sizes in parts}


def _shape(text: str) -> Shape:
    sizes = _numbers("--input-shape", text)
    if min(sizes) < 1 or any(size != int(size) for size in sizes):
        raise TaskError(f"--input-shape is {text!r}, expected sizes above 0.")
    return tuple(map(int, sizes))


def _numbers(name: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        raise TaskError(f"{name} is {text!r}, expected numbers with commas between them.") from None
