"""The chosen kernels are the best of all that can serve: judged by linked images and whole simulations."""

from __future__ import annotations

import json
from itertools import product

import pytest

from mixcomp_edge import export
from mixcomp_edge.choosing import Goal, choose
from mixcomp_edge.codegen.project import chosen_kernels, read_project
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.operators.reshape import QReshape
from mixcomp_edge.plan.kernels import candidates
from mixcomp_edge.plan.layout import lay_out
from mixcomp_edge.simulation import simulate
from mixcomp_edge.targets import target
from mixcomp_edge.verification import verify

CORE = "cortex-m3"


@pytest.fixture(scope="module")
def simulations(tiny_bundle, tmp_path_factory):
    """Kernels of each layer -> the simulated model, for every combination."""
    nodes = [n for n in tiny_bundle.graph.nodes[1:] if isinstance(n, QNode) and not isinstance(n, QReshape)]
    options = [[kernel.name for kernel, _ in candidates(tiny_bundle.graph, n, target(CORE).isas)] for n in nodes]
    assert any(len(names) > 1 for names in options)
    found = {}
    for names in product(*options):
        folder = tmp_path_factory.mktemp("combination") / "c"
        kernels = dict(zip((n.name for n in nodes), names, strict=True))
        export(tiny_bundle, CORE, folder, kernels=kernels)
        found[names] = simulate(folder)
    return found


def test_speed_takes_the_fewest_instructions_of_all_combinations(tiny_bundle, simulations):
    choice = choose(tiny_bundle, CORE, Goal.speed)
    chosen = simulations[tuple(choice.kernels.values())]
    assert chosen.instructions == min(simulation.instructions for simulation in simulations.values())
    assert [layer.costs[layer.kernel] for layer in choice.layers] == pytest.approx(
        [layer.instructions for layer in chosen.layers],
        rel=0.02,  # the kernels' branches depend on the input
    )


def test_size_takes_the_least_flash_of_all_combinations(tiny_bundle, simulations):
    choice = choose(tiny_bundle, CORE, Goal.size)
    sizes = {names: simulation.flash_bytes["total"] for names, simulation in simulations.items()}
    assert sizes[tuple(choice.kernels.values())] <= min(sizes.values()) + 32  # the linker aligns
    assert min(sizes.values()) < max(sizes.values()) - 500


def test_balanced_takes_the_least_product_of_all_combinations(tiny_bundle, simulations):
    choice = choose(tiny_bundle, CORE, Goal.balanced)
    products = {names: s.flash_bytes["total"] * s.instructions for names, s in simulations.items()}
    assert products[tuple(choice.kernels.values())] <= min(products.values()) * 1.01  # the linker aligns
    assert min(products.values()) < 0.9 * max(products.values())


def test_a_flash_budget_takes_the_fastest_that_keeps_to_it(tiny_bundle, simulations):
    sizes = sorted(simulation.flash_bytes["total"] for simulation in simulations.values())
    room = 160  # what some kernels draw in from the compiler's library is counted for all
    for budget in (sizes[0] + room, (sizes[0] + sizes[-1]) // 2, sizes[-1] + room):
        chosen = simulations[tuple(choose(tiny_bundle, CORE, Goal.speed, flash_budget=budget).kernels.values())]
        within = [s.instructions for s in simulations.values() if s.flash_bytes["total"] <= budget - room]
        assert chosen.flash_bytes["total"] <= budget
        assert chosen.instructions <= min(within)


def test_a_limit_of_instructions_takes_the_smallest_that_keeps_to_it(tiny_bundle, simulations):
    counts = sorted(simulation.instructions for simulation in simulations.values())
    limit = (counts[0] + counts[-1]) // 2
    choice = choose(tiny_bundle, CORE, Goal.size, max_instructions=limit)
    chosen = simulations[tuple(choice.kernels.values())]
    assert choice.instructions == pytest.approx(chosen.instructions, rel=0.02)
    assert chosen.flash_bytes["total"] <= choice.flash_bytes <= chosen.flash_bytes["total"] + 160
    within = [s.flash_bytes["total"] for s in simulations.values() if s.instructions <= 0.98 * limit]
    assert chosen.instructions <= 1.02 * limit
    assert chosen.flash_bytes["total"] <= min(within) + 32


def test_limits_that_no_choice_keeps_to_are_refused_with_what_can_be_had(tiny_bundle):
    with pytest.raises(ExportError, match=r"The smallest takes [\d,]+ B and [\d,]+ instructions, the fastest"):
        choose(tiny_bundle, CORE, Goal.speed, flash_budget=100)


def test_the_folder_records_the_choice_and_reads_it_back(tiny_bundle, tmp_path):
    choice = choose(tiny_bundle, CORE, Goal.speed)
    layout = export(tiny_bundle, CORE, tmp_path / "c", kernels=choice.kernels)
    assert layout.kernels == choice.kernels != lay_out(tiny_bundle.graph, target(CORE)).kernels
    assert json.loads((tmp_path / "c" / "mixcomp.json").read_text())["models"] == {"tiny": choice.kernels}
    assert chosen_kernels(tmp_path / "c") == choice.kernels
    assert read_project(tmp_path / "c")[1].kernels == choice.kernels
    assert verify(tmp_path / "c", on="emulator", count=3).mismatches == 0


def test_a_kernel_that_cannot_serve_a_layer_is_refused_with_those_that_can(tiny_bundle):
    name = next(iter(lay_out(tiny_bundle.graph, target(CORE)).kernels))
    with pytest.raises(ExportError, match=rf"{name}: the kernel mce_add__c cannot serve it\. These can: mce_conv2d_"):
        lay_out(tiny_bundle.graph, target(CORE), {name: "mce_add__c"})
