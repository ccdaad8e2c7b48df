"""One point of a sweep, as a process: python -m mixcomp_edge.train.loop.sweep_point POINT FOLDER. Its record appears
whole or not at all."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mixcomp_edge.bundle import Bundle, save_bundle
from mixcomp_edge.errors import MixcompError
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.quant_plan import QuantPlan, load_plan
from mixcomp_edge.storage import write_file
from mixcomp_edge.train.loop.sweep import Point
from mixcomp_edge.train.method.analyze import Options, analyze
from mixcomp_edge.train.quantize import delete_checkpoints, quantize, train_float
from mixcomp_edge.train.recipe import load_recipe
from mixcomp_edge.train.tasks import load_task


def run_point(point: Point, folder: Path) -> dict[str, Any]:
    """Quantizes, writes bundle and record, and returns the record. The float model's training is shared by all points
    of the folder."""
    task = load_task(point.task)
    base = load_recipe(point.recipe, task.recipe) if point.recipe else task.recipe
    recipe = base.with_(seed=point.seed, epochs=point.epochs)
    plan = load_plan(Path(point.plan)) if point.plan else QuantPlan()
    shared = folder / f"{task.name}_shared"
    train_float(task, checkpoint=shared)
    if point.eta is not None:
        plan = analyze(task, Options(eta=point.eta), plan.default, recipe).plan
    bundle_file = folder / f"{point.name}.mce"
    result = quantize(task, plan, recipe, checkpoint=bundle_file, float_checkpoint=shared)
    save_bundle(result.bundle, bundle_file)
    record = {
        **asdict(point),
        "metric": {"name": task.objective.name, "unit": task.objective.unit},
        "float": result.float_score,
        "integer": result.integer_score,
        "posit_share": _uneven_share(result.bundle),
        "sha256": result.bundle.sha256,
    }
    write_file(folder / f"{point.name}.json", json.dumps(record, indent=1) + "\n")
    delete_checkpoints(bundle_file)
    return record


def _uneven_share(bundle: Bundle) -> float:
    """Of the weights, in codebooks with uneven levels."""
    weights = [node.weights for node in bundle.graph.nodes if isinstance(node, Weighted)]
    uneven = sum(w.codes.size for w in weights if not w.codebook.even)
    return uneven / sum(w.codes.size for w in weights)


def main(point: str, folder: str) -> int:
    try:
        run_point(Point(**json.loads(point)), Path(folder))
    except MixcompError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
