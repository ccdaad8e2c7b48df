"""What teaching without labels reaches: `python tests/networks/without_labels.py`. Needs MIXCOMP_DATA and onnx.

    python tests/networks/without_labels.py --only "resnet8 512"     # some rows, into without_labels.jsonl beside this
    python tests/networks/without_labels.py                          # all that are not there yet: hours
    python tests/networks/without_labels.py --write                  # the table of docs/pages/measured.md, from it

A reference network is written as ONNX, and samples of its training set without their labels; both go in as a user's
would (`quantize model.onnx --data samples.npz`). Judge: the bundle's integers on the whole labelled test set."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixcomp_edge import LayerPlan, QuantPlan, load_task, quantize
from mixcomp_edge.train.loop.fit import evaluate
from mixcomp_edge.train.quantize import train_float
from mixcomp_edge.train.tasks.source import Source

HERE = Path(__file__).parent
ROWS, PAGE = HERE / "without_labels.jsonl", HERE.parents[1] / "docs" / "pages" / "measured.md"
BEGIN, END = "<!-- without labels -->\n", "<!-- end of without labels -->\n"
NETWORKS = {
    "resnet8": ("ResNet-8", Source(scale=1 / 255)),
    "resnet20": (
        "ResNet-20", Source(scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    ),
    "spoken_digits": ("DS-CNN, spoken digits", Source()),
}  # fmt: skip
METHODS = {
    "calibration": ("calibrated", {"epochs": 0, "reconstruct": False}),
    "rounded": ("rounded layer by layer", {}),
    "taught": ("then taught by the float model (`--epochs 21`)", {"epochs": 21}),
}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One row. samples: how many; part: which of the disjoint sets of so many."""

    network: str
    samples: int
    part: int
    bits: int
    method: str
    seed: int

    @property
    def label(self) -> str:
        return " ".join(str(value) for value in asdict(self).values())


def trials() -> Iterator[Trial]:
    for network in NETWORKS:
        for bits in (8, 4):
            yield from (Trial(network, 512, 0, bits, method, 0) for method in ("calibration", "rounded"))
            yield from (Trial(network, 512, 0, bits, "taught", seed) for seed in range(3))
            for method in METHODS:
                yield from (Trial(network, 100, part, bits, method, 0) for part in range(5))


class Scaled(nn.Module):
    """The network behind a factor: its file takes pixels of 0 to 1."""

    def __init__(self, model: nn.Module, factor: float) -> None:
        super().__init__()
        self.model, self.factor = model, factor

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.model(x * self.factor)
        return result


def in_onnx(network: str, work: Path) -> tuple[Path, float]:
    """The float network as a file, and its accuracy on the test set in percent; what has no reference weights is
    trained first. Kept in `work`."""
    file, known = work / f"{network}.onnx", load_task(network)
    if not file.exists():
        train_float(known, checkpoint=work / network)
        exact = evaluate(known.model, known, known.test)
        model = Scaled(known.model, 255.0) if network == "resnet8" else known.model
        shape = (1, *known.input_shape)
        torch.onnx.export(
            model.eval(), (torch.zeros(shape),), file, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}}
        )
        file.with_suffix(".json").write_text(json.dumps(exact))
    return file, round(100 * json.loads(file.with_suffix(".json").read_text()), 2)


def run(trial: Trial, work: Path) -> dict[str, Any]:
    """The row's figures: accuracies in percent, and seconds of processor time."""
    file, exact = in_onnx(trial.network, work)
    known = load_task(trial.network)
    assert known.train is not None
    assert known.test is not None
    order = np.random.default_rng(7).permutation(len(known.train))
    first = 0 if trial.samples == 512 else 512 + trial.part * trial.samples
    np.savez(work / "x.npz", x=known.train.x[order[first : first + trial.samples]])

    start = time.process_time()
    task = load_task(str(file), replace(NETWORKS[trial.network][1], data=work / "x.npz"))
    recipe = task.recipe.with_(**METHODS[trial.method][1], seed=trial.seed)
    bundle = quantize(task, QuantPlan(LayerPlan(act_bits=trial.bits)), recipe).bundle
    seconds = time.process_time() - start
    outputs = bundle.predict(known.test.x.astype(np.float32))
    right = float(np.mean(outputs.reshape(len(outputs), -1).argmax(1) == known.test.y))
    return {"float": exact, "accuracy": round(100 * right, 2), "cpu_s": round(seconds)}


def table(rows: list[dict[str, Any]]) -> str:
    """Of each network, number of samples and width: the loss against float, by method."""
    groups: dict[tuple[Any, ...], dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        groups[row["network"], row["samples"], row["bits"]][row["method"]].append(row)
    methods = " | ".join(name for name, _ in METHODS.values())
    lines = [
        f"| network | samples | activations | float | {methods} | processor time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    order = [(network, samples, bits) for network in NETWORKS for samples in (512, 100) for bits in (8, 4)]
    for network, samples, bits in order:
        if (network, samples, bits) not in groups:
            continue
        found = groups[network, samples, bits]
        exact = next(iter(found.values()))[0]["float"]
        cells = [_cell(found[method], exact) for method in METHODS]
        times = [row["cpu_s"] for row in found["taught"]]
        spent = f"{min(times)} to {max(times)} s" if len(set(times)) > 1 else f"{times[0]} s" if times else "–"
        name = NETWORKS[network][0]
        lines.append(f"| {name} | {samples} | {bits} bits | {exact:.2f} % | {' | '.join(cells)} | {spent} |")
    return "\n".join(lines) + "\n"


def _cell(rows: list[dict[str, Any]], exact: float) -> str:
    found = [row["accuracy"] for row in rows]
    if not found:
        return "–"
    if len(found) == 1:
        return f"{found[0]:.2f} % ({found[0] - exact:+.2f})"
    worst, best = min(found), max(found)
    return f"{mean(found):.2f} % ({mean(found) - exact:+.2f}); {len(found)} runs, {worst:.2f} to {best:.2f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="rows with this in their label, such as 'resnet8 512 0 8 taught'")
    parser.add_argument("--work", type=Path, help="where the networks' files are kept from one start to the next")
    parser.add_argument("--again", action="store_true", help="those that the file holds, too")
    parser.add_argument("--write", action="store_true", help="write the table from the file; run nothing")
    options = parser.parse_args()
    rows = [json.loads(line) for line in ROWS.read_text().splitlines()] if ROWS.exists() else []
    if options.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{table(rows)}{END}{rest.partition(END)[2]}")
        return 0
    warnings.simplefilter("ignore")
    known = {Trial(**{key: row[key] for key in Trial.__dataclass_fields__}).label for row in rows}
    for trial in trials():
        if options.only not in trial.label or (trial.label in known and not options.again):
            continue
        with tempfile.TemporaryDirectory() as folder:
            row = asdict(trial) | run(trial, options.work or Path(folder))
        rows = [other for other in rows if any(other[key] != value for key, value in asdict(trial).items())] + [row]
        places = {one.label: place for place, one in enumerate(trials())}
        rows.sort(key=lambda row: places[Trial(**{key: row[key] for key in Trial.__dataclass_fields__}).label])
        ROWS.write_text("".join(json.dumps(row) + "\n" for row in rows))
        print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
