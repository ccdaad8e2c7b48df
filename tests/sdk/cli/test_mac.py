"""The verb `mac`: one run of the command, and what it says."""

from __future__ import annotations

import builtins
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mixcomp_edge import cli
from mixcomp_edge.errors import ToolchainError

README = Path(__file__).resolve().parents[3] / "host_sim" / "mac" / "README.md"


@pytest.fixture(scope="module")
def run():
    return lambda *arguments: CliRunner().invoke(cli.application(), ["mac", *arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def table(run):
    result = run("--json")
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_the_orders_that_the_structures_dictate(table):
    energy = {(e["network"], e["unit"], e["weights"], e["acc_bits"]): e["total_fj"] for e in table["energies"]}
    for network in ("resnet8", "mobilenet"):
        fixed, mixed = (energy[network, u, "fixp4", 24]["nominal"] for u in ("fx4", "mixed4"))
        assert fixed < mixed, "a datapath that does more costs more in the mode they share"
    for unit in ("fx4", "p4", "mixed4"):
        weights = "posit4" if unit == "p4" else "fixp4"
        widths = [energy["resnet8", unit, weights, bits]["nominal"] for bits in (20, 24, 32)]
        assert widths == sorted(widths)
    assert all(f["low"] <= f["nominal"] <= f["high"] for f in energy.values())


def test_overheads_begin_at_nothing_and_grow_with_the_posit_share(table):
    for network in ("resnet8", "mobilenet"):
        rows = [o for o in table["overheads"] if o["network"] == network and o["choice"] == "in proportion"]
        assert rows[0]["apart"] == {"nominal": 0.0, "low": 0.0, "high": 0.0}
        assert rows[0]["mixed"]["nominal"] > 0
        for key in ("apart", "mixed"):
            values = [o[key]["nominal"] for o in rows]
            assert values == sorted(values)
        for o in table["overheads"]:
            if o["choice"] == "most MACs":
                assert o["posit_macs"] > o["eta"], "early layers have few weights and many MACs"


def test_the_readme_shows_what_the_command_prints(run):
    for arguments in ((), ("--structures",)):
        printed = run("--markdown", *arguments).stdout
        rows = [line for line in printed.splitlines() if line.startswith("|")]
        assert len(rows) > 20
        text = README.read_text(encoding="utf-8")
        missing = [row for row in rows if row not in text]
        assert not missing, f"host_sim/mac/README.md: write `mixcomp-edge mac --markdown` into it; first: {missing[0]}"


def test_tables_for_people_fit_eighty_columns(run):
    tables, colon, _ = run().stdout.partition("operands:")
    assert colon
    assert "mixed4" in tables
    assert "…" not in tables
    assert max(map(len, tables.splitlines())) <= 80


def test_without_the_simulator_the_error_says_what_to_install(run, monkeypatch):
    monkeypatch.delitem(sys.modules, "mixcomp_sim.mac.table", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse_unicorn(builtins.__import__))
    with pytest.raises(ToolchainError, match=r"mac: unicorn is missing: pip install 'mixcomp-edge\[mac\]'"):
        run("--json")


def refuse_unicorn(imports):
    def refusing(name, *arguments, **keywords):
        if name.startswith("mixcomp_sim.mac"):
            raise ModuleNotFoundError("No module named 'unicorn'", name="unicorn")
        return imports(name, *arguments, **keywords)

    return refusing
