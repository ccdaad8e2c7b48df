"""Contract tflm: TensorFlow Lite Micro itself is the judge, of every tensor that any operation makes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge import Bundle, LayerPlan, QuantPlan, convert, load_bundle, prepare, save_bundle, verify
from mixcomp_edge.bundle import parse_bundle
from mixcomp_edge.codegen.project import export
from mixcomp_edge.errors import ExportError, MixcompError, UnsupportedError
from mixcomp_edge.ir import interp, tflm
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.verify import verify as check
from mixcomp_edge.plan.kernels import catalogue
from mixcomp_edge.tflite.export import content
from mixcomp_edge.tflite.proof import pairs
from mixcomp_edge.verification import make_inputs
from sdk.codegen import zoo
from support.integer_graphs import small_graph
from support.scaled_graphs import OPS, by_tflm, graphs

NETWORKS = ["branches", "branches8", "dense", "one"]


def differences(graph: Graph, count: int = 4) -> list[str]:
    """The tensors that differ, over so many inputs."""
    pytest.importorskip("tflite_micro", reason="the package tflite-micro is missing")
    compared = list(pairs(Bundle(graph), make_inputs(graph, count)))
    assert all(len(tensors) >= len(graph.nodes) - len(graph.inputs) - 2 for tensors in compared)
    return [name for tensors in compared for name, want, got in tensors if not np.array_equal(want, got)]


@pytest.mark.parametrize("op", OPS)
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_tensorflow_lite_micro_computes_each_operator_to_the_bit(op, data):
    assert differences(by_tflm(data.draw(graphs((op,), most=2))), 3) == []


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_tensorflow_lite_micro_computes_random_graphs_to_the_bit(graph):
    assert differences(by_tflm(graph)) == []


@pytest.mark.long
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(most=8))
def test_tensorflow_lite_micro_computes_many_random_graphs_to_the_bit(graph):
    assert differences(by_tflm(graph)) == []


@pytest.mark.parametrize("name", NETWORKS)
def test_tensorflow_lite_micro_computes_a_calibrated_network_to_the_bit(name):
    assert differences(by_tflm(zoo.graph(name))) == []


def test_a_wrong_weight_is_found_and_named(monkeypatch):
    """The file is made of another bundle than the definition runs on."""
    pytest.importorskip("tflite_micro", reason="the package tflite-micro is missing")
    graph = by_tflm(zoo.graph("dense"))
    layer = next(node for node in graph.nodes if hasattr(node, "weights"))
    other = replace(layer, weights=replace(layer.weights, bias=layer.weights.bias + 1000))
    damaged = graph.with_nodes(other if node is layer else node for node in graph.nodes)
    from mixcomp_edge.tflite import proof

    made = proof.content(Bundle(damaged))
    monkeypatch.setattr(proof, "content", lambda bundle, decode: made)
    assert layer.name in differences(graph)


def test_a_bundle_keeps_its_contract_and_its_outputs(tmp_path):
    graph = by_tflm(zoo.graph("branches8"))
    save_bundle(Bundle(graph), tmp_path / "m.mce")
    loaded = load_bundle(tmp_path / "m.mce")
    x = make_inputs(graph, 3)
    assert loaded.graph.contract == "tflm"
    np.testing.assert_array_equal(interp.run(loaded.graph, x), interp.run(graph, x))
    assert Bundle(graph).sha256 != Bundle(zoo.graph("branches8")).sha256


@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_weights_in_codes_and_a_table_compute_the_same_in_a_smaller_file(granularity):
    pytest.importorskip("tflite_micro", reason="the package tflite-micro is missing")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(21, 9, 3), nn.ReLU(), nn.Conv2d(9, 21, 3), nn.Flatten(), nn.Linear(21 * 3 * 2, 16))
    plan = QuantPlan(LayerPlan(weights="posit4", granularity=granularity))
    bundle = convert(prepare(net, torch.rand(8, 21, 7, 6), plan, name="net"), contract="tflm")
    (plain, whole), (network, small) = (content(bundle, decode=decode) for decode in (False, True))
    assert [op.kind for op in network.operations].count("TFLM_DECODE") == 3
    assert len(small) < len(whole) - 200
    assert "AddDecode" in network.registered
    x = make_inputs(bundle.graph, 3)
    compared = [tensor for tensors in pairs(bundle, x, decode=True) for tensor in tensors]
    assert len(compared) == 3 * len(plain.operations)
    assert all(np.array_equal(want, got) for _, want, got in compared)


def test_verify_on_tflm_counts_every_tensor_and_refuses_other_contracts(tmp_path):
    pytest.importorskip("tflite_micro", reason="the package tflite-micro is missing")
    graph = by_tflm(zoo.graph("dense"))
    save_bundle(Bundle(graph), tmp_path / "m.mce")
    verdict = verify(tmp_path / "m.mce", on="tflm", count=3)
    assert (verdict.transport, verdict.inputs, verdict.mismatches) == ("tflm", 3, 0)
    assert verdict.elements > 3 * sum(node.elements for node in graph.nodes if not node.is_input)  # MINIMUMs, too
    save_bundle(zoo.bundle("dense"), tmp_path / "q.mce")
    with pytest.raises(ExportError, match=r"rounds by contract q32.*--contract tflm"):
        verify(tmp_path / "q.mce", on="tflm")


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m3", "cortex-m0plus", "cortex-m55"])
@pytest.mark.parametrize("name", ["branches", "branches8"])
def test_exported_c_computes_what_the_contract_says(name, core, tmp_path):
    on = "host" if core == "cortex-m55" else "emulator"
    save_bundle(Bundle(by_tflm(zoo.graph(name))), tmp_path / "m.mce")
    verdict = verify(tmp_path / "m.mce", on=on, target_name=core, count=3)
    assert verdict.mismatches == 0
    assert verdict.elements > 5000


class Own(nn.Module):
    """Operators that have kernels of their own in the contract: resize, a sum that joins no convolution, softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv(x))
        x = F.interpolate(x, size=(7, 10), mode="bilinear") + F.interpolate(x, size=(7, 10), mode="nearest")
        return F.softmax(self.fc(x.amax((2, 3))), 1)


