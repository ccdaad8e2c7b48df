"""What an inference takes does not depend on its data: every address is executed as often, and every branch goes as
often the same way, whatever the input. Cortex-M0+ has no instruction that saturates, so that its clamps branch."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from mixcomp_edge import LayerPlan, QuantPlan, convert, export, load_task, prepare
from mixcomp_edge.bench import NETWORKS
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.ir import ends
from mixcomp_edge.targets import target
from mixcomp_edge.transports.emulator import EmulatedCore

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
IN_CI = {
    ("autoencoder", "cortex-m3", 4, "tensor"), ("autoencoder", "cortex-m4", 8, "channel"),
    ("dscnn", "cortex-m4", 4, "channel"), ("dscnn", "cortex-m55", 4, "tensor"), ("dscnn", "cortex-m0plus", 4, "tensor"),
}  # fmt: skip
CASES = [(n, core, bits, g) for n in NETWORKS for core in CORES for bits in (4, 8) for g in ("tensor", "channel")]


def inputs(node, count: int):
    """Each element the same: lowest, zero, highest; the others noise, every second of extremes alone."""
    rng, (low, high) = np.random.default_rng(7), node.ends
    for level in (low, min(max(0, low), high), high):
        yield np.full(node.shape, level)
    for i in range(count - 3):
        yield rng.choice((low, high), node.shape) if i % 2 else rng.integers(low, high + 1, node.shape)


@pytest.mark.skipif("gcc" not in toolchains(), reason="needs arm-none-eabi-gcc")
@pytest.mark.parametrize(
    ("network", "core", "act_bits", "granularity"),
    [case if case in IN_CI else pytest.param(*case, marks=pytest.mark.long) for case in CASES],
)
def test_an_inference_takes_the_same_way_whatever_its_data(network, core, act_bits, granularity, request, tmp_path):
    if core == "cortex-m55" and shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
    task = load_task(network)
    plan = QuantPlan(LayerPlan(granularity=granularity, act_bits=act_bits))
    bundle = convert(prepare(task.model, task.calibration[:64], plan, network))
    layout = export(bundle, core, tmp_path / "c")
    sources = ends.inputs(bundle.graph)
    count = 100 if request.node.get_closest_marker("long") else 5
    machine = EmulatedCore(tmp_path / "c", layout, target(core), toolchains()["gcc"])
    try:
        runs = [machine.count(ends.pack(sources, (x,)))[0] for x in inputs(sources[0].node, count)]
    finally:
        machine.close()
    assert len(runs) == count
    if core != "cortex-m0plus":
        assert all((run.by_address, run.taken) == (runs[0].by_address, runs[0].taken) for run in runs)
        return
    for step, *counts in zip(layout.steps, *(run.layers for run in runs), strict=False):
        assert max(counts) - min(counts) <= 2 * step.node.elements, step.node.name  # of each output's clamp
    totals = [run.total for run in runs]
    assert max(totals) < 1.005 * min(totals)
