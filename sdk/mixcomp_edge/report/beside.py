"""Two models on one chip, figure by figure and layer by layer: what the page of `report A B` says beside the first."""

from __future__ import annotations

from dataclasses import dataclass

from mixcomp_edge.simulation import LayerCost, Simulation

Number = float | None


@dataclass(frozen=True)
class Row:
    """A figure of both; None where one has no such layer."""

    text: str
    ours: Number
    other: Number

    @property
    def ratio(self) -> Number:
        """Of the first to the second."""
        return self.ours / self.other if self.ours is not None and self.other else None


@dataclass(frozen=True)
class Layer:
    """A layer of either, by its name: its form in both, and its figures."""

    name: str
    forms: tuple[str, str]
    figures: tuple[Row, ...]


@dataclass(frozen=True)
class Beside:
    """`names`: how the page calls the two."""

    names: tuple[str, str]
    totals: tuple[Row, ...]
    layers: tuple[Layer, ...]


def beside(names: tuple[str, str], ours: Simulation, other: Simulation) -> Beside:
    """Layers in the first one's order; those that only the second has come last."""
    totals = (
        Row("instructions", ours.instructions, other.instructions),
        Row("cycles", ours.cycles, other.cycles),
        Row("latency, ms", ours.latency_ms, other.latency_ms),
        Row("energy, µJ", ours.energy_uj, other.energy_uj),
        *(Row(f"flash, {part}, B", ours.flash_bytes[part], other.flash_bytes[part]) for part in ours.flash_bytes),
        *(Row(f"RAM, {part}, B", ours.ram_bytes[part], other.ram_bytes[part]) for part in ours.ram_bytes),
    )
    sides = [{layer.name: layer for layer in found.layers} for found in (ours, other)]
    met = dict.fromkeys([*sides[0], *sides[1]])
    return Beside(names, totals, tuple(_layer(name, sides[0].get(name), sides[1].get(name)) for name in met))


def _layer(name: str, ours: LayerCost | None, other: LayerCost | None) -> Layer:
    figures = [
        Row(text, *(getattr(side, key) if side is not None else None for side in (ours, other)))
        for text, key in (("instructions", "instructions"), ("cycles", "cycles"), ("flash, B", "flash_bytes"))
    ]
    return Layer(name, (_form(ours), _form(other)), tuple(figures))


def _form(layer: LayerCost | None) -> str:
    if layer is None:
        return "–"
    return ", ".join(filter(None, (layer.op, layer.weights, f"{layer.act_bits} bits")))
