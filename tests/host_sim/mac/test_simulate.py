"""The bit-parallel simulator against one that takes a cycle and a gate at a time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mixcomp_sim.mac import MacError, library, netlist, simulate, unit
from mixcomp_sim.mac.gates import compiled
from mixcomp_sim.mac.netlist import Cell, Netlist

TRUTH = {  # outputs for inputs counting up, the first input the most significant bit
    "INV": ["10"], "NAND2": ["1110"], "NOR2": ["1000"], "AND2": ["0001"], "XOR2": ["0110"], "XNOR2": ["1001"],
    "AOI21": ["10101000"], "OAI21": ["11101010"], "AOI22": ["1110111011100000"], "MUX2": ["00011011"],
    "HA": ["0110", "0001"], "FA": ["01101001", "00010111"],
}  # fmt: skip


@pytest.mark.parametrize("name", TRUTH)
def test_each_gate_computes_its_truth_table(name):
    gate = library().gates[name]
    n = len(gate.inputs)
    # MUX2's inputs are a, b, s: a where s is 0
    columns = [simulate.to_lanes((np.arange(1 << n) >> (n - 1 - i)) & 1) for i in range(n)]
    got = ["".join(map(str, simulate.to_bits(f(*columns), 1 << n))) for f in gate.functions]
    assert got == TRUTH[name]


def test_the_library_holds_no_other_gate_and_only_positive_costs():
    assert set(library().gates) == set(TRUTH)
    for gate in library().gates.values():
        for costs in gate.costs.values():
            assert min(costs.pin_ff) > 0
            assert min(costs.in_fj) >= 0
            assert min(costs.out_fj) > 0


def test_an_expression_that_is_more_than_boolean_is_refused():
    with pytest.raises(MacError, match="no Boolean expression"):
        compiled("__import__('os')", ("a",))


def test_lanes_keep_the_order_of_cycles():
    bits = np.random.default_rng(0).integers(0, 2, 200)
    lanes = simulate.to_lanes(bits)
    np.testing.assert_array_equal(simulate.to_bits(lanes, 200), bits)
    np.testing.assert_array_equal(simulate.to_bits(simulate.delayed(lanes), 200), [bits[0], *bits[:-1]])


def slow_values(gates: Netlist, inputs: dict[int, int]) -> dict[int, int]:
    """Every net's final value, from the truth tables."""
    values = {0: 0, 1: 1, **inputs}
    for cell in gates.cells:
        row = int("".join(str(values[net]) for net in cell.inputs), 2)
        for net, table in zip(cell.outputs, TRUTH[cell.gate], strict=True):
            values[net] = int(table[row])
    return values


def slow_transitions(gates: Netlist, before: dict[int, int], inputs: dict[int, int]) -> dict[int, int]:
    """How often each net changes after its inputs do, one unit of time after another."""
    history, counts = [dict(before)], dict.fromkeys(before, 0)
    now = {**before, **inputs}
    for time in range(1, 1000):
        history.append(now)
        if time > 8 and all(past == now for past in history[-8:]):
            break
        for net, value in now.items():
            counts[net] += value != history[-2][net]
        now = dict(now)
        for cell in gates.cells:
            delay = library().gates[cell.gate].delay
            seen = history[time + 1 - delay] if time + 1 >= delay else before
            row = int("".join(str(seen[net]) for net in cell.inputs), 2)
            for net, table in zip(cell.outputs, TRUTH[cell.gate], strict=True):
                now[net] = int(table[row])
    else:
        raise AssertionError("still moving")
    return counts


def test_values_and_transitions_equal_the_slow_simulator():
    gates = netlist.netlist(unit("mixed4"))
    random, count = np.random.default_rng(4), 70
    ports = {"w": random.integers(0, 16, count), "x": random.integers(0, 16, count)}
    ports |= {"start": random.integers(0, 2, count), "posit": random.integers(0, 2, count)}
    state = random.integers(-(1 << 23), 1 << 23, count)
    nets = simulate.settle(gates, ports, state)

    cycles = []
    for t in range(count):
        inputs = {
            net: int(ports[port][t] >> i) & 1 for port, bits in gates.inputs.items() for i, net in enumerate(bits)
        }
        inputs |= {net: int(state[t] >> i) & 1 for i, net in enumerate(gates.outputs["acc"])}
        cycles.append((inputs, slow_values(gates, inputs)))
    for net in range(gates.nets):
        assert simulate.to_bits(nets[net], count).tolist() == [values.get(net, 0) for _, values in cycles]

    final = np.zeros(gates.nets, int)
    every = np.zeros(gates.nets, int)
    for (_, before), (inputs, after) in pairwise(cycles):
        for net, value in after.items():
            final[net] += value != before[net]
        for net, n in slow_transitions(gates, before, inputs).items():
            every[net] += n
    np.testing.assert_array_equal(simulate.zero_delay(gates, nets, count).transitions, final)
    np.testing.assert_array_equal(simulate.with_glitches(gates, nets, count).transitions, every)
    assert every.sum() > final.sum()


def test_a_glitch_is_counted_where_there_is_one():
    """a ^ !a is 1 for ever; but when a changes, !a is late by one, so the output falls and rises once."""
    gates = Netlist("glitch", 5, {"a": (2,)}, {"acc": (4,)}, (Cell("INV", (2,), (3,)), Cell("XOR2", (2, 3), (4,))), ())
    nets = simulate.settle(gates, {"a": np.arange(100) % 2}, np.zeros(100, int))
    assert simulate.zero_delay(gates, nets, 100).transitions.tolist() == [0, 0, 99, 99, 0]
    assert simulate.with_glitches(gates, nets, 100).transitions.tolist() == [0, 0, 99, 99, 2 * 99]


def test_one_wrong_gate_does_not_go_unnoticed():
    """What the exhaustive tests are worth: swap any one NAND2 for NOR2 and some sum goes wrong."""
    gates = netlist.netlist(unit("mixed4"))
    random = np.random.default_rng(5)
    ports = {name: random.integers(0, 1 << len(bits), 20000) for name, bits in gates.inputs.items()}
    state = random.integers(-(1 << 23), 1 << 23, 20000)
    state[10000:] = random.integers(0, 2, 10000) - (random.integers(0, 2, 10000) << random.integers(0, 23, 10000))
    right = simulate.next_state(gates, simulate.settle(gates, ports, state), 20000)
    for place, cell in enumerate(gates.cells):
        if cell.gate == "NAND2":
            cells = (*gates.cells[:place], Cell("NOR2", cell.inputs, cell.outputs), *gates.cells[place + 1 :])
            broken = Netlist("broken", gates.nets, gates.inputs, gates.outputs, cells, gates.registers)
            assert np.any(simulate.next_state(broken, simulate.settle(broken, ports, state), 20000) != right), place
