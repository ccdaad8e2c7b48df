"""The picture of an analysis: each layer's error in FixP4 and in the Posit variants, and its score."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixcomp_edge.errors import ExportError
from mixcomp_edge.storage import check_file, write_file
from mixcomp_edge.train.method.sensitivity import FIXED

if TYPE_CHECKING:
    from mixcomp_edge.train.method.analyze import Analysis

FORMATS = (".png", ".svg", ".pdf")
COLOURS = ("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860", "#da8bc3", "#8c8c8c")


def plot(analysis: Analysis, path: Path) -> None:
    """Writes a .png, .svg or .pdf; the same analysis gives the same file."""
    figure_class, salt = _matplotlib()
    names = [layer.name for layer in analysis.layers]
    figure = figure_class(figsize=(max(6.0, 0.55 * len(names) + 2.5), 6.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    formats = list(analysis.layers[0].absolute)
    width = 0.8 / len(formats)
    for k, name in enumerate(formats):
        means = [layer.absolute[name] / layer.parameters for layer in analysis.layers]
        above.bar([i + (k - (len(formats) - 1) / 2) * width for i in range(len(names))], means, width,
                  color=COLOURS[k % len(COLOURS)], label=name)  # fmt: skip
    above.set_ylabel("mean |w - Q(w)|")
    above.set_yscale("log")
    above.legend(fontsize=8, ncols=len(formats))
    chosen = [analysis.format(name) != FIXED for name in names]
    colours = [COLOURS[1] if posit else COLOURS[0] for posit in chosen]
    below.bar(range(len(names)), [analysis.scores[name] for name in names], color=colours)
    below.axhline(0.0, color="black", linewidth=0.6)
    below.set_ylabel(f"score ({analysis.options.criterion}); orange: not FixP4")
    below.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
    above.set_title(f"{analysis.task}: {analysis.headline}")
    with salt:
        picture = io.BytesIO()
        kind = path.suffix[1:]
        figure.savefig(picture, format=kind, metadata={"Date": None} if kind in ("svg", "pdf") else None)
    write_file(path, picture.getvalue())


def check_path(path: Path) -> None:
    """Refuses a name that cannot be written to, before anything is measured."""
    if path.suffix not in FORMATS:
        raise ExportError(f"--plot {path}: must end in {', '.join(FORMATS)}.")
    check_file(path)


def check_matplotlib() -> None:
    """ExportError where plots cannot be drawn."""
    _matplotlib()


def _matplotlib() -> tuple[Any, Any]:
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExportError("the plot needs matplotlib: pip install 'mixcomp-edge[plot]'.") from error
    return Figure, matplotlib.rc_context({"svg.hashsalt": "mixcomp-edge"})
