"""What a call costs on a chip: cycles of the core, stalls of its flash, time at its clock, energy at its run current.

Every figure comes with an error bar: for cycles the wider of the manual's ranges and of the model's own error
(timing/<core>.toml); for energy that and the error of the power (chips/<chip>.toml), which are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

from .chips import Chip
from .counts import Counts
from .flash import Stalls
from .pipeline import Cycles, core_cycles, core_timing


@dataclass(frozen=True)
class Interval:
    """A figure between two bounds."""

    low: float
    nominal: float
    high: float

    def scaled(self, factor: float) -> Interval:
        return Interval(self.low * factor, self.nominal * factor, self.high * factor)


def interval(core: Cycles, waits: float, name: str) -> Interval:
    """Cycles of a core and of what it waits for besides, between the bounds of its timing table."""
    nominal = core.nominal + waits
    error = _error(core, nominal, name)
    return Interval(nominal * (1 - error), nominal, nominal * (1 + error))


def energy_interval(cycles: Interval, chip: Chip) -> Interval:
    """In uJ. The errors of cycles and of power are independent."""
    nominal = cycles.nominal * chip.energy_pj_per_cycle / 1e6

    def bound(end: float) -> float:
        return hypot(end / cycles.nominal - 1, chip.power.error) if cycles.nominal else 0.0

    return Interval(nominal * max(0.0, 1 - bound(cycles.low)), nominal, nominal * (1 + bound(cycles.high)))


@dataclass(frozen=True)
class Cost:
    """cycles includes stall_cycles; the errors are relative."""

    cycles: float
    stall_cycles: float
    latency_ms: float
    energy_uj: float
    cycles_error: float
    energy_error: float


def costs(counts: Counts, chip: Chip, stalls: Sequence[Stalls] | None = None) -> tuple[Cost, ...]:
    """Of each layer, and last of what follows the last layer mark, as in counts.layers.

    stalls: of the same call through chip.flash; without them the flash counts as having no wait states.
    """
    waits = [0.0] * len(counts.layers) if stalls is None else [s.cycles for s in stalls]
    return tuple(_cost(c, wait, chip) for c, wait in zip(core_cycles(counts, chip.core), waits, strict=True))


def total(parts: Sequence[Cost]) -> Cost:
    """The sum; its errors are the means weighed by cycles, since all parts err to the same side."""
    cycles = sum(part.cycles for part in parts) or 1.0

    def mean(values: Sequence[float]) -> float:
        return sum(v * part.cycles for v, part in zip(values, parts, strict=True)) / cycles

    return Cost(
        sum(part.cycles for part in parts),
        sum(part.stall_cycles for part in parts),
        sum(part.latency_ms for part in parts),
        sum(part.energy_uj for part in parts),
        mean([part.cycles_error for part in parts]),
        mean([part.energy_error for part in parts]),
    )


def mean_pace(counts: Counts, chip: Chip) -> float:
    """Cycles of an executed halfword at zero wait states."""
    halfwords = sum(
        n * len(counts.instruction(address)) // 2 for layer in counts.by_address for address, n in layer.items()
    )
    return sum(c.nominal for c in core_cycles(counts, chip.core)) / max(1, halfwords)


def _cost(core: Cycles, stall_cycles: float, chip: Chip) -> Cost:
    cycles = core.nominal + stall_cycles
    error = _error(core, cycles, chip.core)
    ms = cycles / chip.clock_hz * 1e3
    return Cost(cycles, stall_cycles, ms, ms * chip.power_mw, error, hypot(error, chip.power.error))


def _error(core: Cycles, cycles: float, name: str) -> float:
    """Relative: the wider of the manual's ranges and of the model's own error."""
    width = max(core.high - core.nominal, core.nominal - core.low) / cycles if cycles else 0.0
    return max(width, core_timing(name).error)
