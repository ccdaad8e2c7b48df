"""The int8 form of a network: the same layers in finer steps, exact where nothing had 4 bits; the command around it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from e2e.random_networks import FAMILIES, networks
from mixcomp_edge import Bundle, LayerPlan, QuantPlan, convert, prepare, save_bundle
from mixcomp_edge.bench.int8 import beside, compare_int8
from mixcomp_edge.cli.simulate import print_comparison
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir import interp
from mixcomp_edge.lower.widen import widen
from mixcomp_edge.numerics import codebook
from mixcomp_edge.operators.dense import QDense
from mixcomp_edge.operators.recurrent import QRecurrent
from mixcomp_edge.simulation import simulate
from mixcomp_edge.verification import make_inputs

K = {"u4": 17, "s4": 16, "u8": 1, "s8": 1, "u16": 1, "s16": 1}  # steps of the wide type in one of the type's


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=6)
@given(data=st.data())
def test_each_layer_computes_the_same_in_finer_steps(family, data):
    """A layer that reads k times the integers gives its old output to half an old step, which rounding took away."""
    graph = data.draw(networks(family)).bundle().graph
    wide = widen(graph)
    assert all(node.type.bits >= 8 for node in wide.nodes)
    values = dict(interp.steps(graph, make_inputs(graph, 3)))
    for node in (node for node in graph.nodes if not node.is_input):
        sources = graph.sources(node)
        inputs = [values[source.name] * K[source.type.dtype] for source in sources]
        types = [wide[source.name].type for source in sources]
        fine, k = wide[node.name].evaluate(inputs, types), K[node.type.dtype]
        coarse = values[node.name] * k
        off = np.abs(fine - coarse)
        off[(values[node.name] == node.type.high) & (fine > coarse)] = 0  # s8 has room above 16 * 7
        same = all(value.type.bits >= 8 for value in (node, *sources))
        if isinstance(node, QRecurrent) and not same:
            continue  # it reads its own value again, which is finer
        assert off.max() <= (0 if same else k / 2 + 1), node.name


def test_a_network_of_8_bits_stays_itself_to_the_bit(tiny_bundle):
    import torch
    from torch import nn

    model = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(45, 3))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        graph = convert(prepare(model, torch.rand(16, 2, 6, 6), QuantPlan(LayerPlan(act_bits=8)), "eight")).graph
    x = make_inputs(graph, 6)
    assert_array_equal(interp.run(widen(graph), x), interp.run(graph, x))
    assert [node.type for node in widen(graph).nodes] == [node.type for node in graph.nodes]
    assert_array_equal(
        widen(graph)[graph.output].weights.requant.multiplier, graph[graph.output].weights.requant.multiplier
    )
    assert any(node.type.bits == 4 for node in tiny_bundle.graph.nodes)  # what the other tests compare


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
def test_the_int8_build_computes_what_its_definition_says_and_weighs_more(tiny_mce, core):
    ours = simulate(tiny_mce, target_name=core, count=3)
    comparison = compare_int8(tiny_mce, ours)
    int8 = comparison.int8
    assert int8.bit_exact
    assert comparison.portable == (core == "cortex-m0plus")  # the dense layer has a kernel for DSP
    assert (int8.chip, int8.inputs, int8.macs) == (ours.chip, ours.inputs, ours.macs)
    assert [layer.weights for layer in int8.layers] == ["s8"] * 3
    assert [layer.act_bits for layer in int8.layers] == [8] * 3
    for mine, other in zip(ours.layers, int8.layers, strict=True):
        assert (mine.name, mine.op) == (other.name, other.op)
        assert other.flash_bytes > mine.flash_bytes
    assert int8.flash_bytes["weights"] == sum(layer.flash_bytes for layer in int8.layers)
    assert max(layer.ram_bytes for layer in int8.layers) <= int8.ram_bytes["arena"]


def test_the_command_puts_both_beside_each_other(tiny_mce, capsys):
    from mixcomp_edge.cli import main

    def run(*words: str) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["mixcomp-edge", "simulate", str(tiny_mce), *words])
            with pytest.raises(SystemExit) as ended:
                main()
        assert ended.value.code == 0
        return capsys.readouterr().out

    value = json.loads(run("--compare", "int8", "--json"))
    compared = value["compare"]
    assert compared["with"] == "int8"
    for key in ("instructions", "cycles"):
        assert compared["ratio"][key] == value[key] / compared[key]
    assert [layer["name"] for layer in compared["layers"]] == [layer["name"] for layer in value["layers"]]
    assert compared["cmsis_nn_instructions"] is None  # nobody has counted this network
    assert "compare" not in json.loads(run("--json"))
    assert "ours / int8" in run("--compare", "int8", "--per-layer")


def test_kernels_slower_than_cmsis_nn_are_said_to_be(tiny_mce, tiny_bundle, capsys):
    ours = simulate(tiny_mce)
    known = replace(beside(ours, ours, tiny_bundle.graph, portable=False), cmsis_nn_total=int(ours.instructions / 1.2))
    print_comparison(ours, known)
    assert "1.20 times the instructions of CMSIS-NN" in " ".join(capsys.readouterr().out.split())
    print_comparison(ours, replace(known, cmsis_nn_total=int(ours.instructions / 1.05)))
    shown = capsys.readouterr().out
    assert "CMSIS-NN" in shown
    assert "times the instructions" not in shown
    assert "portable C" not in shown
    print_comparison(ours, replace(known, portable=True))
    assert "portable C" in capsys.readouterr().out


def test_levels_beyond_8_bits_have_no_int8_build(tiny_bundle, tmp_path):
    nodes = tuple(
        replace(node, weights=replace(node.weights, codebook=codebook("posit4e1"), codes=node.weights.codes & 7))
        if isinstance(node, QDense) else node
        for node in tiny_bundle.graph.nodes
    )  # fmt: skip
    save_bundle(Bundle(replace(tiny_bundle.graph, nodes=nodes)), tmp_path / "wide.mce")
    with pytest.raises(ExportError, match="posit4e1 has levels beyond 8 bits"):
        compare_int8(tmp_path / "wide.mce", simulate(tmp_path / "wide.mce"))
