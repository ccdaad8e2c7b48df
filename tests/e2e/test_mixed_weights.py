"""One network whose layers have 8-bit weights, fixed point, NormalFloat and learned levels side by side: its C equals
the definition on a PC and on every core."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mixcomp_edge import Bundle, LayerPlan, QuantPlan, convert, export, prepare
from mixcomp_edge.bundle import parse_bundle
from mixcomp_edge.simulation import measure_core
from mixcomp_edge.verification import compare, emulated_core, make_inputs, open_transport
from support.kernels import preferred

PLAN = {
    "stem": {"weights": "int8"}, "deep": {"weights": "int8"}, "middle": {"weights": "nf4"},
    "point": {"weights": "int8"}, "last": {"weights": "lut4", "act_bits": 8}, "wide": {"weights": "lut4"},
    "fc": {"weights": "int8"},
}  # fmt: skip


class Mixed(nn.Module):
    """Plain, depthwise, pointwise with a residual, strided and dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.deep = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.middle, self.point = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 8, 1)
        self.last, self.plain, self.wide = nn.Conv2d(8, 5, 3, stride=2), nn.Linear(45, 16), nn.Linear(16, 9)
        self.fc = nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        x = (self.point(self.middle(self.deep(x).relu()).relu()) + x).relu()
        return self.fc(self.wide(self.plain(self.last(x).relu().flatten(1)).relu()).relu())


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model, calibration = Mixed(), torch.randn(32, 3, 7, 7)
    made = convert(prepare(model, calibration, QuantPlan(LayerPlan(act_bits=4), PLAN), "mixed"))
    return parse_bundle(made.to_bytes())


def test_the_layers_have_the_formats_of_the_plan(bundle):
    formats = {name: bundle.graph[name].weights.codebook.name for name in (*PLAN, "plain")}
    assert formats == {name: entry["weights"] for name, entry in PLAN.items()} | {"plain": "fixp4"}
    learned = [bundle.graph[name].weights.codebook for name in ("last", "wide")]
    assert learned[0].levels != learned[1].levels


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55"])
def test_layers_of_different_widths_and_formats_are_exact_on_every_core(core, bundle, tmp_path: Path):
    if core == "cortex-m55" and shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
    layout = export(bundle, core, tmp_path / "c", kernels=preferred(bundle.graph, core))
    for on in ("host", "emulator"):
        transport = open_transport(on, tmp_path / "c", layout)
        try:
            verdict = compare(transport, layout, make_inputs(bundle.graph, 4))
        finally:
            transport.close()
        assert verdict.first_mismatch is None
        assert verdict.elements > 0


def test_flash_counts_a_byte_for_each_int8_weight(bundle, tmp_path: Path):
    layout = export(bundle, "cortex-m0plus", tmp_path / "c")
    core = emulated_core(tmp_path / "c", layout)
    try:
        found = {layer.name: layer for layer in measure_core(core, layout, make_inputs(bundle.graph, 1)).layers}
    finally:
        core.close()
    assert [found[name].weights for name in ("stem", "middle", "last", "plain")] == ["int8", "nf4", "lut4", "fixp4"]
    bias_and_multipliers = 2 * 4 * 8
    assert found["stem"].flash_bytes == 8 * 27 + bias_and_multipliers
    assert found["deep"].flash_bytes == 8 * 9 + bias_and_multipliers
