"""Networks that hold every operator, side by side: an input and an output of its own for each, whose values have one of
the four types, random shapes and worst-case weights. Machine code equals the definition on every core."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from firmware.layers import layer
from mixcomp_edge import Bundle, save_bundle, verify
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.types import DTYPES, WIDE
from mixcomp_edge.ir.verify import MAX_ENDS
from mixcomp_edge.ir.verify import verify as checked
from mixcomp_edge.plan.kernels import catalogue
from mixcomp_edge.targets import targets

READ = {act: sorted({kernel.op for kernel in catalogue() if act in kernel.act}) for act in (*DTYPES, *WIDE)}
CORES = [name for name, target in targets().items() if target.core]


def every_operator(dtype: str, seed: int) -> list[Graph]:
    """Side by side in a few graphs, so that each has ends to spare: some operators have several inputs."""
    rng, count = np.random.default_rng(seed), -(-2 * len(READ[dtype]) // MAX_ENDS)
    return [side_by_side(READ[dtype][i::count], dtype, f"every_{dtype}_{seed}_{i}", rng) for i in range(count)]


def side_by_side(ops: list[str], dtype: str, name: str, rng: np.random.Generator) -> Graph:
    inputs: list[Node] = []
    others: list[Node] = []
    outputs = {}
    for op in ops:
        for node in layer(op, dtype, rng)[0].nodes:
            moved = replace(node, name=f"{op}_{node.name}", inputs=tuple(f"{op}_{name}" for name in node.inputs))
            (inputs if node.is_input else others).append(moved)
        outputs[f"{op}_out"] = others[-1].name
    return checked(Graph(name, (*inputs, *others), outputs))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
@pytest.mark.parametrize(
    "where", [pytest.param(where, marks=[pytest.mark.long] * (where != "cortex-m4")) for where in ("host", *CORES)]
)
@pytest.mark.parametrize("dtype", READ)
def test_machine_code_equals_the_definition_of_every_operator(dtype, where, seed, tmp_path):
    graphs = every_operator(dtype, seed)
    assert {node.op for graph in graphs for node in graph.nodes} >= set(READ[dtype])
    on = {"on": "host"} if where == "host" else {"on": "emulator", "target_name": where}
    for graph in graphs:
        save_bundle(Bundle(graph), tmp_path / f"{graph.name}.mce")
        verdict = verify(tmp_path / f"{graph.name}.mce", count=4, **on)
        assert verdict.first_mismatch is None
        assert verdict.elements > 0
