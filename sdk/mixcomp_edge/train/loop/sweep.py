"""A grid of quantizations, plans x eta x recipes x seeds, each point a process of its own on this machine or on a Ray
cluster. A point's result is a file; a sweep that is started again does the points whose file is not there, and a point
whose worker died is tried again and goes on after its last epoch."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import Any, TypeVar

from mixcomp_edge.documents import MAX_TOML_BYTES, read_bytes, read_json
from mixcomp_edge.errors import PlanError, RecipeError, TaskError
from mixcomp_edge.quant_plan import load_plan
from mixcomp_edge.storage import make_folder
from mixcomp_edge.train.recipe import load_recipe
from mixcomp_edge.train.tasks import check_spec

T = TypeVar("T")

ATTEMPTS = 3  # of a point whose process is killed
T_95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)  # two-sided 95 % quantiles of t for 1 .. 9 degrees


@dataclass(frozen=True)
class Point:
    """One quantization. plan, recipe: files, or a recipe's name; eta: choose Posit layers by `analyze`, the plan's
    [default] saying the rest."""

    task: str
    plan: str | None
    eta: float | None
    recipe: str | None
    seed: int
    epochs: int | None = None

    @property
    def name(self) -> str:
        """Readable, and different wherever a file's content is."""
        parts = [Path(self.plan).stem if self.plan else "default"]
        parts += [f"eta{self.eta:g}"] if self.eta is not None else []
        parts += [Path(self.recipe).stem] if self.recipe else []
        contents = [
            read_bytes(Path(file), MAX_TOML_BYTES, TaskError) if file and Path(file).is_file() else b""
            for file in (self.plan, self.recipe)
        ]
        digest = hashlib.sha256(json.dumps(asdict(self)).encode() + b"\0".join(contents))
        return "-".join([*parts, f"seed{self.seed}", digest.hexdigest()[:8]])


@dataclass(frozen=True)
class Outcome:
    """A finished point's record, or why there is none."""

    point: Point
    result: dict[str, Any] | None
    error: str = ""
    skipped: bool = False  # it was finished before


def grid(
    task: str, plans: list[str], etas: list[float], recipes: list[str], seeds: list[int], epochs: int | None
) -> list[Point]:
    """All combinations; an empty list stands for the default alone. What no point could do is refused."""
    importlib.import_module("torch")  # every point needs it: missing, it is told once
    check_spec(task)
    for file in plans:
        if not Path(file).is_file():
            raise TaskError(f"{file}: there is no such plan.")
        load_plan(Path(file))
    for recipe in recipes:
        load_recipe(recipe)
    for eta in etas:
        if not 0.0 <= eta <= 1.0:
            raise PlanError(f"eta is {eta}, expected a share from 0 to 1.")
    return [
        Point(task, plan, eta, recipe, seed, epochs)
        for plan, eta, recipe, seed in product(
            _or_default(plans), _or_default(etas), _or_default(recipes), seeds or [0]
        )
    ]


def _or_default(values: Sequence[T]) -> Sequence[T | None]:
    return values or [None]


def sweep(
    points: list[Point],
    folder: Path,
    *,
    workers: int = 1,
    ray_address: str | None = None,
    tell: Callable[[str, int, int], None] = lambda what, done, of: None,
) -> list[Outcome]:
    """Writes `folder`/NAME.json and NAME.mce for each point, in any order; returns the outcomes in the points' order.

    ray_address: of a cluster ("auto": the one that this machine belongs to, "local": a new one here); all nodes see
    `folder` under the same path."""
    make_folder(folder)
    finished = {point: _read(point, folder) for point in points}
    outcomes = {point: Outcome(point, result, skipped=True) for point, result in finished.items() if result is not None}
    waiting = [point for point in points if point not in outcomes]
    tell("points", len(outcomes), len(points))
    runner = _on_ray(ray_address, workers) if ray_address else _locally(workers)
    # The float model is the same for all: one point goes first and leaves its training for the others.
    for some in (waiting[:1], waiting[1:]):
        for point, error in runner(some, folder):
            outcomes[point] = Outcome(point, None if error else _read(point, folder), error)
            tell("points", len(outcomes), len(points))
    return [outcomes[point] for point in points]


