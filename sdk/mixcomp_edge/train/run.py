"""The whole chain on one task: quantize, export, verify, simulate, and the test set on every implementation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mixcomp_edge.bundle import Bundle, load_bundle, save_bundle
from mixcomp_edge.codegen.project import check_export, export
from mixcomp_edge.errors import BundleError, StorageError
from mixcomp_edge.ir import ends
from mixcomp_edge.ir.interp import Values
from mixcomp_edge.plan.layout import Layout
from mixcomp_edge.quant_plan import QuantPlan
from mixcomp_edge.simulation import Simulation, simulate
from mixcomp_edge.storage import check_file, check_sealed, make_folder, sealed, write_file
from mixcomp_edge.streaming import StepForm, in_steps, step_form
from mixcomp_edge.train.loop.fit import Listener
from mixcomp_edge.train.metrics import report
from mixcomp_edge.train.quantize import (
    Quantized,
    check_checkpoints,
    delete_checkpoints,
    integer_inputs,
    measured,
    quantize,
    score,
)
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.task import Split, Task
from mixcomp_edge.transports import Transport
from mixcomp_edge.verification import Verdict, open_transport, verify

RESULTS, PAGE = "report.json", "report.html"  # the page is made of the results by who calls
Stage = Callable[[str, int, int], None]  # (what, done, of)


@dataclass(frozen=True)
class Scores:
    """The task's metric by implementation, on the first `inputs` of the test set; unit "share" is 0..1. None without
    data, or where no metric is known."""

    name: str | None
    unit: str | None
    float_model: float | None = None
    python_integer: float | None = None
    c_host: float | None = None
    c_emulated: float | None = None
    inputs: int = 0
    emulated_inputs: int = 0


@dataclass(frozen=True)
class RunResult:
    """What `run` found. `differing_outputs`: output elements in which an implementation leaves the definition.
    `classes`: what the integers took each class of the test set for (`metrics.report`), None where there are none."""

    task: str
    metric: Scores
    differing_outputs: int
    verdicts: tuple[Verdict, ...]
    simulation: Simulation
    classes: dict[str, Any] | None = None

    @property
    def exact(self) -> bool:
        """Whether every implementation agrees to the bit."""
        return (
            self.differing_outputs == 0 and not any(v.mismatches for v in self.verdicts) and self.simulation.bit_exact
        )

    def as_dict(self) -> dict[str, Any]:
        return {"exact": self.exact, **asdict(self)}


def run_task(
    task: Task,
    folder: str | Path,
    *,
    bundle: Bundle | None = None,
    plan: QuantPlan | None = None,
    recipe: Recipe | None = None,
    target_name: str = "cortex-m4",
    emulated_inputs: int = 500,
    chain_name: str | None = None,
    force: bool = False,
    warn: Callable[[str], None] = lambda text: None,
    listener: Listener | None = None,
    stage: Stage = lambda what, done, of: None,
) -> RunResult:
    """Writes `folder`/<task>.mce, `folder`/c (the project) and `folder`/report.json.

    bundle: an earlier result for this task, taken instead of quantizing again. emulated_inputs: how many test samples
    also run on the emulated core. force: replace what `check_run` would refuse; `warn` hears what."""
    folder = Path(folder)
    check_run(task.name, folder, force=force)
    bundle_file, project = folder / f"{task.name}.mce", folder / "c"
    if bundle is not None:
        quantized = measured(task, bundle)
    else:
        quantized = quantize(task, plan, recipe, checkpoint=bundle_file, listener=listener)
    save_bundle(quantized.bundle, bundle_file)
    delete_checkpoints(bundle_file)
    form = None if task.stream is None else step_form(quantized.bundle.graph, task.stream)
    exported = quantized.bundle if task.stream is None else quantized.bundle.stream(task.stream)
    layout = export(exported, target_name, project, force=force, warn=warn)

    verdicts = tuple(
        verify(project, on=on, count=5, chain_name=chain_name, progress=partial(stage, f"verify on {on}"))
        for on in ("host", "emulator")
    )
    scores, differing = Scores(task.objective.name, task.objective.unit), 0
    if task.test is not None:
        runs = [_Runs(on, layout, form, project, chain_name, stage) for on in ("host", "emulator")]
        scores, differing = _test_set(task, task.test, quantized, runs, emulated_inputs)
    simulation = simulate(project, chain_name=chain_name)
    result = RunResult(task.name, scores, differing, verdicts, simulation, classes_found(task, quantized))
    write_file(folder / RESULTS, sealed(result.as_dict()))
    return result


def check_run(task_name: str, folder: Path, *, force: bool = False) -> None:
    """StorageError where `run` may not write: a bundle of another task, results, a page of them or a project that are
    not ours or were changed since, or a place that cannot be written."""
    make_folder(folder)
    bundle_file = folder / f"{task_name}.mce"
    if bundle_file.exists() and not force and not _is_of(bundle_file, task_name):
        raise StorageError(f"{bundle_file}: is no bundle of {task_name}. Move it, or pass --force to replace it.")
    check_file(bundle_file)
    check_checkpoints(bundle_file)
    for name in (RESULTS, PAGE):
        check_sealed(folder / name, force=force)
    check_export(folder / "c", task_name, force=force)


def _is_of(bundle_file: Path, task_name: str) -> bool:
    try:
        return load_bundle(bundle_file).origin.get("task") == task_name
    except BundleError:
        return False


def _test_set(
    task: Task, test: Split, quantized: Quantized, runs: list[_Runs], emulated_inputs: int
) -> tuple[Scores, int]:
    """The metric of the interpreter, the host library and the emulated core, and how many output elements differ from
    the interpreter's among these."""
    graph = quantized.bundle.graph
    x = integer_inputs(task, test, graph)
    few = min(emulated_inputs, len(test))
    reference = quantized.integer_outputs
    assert reference is not None
    on_host, on_core = (run(tuple(value[:n] for value in x)) for run, n in zip(runs, (len(test), few), strict=True))
    pairs = [pair for found in (on_host, on_core) for pair in zip(reference, found, strict=True)]
    differing = sum(int(np.sum(want[: len(got)] != got)) for want, got in pairs)
    scores = Scores(
        task.objective.name,
        task.objective.unit,
        float_model=quantized.float_score,
        python_integer=score(task, test, graph, reference),
        c_host=score(task, test, graph, on_host),
        c_emulated=score(task, test.part(slice(few)), graph, on_core),
        inputs=len(test),
        emulated_inputs=few,
    )
    return scores, differing


