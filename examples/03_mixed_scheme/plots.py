"""The plots of README.md; the same results give the same files."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

COLOURS = {"float": "#555555", "paper fixp4": "#8da0cb", "paper mixed": "#fc8d62", "best fixp4": "#4c72b0",
           "best mixed": "#dd8452", "best posit": "#c44e52"}  # fmt: skip


def draw(experiment: str, task: str, results: list[dict[str, Any]], folder: Path) -> Path | None:
    """Writes EXPERIMENT_TASK.svg for the experiments that have a picture."""
    picture = {"networks": _seeds, "eta": _eta, "estimators": _losses}.get(experiment)
    if picture is None:
        return None
    import matplotlib
    from matplotlib.figure import Figure

    folder.mkdir(exist_ok=True)
    path = folder / f"{experiment}_{task}.svg"
    with matplotlib.rc_context({"svg.hashsalt": "mixcomp-edge", "svg.fonttype": "none"}):
        figure = Figure(figsize=(6.0, 3.2), layout="constrained")
        picture(figure.subplots(), results)
        figure.suptitle(f"{experiment}, {task}", fontsize=10)
        figure.savefig(path, metadata={"Date": None})
    return path


def _seeds(axes: Any, results: list[dict[str, Any]]) -> None:
    rows = [row for row in COLOURS if any(r["point"]["row"] == row for r in results)]
    for place, row in enumerate(rows):
        values = [100 * r["test"] for r in results if r["point"]["row"] == row]
        axes.plot([place] * len(values), values, "o", color=COLOURS[row])
        axes.plot([place - 0.25, place + 0.25], [sum(values) / len(values)] * 2, color=COLOURS[row])
    axes.set_xticks(range(len(rows)), rows, fontsize=8)
    axes.set_ylabel("test accuracy, %; dots: seeds")


def _eta(axes: Any, results: list[dict[str, Any]]) -> None:
    ordered = sorted(results, key=lambda r: r["point"]["eta"])
    shares = [100 * r["analysis"]["posit_share"] for r in ordered]
    for key, style in (("test", "o-"), ("validation", "s--")):
        axes.plot(shares, [100 * r[key] for r in ordered], style, label=key)
    axes.set_xlabel("parameters in Posit, %")
    axes.set_ylabel("accuracy, %")
    axes.legend(fontsize=8)


def _losses(axes: Any, results: list[dict[str, Any]]) -> None:
    curves = defaultdict(list)
    for result in results:
        curves[result["point"]["row"]].append(result["losses"])
    for name, losses in curves.items():
        means = [sum(values) / len(values) for values in zip(*losses, strict=True)]
        axes.plot(range(1, len(means) + 1), means, "o-", label=name)
    axes.set_xlabel("epoch")
    axes.set_ylabel("training loss, mean over seeds")
    axes.set_yscale("log")
    axes.legend(fontsize=8)