Runner = Callable[[list[Point], Path], Iterator[tuple[Point, str]]]


def _locally(workers: int) -> Runner:
    def run(points: list[Point], folder: Path) -> Iterator[tuple[Point, str]]:
        with ThreadPoolExecutor(max_workers=workers) as pool:
            futures = {pool.submit(attempt, asdict(point), str(folder), workers): point for point in points}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    return run


def _on_ray(address: str, workers: int) -> Runner:
    try:
        import ray
    except ImportError as error:
        raise RecipeError("a Ray cluster needs Ray: pip install 'mixcomp-edge[tune]'.") from error
    if not ray.is_initialized():
        cores = workers if address == "local" else None
        ray.init(address=None if address == "local" else address, num_cpus=cores, log_to_driver=False)
    remote = ray.remote(num_cpus=1, max_retries=ATTEMPTS)(attempt)

    def run(points: list[Point], folder: Path) -> Iterator[tuple[Point, str]]:
        futures = {remote.remote(asdict(point), str(folder), 1): point for point in points}
        while futures:
            ready, _ = ray.wait(list(futures))
            try:
                error = ray.get(ready[0])
            except ray.exceptions.RayError as failure:
                error = str(failure).splitlines()[0]
            yield futures.pop(ready[0]), error

    return run


def attempt(point: dict[str, Any], folder: str, workers: int) -> str:
    """Runs one point in a process of its own, again when it is killed. Empty, or what went wrong."""
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // workers))
    command = [sys.executable, "-m", "mixcomp_edge.train.loop.sweep_point", json.dumps(point), folder]
    error = ""
    for _ in range(ATTEMPTS):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": threads}
        )
        if done.returncode == 0:
            return ""
        error = (done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"])[-1]
        if done.returncode > 0:  # it says what is wrong; once more would end the same
            return error
    return f"killed {ATTEMPTS} times ({error})"


def _read(point: Point, folder: Path) -> dict[str, Any] | None:
    """The record of a finished point; one that is damaged is made again."""
    path = folder / f"{point.name}.json"
    try:
        record = read_json(path, TaskError) if path.exists() else {}
    except TaskError:
        return None
    shown = {"integer": (int, float, type(None)), "posit_share": (int, float)}
    return record if all(isinstance(record.get(key, "absent"), kinds) for key, kinds in shown.items()) else None


def summary(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """A row for each plan, eta and recipe: mean and 95 % interval (half its width, by t) of the metric over seeds."""
    rows: dict[tuple[Any, ...], list[Outcome]] = {}
    for outcome in outcomes:
        point = outcome.point
        rows.setdefault((point.plan, point.eta, point.recipe), []).append(outcome)
    table = []
    for (plan, eta, recipe), group in rows.items():
        values = [o.result["integer"] for o in group if o.result is not None and o.result["integer"] is not None]
        metric = next((o.result.get("metric") for o in group if o.result is not None), None)
        shares = [o.result["posit_share"] for o in group if o.result is not None]
        table.append(
            {
                "plan": plan, "eta": eta, "recipe": recipe, "seeds": len(values), "metric": metric,
                "mean": mean(values) if values else None, "interval": interval(values),
                "posit_share": mean(shares) if shares else None,
            }
        )  # fmt: skip
    return table


def interval(values: list[float]) -> float | None:
    """Half the width of the 95 % confidence interval of the mean; None below two values."""
    if len(values) < 2:
        return None
    t = T_95[len(values) - 2] if len(values) - 2 < len(T_95) else 1.96
    return t * stdev(values) / len(values) ** 0.5