def test_c_of_nothing_but_the_contracts_own_kernels_builds_and_is_right(tmp_path):
    torch.manual_seed(0)
    bundle = convert(prepare(Own().eval(), torch.randn(16, 2, 6, 7), name="own"), contract="tflm")
    assert {"resize", "add", "softmax"} <= {node.op for node in bundle.graph.nodes}
    save_bundle(bundle, tmp_path / "m.mce")
    assert verify(tmp_path / "m.mce", on="host", count=3).mismatches == 0


def test_an_export_calls_the_kernels_of_its_contract_and_brings_their_headers(tmp_path):
    export(Bundle(by_tflm(zoo.graph("branches"))), "cortex-m4", tmp_path / "c")
    names = {path.stem for path in (tmp_path / "c" / "src").glob("mce_*__*.c")}
    assert names <= {kernel.name for kernel in catalogue("tflm")}
    assert any(name.endswith("_tflm__dsp") for name in names)
    assert (tmp_path / "c" / "include" / "mixcomp" / "internal" / "tflm.h").is_file()


def test_a_graph_whose_factors_are_not_its_scales_is_refused():
    with pytest.raises(UnsupportedError, match="add: TensorFlow Lite Micro has no factors but those of the scales"):
        by_tflm(small_graph())


def test_what_the_contract_does_not_define_is_refused_by_name():
    found = zoo.graph("residual8")
    with pytest.raises(MixcompError, match="avg_pool2d: TensorFlow Lite Micro has no average pool"):
        by_tflm(found)


def test_a_file_of_an_unknown_contract_is_refused():
    with pytest.raises(MixcompError, match="'q31'"):
        check(replace(zoo.graph("dense"), contract="q31"))
    assert parse_bundle(Bundle(by_tflm(zoo.graph("dense"))).to_bytes()).graph.contract == "tflm"
    assert set(tflm.RULES) >= {"CONV_2D", "FULLY_CONNECTED", "SOFTMAX"}
