"""`mixcomp-edge bench` on the smallest of the networks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from mixcomp_edge.bench import measure, networks, run
from mixcomp_edge.bench.networks import DEFAULT_PLAN, plan_for
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.cli.bench import as_json, register
from mixcomp_edge.errors import BenchError
from mixcomp_edge.quant_plan import LayerPlan, QuantPlan
from sdk.bench.results import board, result
from sdk.cli.test_verbs import command, one_object, refusal

SMALL = ("bench", "--network", "autoencoder", "--act-bits", "4", "--granularity", "tensor")
CHAIN = next(iter(toolchains()))


def test_the_object_has_the_layers_and_their_peers(tmp_path):
    value = one_object(command(*SMALL, "--compiler", CHAIN, "--functions", "--json"))
    assert list(value) == ["target", "compiler", "networks"]
    assert value["target"] == "cortex-m4"
    assert value["compiler"].startswith(CHAIN)
    (network,) = value["networks"]
    assert (network["model"], network["act_bits"], network["macs"]) == ("autoencoder", 4, 264_192)
    assert network["bit_exact"] is True
    assert network["compiler"] == value["compiler"]
    assert network["peer_instructions"] == 579_084
    assert network["ratio"] == round(network["instructions"] / 579_084, 4)
    assert network["instructions"] >= sum(layer["instructions"] for layer in network["layers"])
    assert [layer["peer_instructions"] for layer in network["layers"]][:2] == [160_046, 37_166]
    assert [layer["input_bits"] for layer in network["layers"]][:2] == [8, 4]
    assert network["granularity"] == "tensor"
    (board,) = network["boards"]
    assert (board["chip"], board["published_ms"], board["published_by"]) == ("stm32l4r5", 4.05, "Plumerai, v1.1")
    assert board["latency_ms"] == pytest.approx(board["cycles"] / 120e3, rel=1e-3)
    assert board["ratio"] == board["latency_ms"] / 4.05
    assert network["instructions"] < board["cycles"] - board["stall_cycles"]
    assert 0 < board["bounds_ms"][0] < board["latency_ms"] < board["bounds_ms"][1]
    assert network["packing"] == pytest.approx(1.0, abs=0.03)
    flash = network["flash_bytes"]
    assert flash["weights"] + flash["code"] == flash["total"]
    assert sum(network["symbols"].values()) <= flash["total"] + 32  # the emulator's entry is counted, too
    assert sum(network["symbols"].values()) > 0.98 * flash["total"]


def test_a_network_that_cmsis_nn_was_not_measured_on_stands_beside_our_own_int8():
    value = one_object(
        command(
            "bench", "--network", "tcn", "--act-bits", "8", "--granularity", "channel", "--compiler", CHAIN, "--json"
        )
    )
    (network,) = value["networks"]
    assert network["bit_exact"] is True
    assert (network["peer"], network["peer_s4_instructions"]) == ("our int8", None)
    layers = network["layers"]
    assert network["peer_instructions"] == sum(layer["peer_instructions"] for layer in layers)
    adds = [layer for layer in layers if layer["op"] == "add"]  # without weights, so the same work
    assert all(layer["instructions"] == layer["peer_instructions"] for layer in adds)
    assert adds


@pytest.fixture
def made_up(monkeypatch):
    """The command with a result that nobody measured, on a terminal that cuts no column."""
    monkeypatch.setattr("mixcomp_edge.cli.bench.output", Console(width=200))
    app = typer.Typer()
    register(app)
    monkeypatch.setattr(run, "run_bench", lambda targets, **words: [result(instructions=1000, boards=(board(),))])
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize(("most", "code"), [(999, 1), (1000, 0)])
def test_check_ends_with_1_when_a_bound_is_exceeded(most, code, made_up, tmp_path):
    bounds = tmp_path / "bounds.toml"
    bounds.write_text(f"[instructions.cortex-m4]\ndscnn = {{ a4 = {most} }}\n")
    done = made_up("--check", "--bounds", bounds, "--json")
    assert done.exit_code == code
    assert [sentence.endswith("the bound is 999.") for sentence in json.loads(done.stdout)["exceeded"]] == [True] * code
    assert made_up("--bounds", bounds).exit_code == 0


def test_an_output_that_differs_ends_with_1(made_up, monkeypatch):
    monkeypatch.setattr(run, "run_bench", lambda targets, **words: [result(bit_exact=False)])
    assert made_up("--json").exit_code == 1


def test_several_targets_share_one_quantization(monkeypatch):
    calls = []
    monkeypatch.setattr(run, "quantized", lambda *words: calls.append(words) or networks.quantized(*words))
    targets = ["cortex-m4", "cortex-m0plus"]
    best = run.run_bench(targets, networks=["autoencoder"], act_bits=[4], granularities=["channel"], compiler=CHAIN)
    assert len(calls) == 1
    assert calls[0][1].default.granularity == "channel"
    assert [r.target for r in best] == ["cortex-m4", "cortex-m0plus"]
    assert all(r.bit_exact for r in best)
    assert best[0].instructions < best[1].instructions


def test_the_compiler_with_fewer_instructions_counts(monkeypatch):
    costs = {
        "gcc": result(instructions=9),
        "zig": result(instructions=7),
        "bad": result(instructions=1, bit_exact=False),
    }
    monkeypatch.setattr(measure, "_measure", lambda file, target, act_bits, granularity, name: costs[name])
    assert measure.measure(Path("x.mce"), "cortex-m4", 4, "tensor", tuple(costs)) is costs["zig"]


def test_the_tables_show_layers_peers_bounds_and_memory(made_up):
    text = made_up("--functions").stdout
    for word in (
        "stm32l4r5",
        "0.90",
        "43.19",
        "conv1x1",
        "0.50",
        "2,500,000",
        "2,350,000",
        "9,500",
        "53,936",
        "mce_dscnn_run",
        "softmax",
    ):
        assert word in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--network", "vgg"), "unknown network 'vgg'. Known: resnet8, dscnn, mobilenet, autoencoder, "),
        (("--compiler", "icc"), "unknown compiler 'icc'. Known: gcc, zig, best."),
        (("--target", "generic"), "target 'generic' cannot be emulated"),
        (("--plot", "x.gif"), "--plot x.gif: must end in"),
        (("--bounds", "nowhere.toml"), "bounds nowhere.toml: "),
        (("--plan", "."), "has no plan resnet8.toml"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_measured(words, told):
    assert told in refusal(command("bench", *words))


def test_a_plan_keeps_its_layers_and_takes_the_width(tmp_path):
    plan = QuantPlan(LayerPlan("posit4", act_bits=4), {"out": {"weights": "fixp4"}})
    (tmp_path / "autoencoder.toml").write_text(plan.toml())
    found = plan_for("autoencoder", tmp_path, 8)
    assert (found["out"].weights, found["fc.0"].weights, found["fc.0"].act_bits) == ("fixp4", "posit4", 8)
    assert plan_for("dscnn", tmp_path / "autoencoder.toml", 4).layers == plan.layers
    assert plan_for("dscnn", None, 8).default == LayerPlan("fixp4", "tensor", 8, "entropy")
    assert DEFAULT_PLAN.layers == {}
    with pytest.raises(BenchError, match=r"has no plan dscnn\.toml"):
        plan_for("dscnn", tmp_path, 4)


def test_json_of_several_targets_is_one_object():
    value = as_json([result(), result(target="cortex-m3")], ["cortex-m4", "cortex-m3"], functions=False)
    assert [part["target"] for part in value["results"]] == ["cortex-m4", "cortex-m3"]
    assert "symbols" not in value["results"][0]["networks"][0]
    assert json.loads(json.dumps(value))["results"][1]["networks"][0]["layers"][0]["name"] == "pw"
