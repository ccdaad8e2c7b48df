"""The tables of `mixcomp-edge mac`: gates of each unit, energy on each network, overhead at each eta."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from .measure import NOMINAL, Figure, excess, figure, network_energy
from .netlist import netlist
from .overhead import CLAIM, Overhead, overheads
from .streams import Streams, load
from .units import ACC_BITS, MAIN, UNITS, Unit, unit, variants

Tell = Callable[[str, int, int], None]  # (what, done, of)


@dataclass(frozen=True)
class Structure:
    """One unit's gates. Areas in gate equivalents, depth in NAND2 delays."""

    unit: str
    description: str
    x: str
    acc_bits: int
    gates: int
    gate_equivalents: float
    flipflops: int
    register_equivalents: float
    depth: int


@dataclass(frozen=True)
class UnitEnergy:
    """One unit in one weight format on one network; over_fx4: what it takes more than fx4 with the same accumulator, as
    a share of that."""

    network: str
    unit: str
    weights: str
    acc_bits: int
    logic_fj: Figure
    register_fj: Figure
    total_fj: Figure
    over_fx4: Figure


@dataclass(frozen=True)
class Table:
    """Figures in fJ hold for `process`; their ranges span glitches and wires, those of ratios both processes too."""

    process: str
    operands: str
    structures: tuple[Structure, ...]
    energies: tuple[UnitEnergy, ...]
    overheads: tuple[Overhead, ...]
    claim: float = CLAIM

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def structure(unit: Unit) -> Structure:
    gates = netlist(unit)
    x = f"p{unit.x_bits}" if unit.x_format else f"{'s' if unit.x_signed else 'u'}{unit.x_bits}"
    return Structure(
        unit.name, unit.description, x, unit.acc_bits, len(gates.cells), round(gates.gate_equivalents, 1),
        len(gates.registers), round(gates.register_equivalents, 1), gates.depth,
    )  # fmt: skip


def make_table(*, tried: bool = False, tell: Tell = lambda what, done, of: None) -> Table:
    """Everything, from the stored netlists and operands. tried: the structures that lost, in place of the wider
    variants."""
    streams = load()
    if tried:
        shown = [u for u in UNITS.values() if u.name in MAIN or u.tried]
        jobs = [(streams.networks[0], u, f) for u in shown for f in u.formats]
    else:
        shown = [u for u in variants() if not u.tried]
        main = [u for u in UNITS.values() if not u.tried and u.name not in ("p4sc4", "p4sc8")]
        wide = [unit(name).with_(ACC_BITS=bits) for bits in ACC_BITS for name in MAIN if bits != 24]
        jobs = [(network, u, f) for network in streams.networks for u in main for f in u.formats]
        jobs += [(streams.networks[0], u, f) for u in wide for f in u.formats]
    energies = []
    for done, (network, u, weights) in enumerate(jobs):
        tell("simulate gates", done, len(jobs))
        energies.append(unit_energy(network, u, weights, streams, four_bits=tried or bool(u.x_format)))
    tell("simulate gates", len(jobs), len(jobs))
    over = [] if tried else [o for network in streams.networks for o in overheads(streams, network)]
    return Table(NOMINAL, streams.origin, tuple(map(structure, shown)), tuple(energies), tuple(over))


def unit_energy(network: str, u: Unit, weights: str, streams: Streams, *, four_bits: bool = False) -> UnitEnergy:
    """One row; four_bits: only the layers with 4-bit activations."""
    layers = [layer for layer in streams.of(network) if layer.x_bits == 4 or not four_bits]
    measured = network_energy(u, weights, layers, streams)
    base = network_energy(unit("fx4").with_(ACC_BITS=u.acc_bits), "fixp4", layers, streams)
    return UnitEnergy(
        network, u.name, weights, u.acc_bits, figure(measured.logic_fj, NOMINAL), figure(measured.register_fj, NOMINAL),
        figure(measured.total_fj, NOMINAL), excess(measured.total_fj, base.total_fj),
    )  # fmt: skip
