"""Multiply-accumulate units as gates: synthesized from the Verilog in host_sim/mac, simulated transition by transition,
their energy counted. Needs NumPy; yosys only where the Verilog or the library has changed.

from mixcomp_sim import mac
from mixcomp_sim.mac.netlist import netlist
gates = netlist(mac.unit("mixed4"))
print(gates.gate_equivalents, gates.depth)
"""

from .files import MacError
from .gates import Library, library
from .netlist import Netlist
from .units import UNITS, Unit, unit

__all__ = ["UNITS", "Library", "MacError", "Netlist", "Unit", "library", "unit"]
