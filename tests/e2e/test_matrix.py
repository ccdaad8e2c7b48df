"""The built-in tasks, calibrated only, in each width and format: the C equals the definition on the host and on every
core. Nothing here depends on how well a task is learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixcomp_edge import LayerPlan, QuantPlan, Recipe, convert, load_task, prepare, save_bundle
from mixcomp_edge.ir import ops
from mixcomp_edge.lower import simplify
from mixcomp_edge.targets import targets
from mixcomp_edge.train.frontend import import_model
from mixcomp_edge.train.quantize import quantize
from mixcomp_edge.verification import verify

TASKS = ["digits", "resnet8", "dscnn", "mobilenet", "autoencoder"]
CORES = [name for name, target in targets().items() if target.core]
FORMATS = ["fixp4", "posit4sc4", "mixed"]
CYCLE = ["fixp4", "posit4", "posit4sc8", "posit4e1", "posit4sc4"]


@pytest.fixture(scope="session")
def bundle_file(request, tmp_path_factory):
    """(task, act_bits, format) -> its bundle; made once by each worker that asks for it."""
    folder, made = tmp_path_factory.mktemp("matrix"), {}

    def make(task: str, act_bits: int, weights: str) -> Path:
        key = (task, act_bits, weights)
        if key not in made:
            made[key] = folder / f"{task}_{act_bits}_{weights}.mce"
            save_bundle(calibrated(task, act_bits, weights), made[key])
        return made[key]

    return make


def calibrated(name: str, act_bits: int, weights: str):
    """The task's bundle without any training."""
    task = load_task(name)
    plan = QuantPlan(LayerPlan("fixp4" if weights == "mixed" else weights, act_bits=act_bits))
    if weights == "mixed":  # another format, granularity and width from layer to layer
        graph = simplify(import_model(task.model, task.input_shape, name))
        layers = [node.name for node in graph.nodes if isinstance(node, ops.Conv2d | ops.Dense)]
        changes = {
            layer: {
                "weights": CYCLE[i % 5],
                "granularity": ("channel", "tensor")[i % 2],
                "act_bits": (act_bits, 12 - act_bits, act_bits)[i % 3],
            }
            for i, layer in enumerate(layers)
        }
        plan = QuantPlan(plan.default, changes)
    return convert(prepare(task.model, task.calibration[:64], plan, name))


@pytest.fixture
def needs_data(request):
    """Skips what is not the task digits when there is no data folder."""
    if request.node.callspec.params["task"] != "digits":
        request.getfixturevalue("data_folder")


@pytest.mark.usefixtures("needs_data")
@pytest.mark.parametrize("weights", FORMATS)
@pytest.mark.parametrize("act_bits", [4, 8])
@pytest.mark.parametrize("task", TASKS)
def test_c_on_the_host_equals_the_definition_in_every_layer(task, act_bits, weights, bundle_file):
    verdict = verify(bundle_file(task, act_bits, weights), count=5)
    assert verdict.first_mismatch is None
    assert verdict.elements > 0


@pytest.mark.usefixtures("needs_data")
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("weights", FORMATS)
@pytest.mark.parametrize("act_bits", [4, 8])
@pytest.mark.parametrize("task", TASKS)
def test_machine_code_equals_the_definition_in_every_layer(task, act_bits, weights, core, bundle_file):
    verdict = verify(bundle_file(task, act_bits, weights), on="emulator", target_name=core, count=1)
    assert verdict.first_mismatch is None


def test_quantize_without_epochs_gives_the_calibrated_bundle_and_both_accuracies():
    """The task's own way: digits trains its float model first, here for one epoch."""
    from dataclasses import replace

    task = load_task("digits")
    result = quantize(replace(task, float_recipe=Recipe(epochs=1, batch_size=64, lr=0.1)), recipe=Recipe(epochs=0))
    assert 0.2 < result.float_accuracy <= 1
    assert 0.2 < result.integer_accuracy <= 1
    assert result.bundle.graph.name == "digits"
