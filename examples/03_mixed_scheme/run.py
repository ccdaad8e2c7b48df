"""The evidence on the mixed scheme, one command an experiment.

    python run.py networks                       # one experiment, on all of its tasks
    python run.py networks --task spoken_digits  # on one
    python run.py all                            # everything, in the order of the issue: many hours
    python run.py all --quick                    # spoken digits at reduced size: a quarter of an hour

Results go to results/EXPERIMENT_TASK.json after each point; a point that is there is skipped, and a killed training
goes on after its last epoch. Float models and checkpoints are kept in --work. Then: python render.py
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import torch
from measure import Results, measure
from points import EXPERIMENTS, Point

HERE = Path(__file__).parent
QUICK_TASK, QUICK_FRACTION = "spoken_digits", 0.5


def load(file: Path) -> Results:
    return json.loads(file.read_text()) if file.exists() else []


def save(results: Results, file: Path) -> None:
    """The whole file or none of it: a reader never sees half."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(results, indent=1) + "\n")
    os.replace(part, file)


def note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run(experiment: str, task: str, points: list[Point], folder: Path, work: Path, fraction: float) -> None:
    """The points that are not in the experiment's file yet, each saved when it is done."""
    file = folder / f"{experiment}_{task}.json"
    results = load(file)
    elsewhere = [r for other in sorted(folder.glob(f"*_{task}.json")) if other != file for r in load(other)]
    done = {result["id"] for result in results}
    for point in points:
        if point.id in done:
            continue
        note(f"{time.strftime('%H:%M:%S')} {experiment} {point.id}")
        result = measure(point, [*results, *elsewhere], work, fraction, lambda line: note(f"   {line}"))
        results.append(result)
        save(results, file)
        print(f"{experiment} {point.id}: validation {result['validation']:.2%}, test {result['test']:.2%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=[*EXPERIMENTS, "all"])
    parser.add_argument("--task", help="only this one of the experiment's tasks")
    parser.add_argument("--quick", action="store_true", help="spoken digits at half size, results in results_quick/")
    parser.add_argument("--results", type=Path, help="folder of the results (default: results/ here)")
    parser.add_argument("--work", type=Path, default=Path("mixed_scheme_work"), help="float models and checkpoints")
    options = parser.parse_args()
    fraction = QUICK_FRACTION if options.quick else 1.0
    folder = options.results or HERE / ("results_quick" if options.quick else "results")
    folder.mkdir(parents=True, exist_ok=True)
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    names = list(EXPERIMENTS) if options.experiment == "all" else [options.experiment]
    for name in names:
        make, tasks = EXPERIMENTS[name]
        for task in tasks:
            if options.task not in (None, task) or (options.quick and task != QUICK_TASK):
                continue
            run(name, task, make(task), folder, options.work, fraction)


if __name__ == "__main__":
    main()