def classes_found(task: Task, quantized: Quantized) -> dict[str, Any] | None:
    """The confusion matrix and each class of the test set by the integers; None where its targets are no classes."""
    sinks, outputs = ends.outputs(quantized.bundle.graph), quantized.integer_outputs
    if task.test is None or outputs is None or len(sinks) != 1 or not isinstance(task.test.y, np.ndarray):
        return None
    found = report(sinks[0].real(outputs[0]), task.test.y, dict(enumerate(task.classes)))
    return found if found is not None and "confusion" in found else None


@dataclass(frozen=True)
class _Runs:
    """The C on a transport. `form`: a step form, whose steps make the whole sequences."""

    on: str
    layout: Layout
    form: StepForm | None
    project: Path
    chain_name: str | None
    stage: Stage

    def __call__(self, x: Values) -> Values:
        """Each output (N, *shape) of inputs (N, *shape)."""

        def tell(done: int, of: int) -> None:
            self.stage(f"test set on {self.on}", done, of)

        transport = open_transport(self.on, self.project, self.layout, self.chain_name)
        try:
            if self.form is None:
                return run_inputs(transport, self.layout, x, tell)
            return in_steps(self.form, x, lambda read: run_inputs(transport, self.layout, read), tell)
        finally:
            transport.close()


def run_inputs(
    transport: Transport, layout: Layout, x: Values, progress: Callable[[int, int], None] = lambda done, of: None
) -> Values:
    """Each output (N, *shape) of a transport for inputs (N, *shape)."""
    sources, sinks = ends.inputs(layout.graph), ends.outputs(layout.graph)
    packed = np.array([np.frombuffer(ends.pack(sources, sample), np.uint8) for sample in zip(*x, strict=True)])
    outputs = [ends.unpack(sinks, y.tobytes()) for y in transport.infer_batch(packed, progress)]
    return tuple(np.array(values) for values in zip(*outputs, strict=True))
