"""The built-in tasks, calibrated only, in each width and format: the C equals the definition on the host and on every
core. Nothing here depends on how well a task is learned."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

from mixcomp_edge import LayerPlan, QuantPlan, Recipe, convert, export, load_bundle, load_task, prepare, save_bundle
from mixcomp_edge.build.cross import ENTRY, toolchains
from mixcomp_edge.frontend.torch_export import import_model
from mixcomp_edge.ir import ends
from mixcomp_edge.lower import simplify
from mixcomp_edge.operators.conv2d import Conv2d
from mixcomp_edge.operators.dense import Dense
from mixcomp_edge.plan.layout import lay_out
from mixcomp_edge.simulation import simulate
from mixcomp_edge.targets import target, targets
from mixcomp_edge.train.quantize import quantize
from mixcomp_edge.transports.emulator import EmulatedCore
from mixcomp_edge.verification import make_inputs, verify
from mixcomp_sim import Emulator
from support.kernels import preferred

TASKS = ["digits", "resnet8", "dscnn", "mobilenet", "autoencoder"]
CORES = [name for name, target in targets().items() if target.core and target.core != "cortex-m55"]
NETWORKS = TASKS[1:]  # of MLPerf Tiny
FORMATS = ["fixp4", "posit4sc4", "mixed"]
HOST_LONG = ["mobilenet", "autoencoder"]  # in CI by machine code alone
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
        layers = [node.name for node in graph.nodes if isinstance(node, Conv2d | Dense)]
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
def qemu(request):
    """Skips where QEMU is not installed."""
    riscv = request.node.callspec.params.get("core") == "riscv32"
    program = "qemu-system-riscv32" if riscv else "qemu-system-arm"
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


@pytest.fixture
def needs_data(request):
    """Skips what is not the task digits when there is no data folder."""
    if request.node.callspec.params["task"] != "digits":
        request.getfixturevalue("data_folder")


@pytest.mark.usefixtures("needs_data")
@pytest.mark.parametrize(
    "weights", [*(pytest.param(name, marks=pytest.mark.long) for name in FORMATS if name != "mixed"), "mixed"]
)
@pytest.mark.parametrize("act_bits", [4, 8])
@pytest.mark.parametrize("task", [pytest.param(name, marks=[pytest.mark.long] * (name in HOST_LONG)) for name in TASKS])
def test_c_on_the_host_equals_the_definition_in_every_layer(task, act_bits, weights, bundle_file):
    verdict = verify(bundle_file(task, act_bits, weights), count=5)
    assert verdict.first_mismatch is None
    assert verdict.elements > 0


def is_long(core: str, weights: str, act_bits: int) -> bool:
    """Each format by itself on M4, all mixed elsewhere, where a third of the layers has the other width. RISC-V runs
    kernels of plain C, which are met elsewhere: digits by the test below."""
    return core == "riscv32" or (
        core != "cortex-m4" and (weights != "mixed" or act_bits != (4, 8)[CORES.index(core) % 2])
    )


@pytest.mark.usefixtures("needs_data")
@pytest.mark.parametrize(
    ("core", "weights", "act_bits"),
    [
        pytest.param(*case, marks=[pytest.mark.long] * is_long(*case))
        for case in itertools.product(CORES, FORMATS, (4, 8))
    ],
)
@pytest.mark.parametrize("task", TASKS)
def test_machine_code_equals_the_definition_in_every_layer(task, act_bits, weights, core, bundle_file):
    verdict = verify(bundle_file(task, act_bits, weights), on="emulator", target_name=core, count=1)
    assert verdict.first_mismatch is None


@pytest.mark.parametrize(("chain", "act_bits"), [("gcc", 4), ("zig", 8)])
def test_riscv_computes_what_the_definition_says_too(chain, act_bits, bundle_file):
    if chain not in toolchains(target("riscv32").triple):
        pytest.skip(f"no {chain} for RISC-V")
    verdict = verify(
        bundle_file("digits", act_bits, "mixed"), on="emulator", target_name="riscv32", count=2, chain_name=chain
    )
    assert verdict.first_mismatch is None


def test_riscv_takes_at_most_half_of_the_instructions_of_portable_c(bundle_file, tmp_path):
    bundle, totals = load_bundle(bundle_file("digits", 4, "fixp4")), {}
    for kernels in ("riscv32", "generic"):
        export(bundle, "riscv32", tmp_path / kernels, kernels=preferred(bundle.graph, kernels))
        totals[kernels] = simulate(tmp_path / kernels, chain_name="zig").instructions
    assert totals["riscv32"] <= 0.5 * totals["generic"]


@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("core", CORES)
def test_resnet8_stays_within_its_flash_and_ram(core, bundle_file):
    """Half of what TensorFlow Lite Micro takes for it: 98,496 B of model, 54,996 B of arena."""
    layout = lay_out(load_bundle(bundle_file("resnet8", 4, "fixp4")).graph, target(core))
    assert layout.weight_bytes <= 42_500
    assert layout.arena.total_bytes <= 27_000


@pytest.mark.usefixtures("needs_data", "qemu")
@pytest.mark.parametrize("act_bits", [4, 8])
@pytest.mark.parametrize("task", TASKS)
def test_machine_code_with_mve_equals_the_definition_in_every_layer(task, act_bits, bundle_file):
    file = bundle_file(task, act_bits, "mixed")
    verdict = verify(file, on="emulator", target_name="cortex-m55", count=1)
    assert verdict.first_mismatch is None


@pytest.mark.usefixtures("needs_data", "qemu")
@pytest.mark.parametrize(
    ("core", "task"),
    [
        pytest.param(core, task, marks=[pytest.mark.long] * (core == "riscv32" and task != "dscnn"))
        for core, task in itertools.product(CORES, NETWORKS)
    ],
)
def test_unicorn_and_qemu_count_the_same_instructions_in_every_layer(task, core, bundle_file, tmp_path):
    bundle = load_bundle(bundle_file(task, 4, "fixp4"))
    layout = export(bundle, core, tmp_path / task)
    x = ends.pack(ends.inputs(bundle.graph), make_inputs(bundle.graph, 1))
    board = EmulatedCore(tmp_path / task, layout, target(core), engine="qemu")
    try:
        theirs, stack_bytes = board.count(x)
        emulator = Emulator(board.elf, target(core).core)
        emulator.write(board.arena.address + layout.arena.offsets[board.inputs[0].node.name], x)
        ours = emulator.call(ENTRY, count=True)
    finally:
        board.close()
    assert ours.counts == theirs
    assert ours.stack_bytes == stack_bytes
    assert len(theirs.layers) == len(layout.steps) + 1
    assert theirs.total > sum(step.node.macs for step in layout.steps) / 20  # four MACs in an instruction, at most


@pytest.mark.usefixtures("data_folder")
def test_the_flash_is_followed_without_changing_what_the_network_computes(bundle_file):
    """clang's code for it loads from flash inside IT blocks. `simulate` compares the counts of both runs itself."""
    result = simulate(bundle_file("resnet8", 4, "fixp4"), target_name="cortex-m3", chain_name="zig")
    assert result.bit_exact
    assert result.stall_cycles > 100_000


def test_quantize_without_epochs_gives_the_calibrated_bundle_and_both_accuracies():
    """The task's own way: digits trains its float model first, here for one epoch."""
    from dataclasses import replace

    task = load_task("digits")
    result = quantize(replace(task, float_recipe=Recipe(epochs=1, batch_size=64, lr=0.1)), recipe=Recipe(epochs=0))
    assert 0.2 < result.float_score <= 1
    assert 0.2 < result.integer_score <= 1
    assert result.bundle.graph.name == "digits"
