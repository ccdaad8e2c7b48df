"""What Posit layers cost a whole network, against FixP4 MACs everywhere, when at most eta of its parameters are Posit4.

Energy goes with multiply-accumulates, not with parameters: a convolution's early layers have few weights and use them
often. So for each eta there are two answers: with MACs in proportion, and for the choice of layers with the most MACs.

mixed    every MAC is the mixed unit: its FixP4 mode costs too
apart    a FixP4 and a Posit4 unit side by side, the idle one clock-gated: twice the area, but only Posit layers pay"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .measure import Figure, excess, layer_energy, settings
from .streams import Stream, Streams
from .units import unit

ETAS = (0.0, 0.01, 0.05, 0.10, 0.25, 0.50, 1.0)
CLAIM = 0.0019  # arXiv 2312.02210: energy overhead with under 10 % of the parameters in Posit


@dataclass(frozen=True)
class Overhead:
    """Shares are of 1. choice: "in proportion", or "most MACs" with the layers that are Posit."""

    network: str
    eta: float
    choice: str
    posit_macs: float
    mixed: Figure
    apart: Figure
    layers: tuple[str, ...] = ()


def overheads(streams: Streams, network: str) -> list[Overhead]:
    """Both answers for each eta."""
    layers = streams.of(network)
    fixed, posit = _shares(layers, streams)
    found = []
    for eta in ETAS:
        even = [eta] * len(layers)
        found.append(Overhead(network, eta, "in proportion", eta, fixed(even), posit(even)))
        if 0 < eta < 1:
            chosen = most_macs(layers, eta)
            part = [float(layer in chosen) for layer in layers]
            share = sum(layer.macs for layer in chosen) / sum(layer.macs for layer in layers)
            names = tuple(layer.layer for layer in chosen)
            found.append(Overhead(network, eta, "most MACs", share, fixed(part), posit(part), names))
    return found


def _shares(
    layers: Sequence[Stream], streams: Streams
) -> tuple[Callable[[list[float]], Figure], Callable[[list[float]], Figure]]:
    """Overhead of the mixed unit and of two units, as functions of the share of each layer that is Posit."""

    def total(name: str, weight_format: str) -> list[tuple[float, ...]]:
        """By layer and setting: MACs times fJ."""
        return [
            tuple(layer.macs * fj for fj in layer_energy(unit(name), weight_format, layer, streams).total_fj)
            for layer in layers
        ]

    base, alone = total("fx4", "fixp4"), total("p4", "posit4")
    mixed = total("mixed4", "fixp4"), total("mixed4", "posit4")
    count = range(len(settings()))

    def over(fixed: list[tuple[float, ...]], posit: list[tuple[float, ...]], part: list[float]) -> Figure:
        spent = [sum(f[i] + s * (p[i] - f[i]) for f, p, s in zip(fixed, posit, part, strict=True)) for i in count]
        return excess(spent, [sum(b[i] for b in base) for i in count])

    return lambda part: over(*mixed, part), lambda part: over(base, alone, part)


Choice = tuple[int, int, tuple[Stream, ...]]  # parameters, MACs, layers


def most_macs(layers: Sequence[Stream], eta: float) -> tuple[Stream, ...]:
    """The layers with the most MACs among those choices that hold at most eta of all parameters: an exact knapsack."""
    room = eta * sum(layer.parameters for layer in layers)
    best: list[Choice] = [(0, 0, ())]  # by rising parameters, and MACs that rise with them
    for layer in layers:
        more = [(p + layer.parameters, m + layer.macs, (*c, layer)) for p, m, c in best if p + layer.parameters <= room]
        best = _undominated(sorted([*best, *more], key=lambda entry: (entry[0], -entry[1])))
    return best[-1][2]


def _undominated(entries: list[Choice]) -> list[Choice]:
    """Without those that hold more parameters for no more MACs."""
    kept = entries[:1]
    for entry in entries[1:]:
        if entry[1] > kept[-1][1]:
            kept.append(entry)
    return kept
