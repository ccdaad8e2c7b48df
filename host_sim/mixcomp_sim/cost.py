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
    width = max(core.high - core.nominal, core.nominal - core.low) / cycles if cycles else 0.0
    error = max(width, core_timing(chip.core).error)
    ms = cycles / chip.clock_hz * 1e3
    return Cost(cycles, stall_cycles, ms, ms * chip.power_mw, error, hypot(error, chip.power.error))
