"""An inference in modelled cycles and milliseconds on the chips of boards that MLPerf Tiny's results name, beside the
best result that anyone has published for the board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixcomp_edge.bench.peers import peers

if TYPE_CHECKING:
    from mixcomp_edge.transports.emulator import EmulatedCore


@dataclass(frozen=True)
class BoardResult:
    """Modelled for the chip, between the two ends of `bounds_ms`, beside what was published."""

    chip: str
    board: str
    cycles: int
    stall_cycles: int  # of them, those that wait for the flash
    latency_ms: float
    bounds_ms: tuple[float, float]
    published_ms: float  # int8, measured on the board
    published_by: str
    ratio: float  # latency_ms / published_ms


def on_boards(core: EmulatedCore, model: str, packed: bytes) -> tuple[BoardResult, ...]:
    """Of one inference on each chip with the core for which results of the network are published."""
    from mixcomp_sim.chips import chips
    from mixcomp_sim.cost import costs, total

    known = {chip: rows for chip, rows in peers()["boards"].items() if chips()[chip].core == core.target.core}
    if not any(model in rows for rows in known.values()):
        return ()
    counts, _ = core.count(packed)
    found = []
    for name, rows in known.items():
        chip, published = chips()[name], rows[model]
        cost = total(costs(counts, chip, core.stalls(packed, chip, counts)))
        ms = cost.cycles.scaled(1e3 / chip.clock_hz)
        found.append(
            BoardResult(
                name, rows["board"], round(cost.cycles.nominal), round(cost.stall_cycles), ms.nominal,
                (ms.low, ms.high), published["ms"], published["by"], ms.nominal / published["ms"],
            )
        )  # fmt: skip
    return tuple(found)
