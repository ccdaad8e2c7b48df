"""From transitions to femtojoules: a net that changes charges or discharges its load, half C V^2; a gate spends a
little more inside; a flip-flop's clock ticks whether or not anything changes. Leakage (below 0.01 nW a gate) and
operand registers, which are the same for every unit, are left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .gates import Process, library
from .netlist import Netlist
from .simulate import Activity


@dataclass(frozen=True)
class Energy:
    """fJ a clock cycle, so a MAC: the gates with all nets they drive or read, and the accumulator's flip-flops."""

    logic_fj: float
    register_fj: float

    @property
    def total_fj(self) -> float:
        return self.logic_fj + self.register_fj


def loads_ff(netlist: Netlist, process: Process, wire_ff: float) -> NDArray[np.float64]:
    """Load of each net: the pins it drives, and wire_ff for each of them."""
    loads = np.zeros(netlist.nets)
    for cell in netlist.cells:
        for net, pin_ff in zip(cell.inputs, library().gates[cell.gate].costs[process.name].pin_ff, strict=True):
            loads[net] += pin_ff + wire_ff
    for d, _ in netlist.registers:
        loads[d] += process.flipflop.d_ff + wire_ff
    return loads


def energy(netlist: Netlist, activity: Activity, process: Process, wire_ff: float | None = None) -> Energy:
    """Energy of a cycle. wire_ff: None for the process' own."""
    wire_ff = process.wire_ff if wire_ff is None else wire_ff
    rate = activity.transitions / activity.cycles
    logic = float(rate @ loads_ff(netlist, process, wire_ff)) * process.volt**2 / 2
    for cell in netlist.cells:
        costs = library().gates[cell.gate].costs[process.name]
        logic += sum(rate[net] * fj for net, fj in zip(cell.inputs, costs.in_fj, strict=True))
        logic += sum(rate[net] * fj for net, fj in zip(cell.outputs, costs.out_fj, strict=True))
    flop = process.flipflop
    clock = flop.clock_fj + process.volt**2 * (flop.clk_ff + wire_ff)
    register = sum(clock + rate[d] * flop.d_fj + rate[q] * flop.q_fj for d, q in netlist.registers)
    return Energy(logic, float(register))
