"""Energy, overhead and the operands they are counted on."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from mixcomp_edge.numerics import CODEBOOKS
from mixcomp_sim.mac import MacError, library, measure, netlist, streams, unit
from mixcomp_sim.mac.energy import energy, loads_ff
from mixcomp_sim.mac.netlist import Cell, Netlist
from mixcomp_sim.mac.overhead import most_macs
from mixcomp_sim.mac.simulate import Activity
from mixcomp_sim.mac.streams import Stream, Streams


@pytest.fixture(scope="module")
def recorded() -> Streams:
    return streams.load()


def test_energy_of_one_inverter_and_one_flipflop_by_hand():
    """a -> INV -> d, q: five transitions of a and of d in ten cycles, three of q; SKY130, 2 fF of wire a pin."""
    gates = Netlist("hand", 5, {"a": (2,)}, {"acc": (4,)}, (Cell("INV", (2,), (3,)),), ((3, 4),))
    process = library().processes["sky130"]
    assert loads_ff(gates, process, 2.0).tolist() == pytest.approx([0, 0, 2.30 + 2, 1.68 + 2, 0])
    found = energy(gates, Activity(np.array([0, 0, 5, 5, 3]), 10), process, 2.0)
    half = 1.8**2 / 2
    assert found.logic_fj == pytest.approx(0.5 * (4.30 + 3.68) * half + 0.5 * 2.71)
    assert found.register_fj == pytest.approx(39.8 + 2 * half * (1.79 + 2) + 0.5 * 2.32 + 0.3 * 19.4)


def test_the_levels_of_the_recorded_operands_are_the_codebooks(recorded):
    for name, levels in recorded.levels.items():
        assert levels == CODEBOOKS[name].levels


def test_recorded_operands_are_whole_sums_of_every_layer(recorded):
    assert recorded.networks == ("resnet8", "mobilenet")
    macs = {name: sum(layer.macs for layer in recorded.of(name)) for name in recorded.networks}
    assert macs == {"resnet8": 12_501_632, "mobilenet": 7_489_664}  # MLPerf Tiny's own counts
    for layer in recorded.layers:
        begins = np.flatnonzero(layer.start)
        assert begins[0] == 0
        assert len(set(np.diff([*begins, len(layer.x)]))) == 1
        assert layer.x.max() < 1 << layer.x_bits
        for name, codes in layer.codes.items():
            assert codes.max() < 16
            assert not set(CODEBOOKS[name].unused) & set(codes.tolist())


def test_operands_read_back_as_they_were_written(recorded, tmp_path):
    streams.save(recorded, tmp_path / "operands.npz")
    again = streams.load(tmp_path / "operands.npz")
    for a, b in zip(recorded.layers, again.layers, strict=True):
        assert (a.network, a.layer, a.macs, a.x_bits, a.x_signed) == (b.network, b.layer, b.macs, b.x_bits, b.x_signed)
        np.testing.assert_array_equal(a.x, b.x)
        np.testing.assert_array_equal(a.start, b.start)
        assert all(np.array_equal(a.codes[name], b.codes[name]) for name in recorded.levels)


def test_a_damaged_operand_file_says_what_to_do(tmp_path):
    (tmp_path / "cut.npz").write_bytes((streams.folder() / streams.FILE).read_bytes()[:5000])
    with pytest.raises(
        MacError, match=r"cut\.npz: cannot read operand streams .*`mixcomp-edge mac --record` makes them"
    ):
        streams.load(tmp_path / "cut.npz")


def test_a_unit_that_computes_something_else_is_found_out_before_its_energy_is_counted(recorded):
    layer, levels = recorded.layers[1], {**recorded.levels, "fixp4": (*range(15), 0)}
    with pytest.raises(MacError, match=f"fx4 on resnet8 {layer.layer}: the gates leave arithmetic at MAC"):
        measure.activity(unit("fx4"), netlist.netlist(unit("fx4")), "fixp4", layer, replace(recorded, levels=levels))


def test_operands_that_never_change_cost_the_clock_alone(recorded):
    """A stream of zeros: no net moves, and what is left is 24 clock pins."""
    layer = replace(
        recorded.layers[1],
        x=np.zeros(500, np.uint8), start=np.ones(500, np.uint8),
        codes={name: np.zeros(500, np.uint8) for name in recorded.levels},
    )  # fmt: skip
    rest = measure.layer_energy(unit("mixed4"), "posit4", layer, recorded)
    assert rest.logic_fj[0] == 0.0
    assert rest.register_fj[0] == pytest.approx(24 * (39.8 + 1.8**2 * (1.79 + 2.0)))


def test_glitches_and_wires_only_add(recorded):
    found = measure.layer_energy(unit("p4"), "posit4", recorded.layers[2], recorded)
    measured = dict(zip(measure.settings(), found.total_fj, strict=True))
    for setting, fj in measured.items():
        process = library().processes[setting.process]
        if setting.glitches == 0.0:
            assert fj < measured[replace(setting, glitches=1.0)]
        if setting.wire_ff == process.wire_ff_range[0]:
            assert fj < measured[replace(setting, wire_ff=process.wire_ff_range[1])]
    nominal = measure.settings()[0]
    assert measured[replace(nominal, glitches=0.0)] < measured[nominal] < measured[replace(nominal, glitches=1.0)]


def test_the_choice_with_the_most_macs_is_the_best_of_all_choices():
    random = np.random.default_rng(7)
    empty = np.zeros(0, np.uint8)
    for _ in range(20):
        layers = [
            Stream("n", f"l{i}", "conv2d", int(m), int(p), 4, False, empty, empty, {})
            for i, (m, p) in enumerate(random.integers(1, 50, (8, 2)))
        ]
        for eta in (0.1, 0.3, 0.7):
            room = eta * sum(layer.parameters for layer in layers)
            fitting = [
                sum(layer.macs for layer in some)
                for n in range(9)
                for some in combinations(layers, n)
                if sum(layer.parameters for layer in some) <= room
            ]
            chosen = most_macs(layers, eta)
            assert sum(layer.parameters for layer in chosen) <= room
            assert sum(layer.macs for layer in chosen) == max(fitting)
