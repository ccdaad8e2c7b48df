"""Random networks, all the way from PyTorch: every element of every layer of the generated C equals the definition."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from e2e.random_networks import FAMILIES, Network, networks
from mixcomp_edge import Bundle, export
from mixcomp_edge.targets import targets
from mixcomp_edge.transports import host
from mixcomp_edge.verification import compare, make_inputs, open_transport
from support.kernels import preferred

ON_HOST = ("generic", "cortex-m4", "cortex-m3", "cortex-m0plus")
SANITIZED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
ALL_KERNELS = ("cortex-m0plus", "cortex-m4", "cortex-m55")  # with the other cores a kernel is met again, or alone
PARTS = 10
SLOW = [HealthCheck.too_slow]  # while others compute
CORES = [name for name, target in targets().items() if target.core]


@pytest.mark.parametrize(
    ("examples", "flags"),
    [(2, ("-O0",)), pytest.param(75, SANITIZED, marks=pytest.mark.long)],
    ids=["few", "sanitized"],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_c_of_a_random_network_equals_the_interpreter_in_every_layer(family, examples, flags, monkeypatch):
    if flags == SANITIZED:
        monkeypatch.setattr(host, "MEMORY_KIB", "unlimited")  # AddressSanitizer maps terabytes

    @settings(max_examples=examples)
    @given(network=networks(family))
    def check(network: Network):
        bundle = network.bundle()
        with tempfile.TemporaryDirectory() as folder:
            target = ON_HOST[network.seed % len(ON_HOST)]  # kernels of every ISA run on a PC, through plain-C stand-ins
            layout = export(bundle, target, Path(folder) / "c", kernels=preferred(bundle.graph, target))
            found = verdict(host.HostProgram(Path(folder) / "c", layout, flags), layout, bundle, network)
        assert found.first_mismatch is None
        assert found.elements > 0

    check()


@pytest.fixture(scope="module")
def few() -> list[Network]:
    """One network of each family, the same in each run."""
    return [drawn(family)[-1] for family in FAMILIES]


def drawn(family: str, count: int = 8) -> list[Network]:
    """The first networks of a family that have more than two layers."""
    found: list[Network] = []

    @settings(max_examples=count, phases=[Phase.generate], derandomize=True, database=None, suppress_health_check=SLOW)
    @given(network=networks(family).filter(lambda network: len(network.steps) > 2))
    def collect(network: Network) -> None:
        found.append(network)

    collect()
    return found


@pytest.mark.parametrize(
    "core", [pytest.param(core, marks=[pytest.mark.long] * (core not in ALL_KERNELS)) for core in CORES]
)
def test_the_machine_code_of_random_networks_equals_the_interpreter_on_every_core(core, few, tmp_path):
    for index, network in enumerate(few):
        assert_exact_on_core(network, core, tmp_path / str(index))


@pytest.mark.parametrize("core", CORES)
def test_the_machine_code_of_zig_equals_the_interpreter_too(core, few, tmp_path):
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed (pip install ziglang)")
    assert_exact_on_core(few[CORES.index(core) % len(few)], core, tmp_path / "c", "zig")


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("family", ["recurrent", "attention"])
def test_a_random_recurrent_or_attention_network_is_equal_on_this_machine_and_on_every_kind_of_core(
    family, part, tmp_path, monkeypatch
):
    """100 networks a family, ten a part; on this machine under the sanitizers."""
    monkeypatch.setattr(host, "MEMORY_KIB", "unlimited")  # AddressSanitizer maps terabytes
    for index, network in enumerate(drawn(family, 100)[part::PARTS]):
        bundle = network.bundle()
        layout = export(bundle, "generic", tmp_path / f"{index}")
        verdicts = [verdict(host.HostProgram(tmp_path / f"{index}", layout, SANITIZED), layout, bundle, network)]
        for core in ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m33", "cortex-m55"):
            folder = tmp_path / f"{index} {core}"
            layout = export(bundle, core, folder, kernels=preferred(bundle.graph, core))
            verdicts.append(verdict(open_transport("emulator", folder, layout, None), layout, bundle, network))
        assert [v.first_mismatch for v in verdicts] == [None] * 6, network
        assert min(v.elements for v in verdicts) > 0


def assert_exact_on_core(network: Network, core: str, folder: Path, chain: str | None = None) -> None:
    bundle = network.bundle()
    layout = export(bundle, core, folder, kernels=preferred(bundle.graph, core))
    transport = open_transport("emulator", folder, layout, chain)
    assert verdict(transport, layout, bundle, network).first_mismatch is None


def verdict(transport, layout, bundle: Bundle, network: Network):
    try:
        return compare(transport, layout, make_inputs(bundle.graph, 3, seed=network.seed))
    finally:
        transport.close()
