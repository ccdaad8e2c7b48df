"""The target riscv32 as a user meets it: verified, simulated, built by either compiler, and honest about energy."""

from __future__ import annotations

import pytest
from unicorn.unicorn_const import UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE

from mixcomp_edge import export, save_bundle
from mixcomp_edge.bench.int8 import compare_int8
from mixcomp_edge.build.cross import toolchain, toolchains
from mixcomp_edge.codegen.render import golden_vector
from mixcomp_edge.errors import ToolchainError
from mixcomp_edge.simulation import simulate
from mixcomp_edge.targets import target
from mixcomp_edge.transports.emulator import EmulatedCore
from mixcomp_edge.verification import verify
from mixcomp_sim import EmulatorError
from support.kernels import preferred

RISCV = target("riscv32")


@pytest.fixture
def file(tiny_bundle, tmp_path):
    save_bundle(tiny_bundle, tmp_path / "tiny.mce")
    return tmp_path / "tiny.mce"


@pytest.mark.parametrize("chain", toolchains(RISCV.triple))
def test_verify_and_simulate_serve_riscv(file, chain):
    assert verify(file, on="emulator", target_name="riscv32", chain_name=chain, count=4).mismatches == 0
    result = simulate(file, target_name="riscv32", chain_name=chain)
    assert result.bit_exact
    assert (result.chip, result.target) == ("rp2350-riscv", "riscv32")
    assert 0 < result.instructions < result.cycles < 2 * result.instructions
    assert sum(layer.instructions for layer in result.layers) <= result.instructions
    assert result.ram_bytes["total"] == result.ram_bytes["arena"] + result.ram_bytes["stack"]


def test_what_nobody_has_published_is_none_and_not_a_guess(file):
    result = simulate(file, target_name="riscv32")
    assert result.energy_uj is None
    assert {layer.energy_uj for layer in result.layers} == {None}
    assert "energy" not in result.error
    assert "energy" not in compare_int8(file, result).ratio
    with pytest.raises(EmulatorError, match="does not say what it takes asleep"):
        simulate(file, target_name="riscv32", every_s=1.0)


def test_no_load_or_store_is_unaligned(tiny_bundle, tmp_path):
    """Unicorn and QEMU let them pass; cores need not have them."""
    kernels = preferred(tiny_bundle.graph, "riscv32")
    assert {name.rpartition("__")[2] for name in kernels.values()} == {"swar", "c"}
    layout = export(tiny_bundle, "riscv32", tmp_path / "c", kernels=kernels)
    core = EmulatedCore(tmp_path / "c", layout, RISCV)
    seen = {1: 0, 2: 0, 4: 0}

    def look(uc, access, address, size, value, _):
        assert address % size == 0
        seen[size] += 1

    try:
        core.emulator._uc.hook_add(UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, look)
        core.infer_batch([memoryview(golden_vector(tiny_bundle.graph)[0])])
    finally:
        core.close()
    assert min(seen.values()) > 0


def test_without_a_compiler_the_error_names_the_one_that_is_missing(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(
        ToolchainError, match=r"no cross compiler gcc for RISC-V found. Install riscv64-unknown-elf-gcc"
    ):
        toolchain("gcc", RISCV.triple)
