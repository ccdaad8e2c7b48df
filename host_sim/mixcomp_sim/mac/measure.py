"""Energy of a unit on a network's operands: each layer's stream through the unit of that layer's activation width, the
layers weighted by their multiply-accumulates.

Two bounds on activity (simulate.py), two processes and three assumptions on wires span the uncertainty. The nominal
figure is sky130's, with its nominal wire, half way between the bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from .energy import energy
from .files import MacError
from .gates import library
from .netlist import Netlist, netlist
from .simulate import Activity, next_state, settle, with_glitches, zero_delay
from .streams import Stream, Streams, run
from .units import Unit

NOMINAL = "sky130"


@dataclass(frozen=True)
class Setting:
    """One way to count: process, wire, and the share of glitches (0 none, 1 all) between the two bounds."""

    process: str
    wire_ff: float
    glitches: float


@dataclass(frozen=True)
class Figure:
    """A nominal value and the lowest and highest over all settings it was computed for."""

    nominal: float
    low: float
    high: float


def settings() -> tuple[Setting, ...]:
    """The nominal setting first, then every corner."""
    nominal = library().processes[NOMINAL]
    corners = [
        Setting(process.name, wire, glitches)
        for process in library().processes.values()
        for wire in (*process.wire_ff_range, process.wire_ff)
        for glitches in (0.0, 1.0)
    ]
    return (Setting(NOMINAL, nominal.wire_ff, 0.5), *corners)


@dataclass(frozen=True)
class Measured:
    """Energies in the order of `settings()`, fJ a MAC."""

    logic_fj: tuple[float, ...]
    register_fj: tuple[float, ...]

    @property
    def total_fj(self) -> tuple[float, ...]:
        return tuple(a + b for a, b in zip(self.logic_fj, self.register_fj, strict=True))


@cache
def layer_energy(unit: Unit, weight_format: str, stream: Stream, streams: Streams) -> Measured:
    """A unit on one layer. Before any energy is counted, each sum that the gates make is compared with arithmetic."""
    fitted = fit(unit, stream)
    gates = netlist(fitted)
    quiet, busy = activity(fitted, gates, weight_format, stream, streams)
    logic, register = [], []
    for setting in settings():
        process = library().processes[setting.process]
        low, high = (energy(gates, each, process, setting.wire_ff) for each in (quiet, busy))
        part = setting.glitches
        logic.append(low.logic_fj + part * (high.logic_fj - low.logic_fj))
        register.append(low.register_fj + part * (high.register_fj - low.register_fj))
    return Measured(tuple(logic), tuple(register))


def fit(unit: Unit, stream: Stream) -> Unit:
    """The unit with the activation width of the stream."""
    if unit.x_format:
        return unit
    return unit.with_(X_BITS=stream.x_bits, X_SIGNED=int(stream.x_signed))


def activity(
    unit: Unit, gates: Netlist, weight_format: str, stream: Stream, streams: Streams
) -> tuple[Activity, Activity]:
    """Transitions without and with glitches. A unit with posit activations gets the nearest level of each integer."""
    x = stream.x
    if unit.x_format:
        levels = np.array(streams.levels[unit.x_format])
        x = np.abs(levels[:, None] - x[None, :].astype(int)).argmin(axis=0)
    cycles = run(unit, weight_format, (stream.codes[weight_format], x, stream.start), streams.levels)
    nets = settle(gates, cycles.ports, cycles.state)
    wrong = np.flatnonzero(next_state(gates, nets, len(x)) != cycles.result)
    if len(wrong):
        raise MacError(f"{unit.name} on {stream.network} {stream.layer}: the gates leave arithmetic at MAC {wrong[0]}.")
    return zero_delay(gates, nets, len(x)), with_glitches(gates, nets, len(x))


def network_energy(unit: Unit, weight_format: str, layers: Sequence[Stream], streams: Streams) -> Measured:
    """A unit on the layers, in one weight format, weighted by their MACs."""
    total = sum(layer.macs for layer in layers)
    parts = [(layer.macs / total, layer_energy(unit, weight_format, layer, streams)) for layer in layers]
    count = len(settings())
    return Measured(
        tuple(sum(share * part.logic_fj[i] for share, part in parts) for i in range(count)),
        tuple(sum(share * part.register_fj[i] for share, part in parts) for i in range(count)),
    )


def figure(values: Sequence[float], process: str | None = None) -> Figure:
    """Nominal, and the range over all settings, or over one process'."""
    chosen = [v for v, s in zip(values, settings(), strict=True) if process is None or s.process == process]
    return Figure(values[0], min(chosen), max(chosen))


def excess(values: Sequence[float], base: Sequence[float]) -> Figure:
    """values / base - 1, setting by setting."""
    return figure([a / b - 1 for a, b in zip(values, base, strict=True)])
