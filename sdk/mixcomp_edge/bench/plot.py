"""The ratios to CMSIS-NN int8 as a picture: a column of axes for each target, the networks on top, then each layer; of
the first granularity of the scales that was run."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mixcomp_edge.bench.measure import NetworkResult
from mixcomp_edge.errors import BenchError
from mixcomp_edge.storage import check_file, write_file

FORMATS = (".png", ".svg", ".pdf")
COLOURS = {4: "#0072b2", 8: "#56b4e9", "s4": "#d55e00"}  # Okabe and Ito, distinguishable without colour vision


def plot(results: Sequence[NetworkResult], path: Path) -> None:
    """Writes the picture, whole or not at all; its format is that of the file's name."""
    check_path(path)
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise BenchError(f"--plot: the package {error.name} is missing. pip install 'mixcomp-edge[plot]'") from error
    matplotlib.rcParams["svg.hashsalt"] = "mixcomp-edge"  # equal results give equal bytes
    results = [result for result in results if result.granularity == results[0].granularity]
    targets = list(dict.fromkeys(r.target for r in results))
    models = list(dict.fromkeys(r.model for r in results))
    layers = {model: next(r for r in results if r.model == model).layers for model in models}
    heights = [len(models) + 1.5, *(len(layers[model]) + 1.5 for model in models)]
    figure = Figure(figsize=(1.5 + 5.0 * len(targets), 0.28 * sum(heights) + 1), layout="constrained")
    grid = figure.subplots(len(heights), len(targets), squeeze=False, height_ratios=heights, sharex="col")
    for column, target in enumerate(targets):
        here = [r for r in results if r.target == target]
        rows = [(r.model, r.act_bits, r.ratio, r.peer_instructions, r.peer_s4_instructions) for r in here]
        _bars(grid[0][column], models, rows, f"{target}: whole networks")
        for axes, model in zip(grid[1:, column], models, strict=True):
            rows = [
                (x.name, r.act_bits, x.ratio, x.peer_instructions, x.peer_s4_instructions)
                for r in here
                if r.model == model
                for x in r.layers
            ]
            _bars(axes, [layer.name for layer in layers[model]], rows, model)
        grid[-1][column].set_xlabel("instructions / CMSIS-NN int8")
        grid[0][column].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7, frameon=False)
    picture = io.BytesIO()
    kind = path.suffix[1:]
    figure.savefig(picture, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
    write_file(path, picture.getvalue())


def check_path(path: Path) -> None:
    """Refuses a name that cannot be written to, before anything is measured."""
    if path.suffix not in FORMATS:
        raise BenchError(f"--plot {path}: must end in {', '.join(FORMATS)}.")
    check_file(path)


def _bars(
    axes: Any, names: list[str], rows: list[tuple[str, int, float | None, int | None, int | None]], title: str
) -> None:
    """One bar a row, those of one name beside each other, and the peer's int4 weights as a mark."""
    widths = sorted({bits for _, bits, *_ in rows})
    thick = 0.8 / max(len(widths), 1)
    for i, bits in enumerate(widths):
        found = [
            (names.index(name) + (i - (len(widths) - 1) / 2) * thick, ratio)
            for name, b, ratio, *_ in rows
            if b == bits and ratio
        ]
        axes.barh(
            [at for at, _ in found],
            [ratio for _, ratio in found],
            thick,
            color=COLOURS[bits],
            label=f"ours, {bits}-bit activations",
        )
    peers = {name: s4 / s8 for name, _, _, s8, s4 in rows if s8 and s4 and s4 != s8}
    axes.plot(
        list(peers.values()),
        [names.index(name) for name in peers],
        "|",
        color=COLOURS["s4"],
        markersize=7,
        label="CMSIS-NN, int4 weights",
    )
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_title(title, fontsize=9, loc="left")
    axes.tick_params(axis="x", labelsize=7, labelbottom=True)
