"""What a call costs on a chip: cycles of the core, stalls of its flash, time at its clock, energy at its run current.

Every figure comes with its bounds. For cycles: where programs have been held against a board, between the 10th and the
90th percentile of what it took (timing/<core>.toml, `judged`), with a stated error of the waits; elsewhere the wider of
the manual's ranges and of the model's own error. For energy those and the error of the power (chips/<chip>.toml), which
are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

from .chips import Chip
from .counts import Counts
from .flash import Stalls
from .pipeline import Cycles, core_cycles, core_timing

WAITS_ERROR = 0.5  # relative, of what the flash makes wait: no row judges that by itself


@dataclass(frozen=True)
class Interval:
    """A figure between two bounds."""

    low: float
    nominal: float
    high: float

    def scaled(self, factor: float) -> Interval:
        return Interval(self.low * factor, self.nominal * factor, self.high * factor)

    @property
    def error(self) -> float:
        """Relative, to the farther bound."""
        return max(self.high - self.nominal, self.nominal - self.low) / self.nominal if self.nominal else 0.0


def interval(core: Cycles, waits: float, name: str) -> Interval:
    """Cycles of a core and of what it waits for besides, with their bounds."""
    nominal, judged = core.nominal + waits, core_timing(name).judged
    if judged is not None:
        low = core.nominal * (1 + min(judged[0], 0.0)) + waits * (1 - WAITS_ERROR)
        high = core.nominal * (1 + max(judged[1], 0.0)) + waits * (1 + WAITS_ERROR)
        return Interval(low, nominal, high)
    width = max(core.high - core.nominal, core.nominal - core.low) / nominal if nominal else 0.0
    error = max(width, core_timing(name).error)
    return Interval(nominal * (1 - error), nominal, nominal * (1 + error))


def energy_interval(cycles: Interval, chip: Chip) -> Interval | None:
    """In uJ; None where the chip's power is not known. The errors of cycles and of power are independent."""
    power = chip.power
    if power is None:
        return None
    nominal = cycles.nominal * chip.energy_pj_per_cycle / 1e6

    def bound(end: float) -> float:
        return hypot(end / cycles.nominal - 1, power.error) if cycles.nominal else 0.0

    return Interval(nominal * max(0.0, 1 - bound(cycles.low)), nominal, nominal * (1 + bound(cycles.high)))


@dataclass(frozen=True)
class Cost:
    """cycles includes stall_cycles."""

    cycles: Interval
    stall_cycles: float
    latency_ms: float
    energy_uj: Interval | None


def costs(counts: Counts, chip: Chip, stalls: Sequence[Stalls] | None = None) -> tuple[Cost, ...]:
    """Of each layer, and last of what follows the last layer mark, as in counts.layers.

    stalls: of the same call through chip.flash; without them the flash counts as having no wait states.
    """
    waits = [0.0] * len(counts.layers) if stalls is None else [s.cycles for s in stalls]
    return tuple(_cost(c, wait, chip) for c, wait in zip(core_cycles(counts, chip.core), waits, strict=True))


def total(parts: Sequence[Cost]) -> Cost:
    """The sum; bounds add up, since all parts err to the same side."""
    energies = [part.energy_uj for part in parts]
    return Cost(
        _sum([part.cycles for part in parts]),
        sum(part.stall_cycles for part in parts),
        sum(part.latency_ms for part in parts),
        None if None in energies else _sum([energy for energy in energies if energy is not None]),
    )


def _sum(parts: Sequence[Interval]) -> Interval:
    return Interval(sum(p.low for p in parts), sum(p.nominal for p in parts), sum(p.high for p in parts))


def mean_pace(counts: Counts, chip: Chip) -> float:
    """Cycles of an executed halfword at zero wait states."""
    halfwords = sum(
        n * len(counts.instruction(address)) // 2 for layer in counts.by_address for address, n in layer.items()
    )
    return sum(c.nominal for c in core_cycles(counts, chip.core)) / max(1, halfwords)


def _cost(core: Cycles, stall_cycles: float, chip: Chip) -> Cost:
    cycles = interval(core, stall_cycles, chip.core)
    return Cost(cycles, stall_cycles, cycles.nominal / chip.clock_hz * 1e3, energy_interval(cycles, chip))
