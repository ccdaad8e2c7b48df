"""What a run of a program says, by function, by line and in total: the object behind `mixcomp-sim run`."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from .chip import Chip
from .cost import Interval, energy_interval, interval
from .elf import Image
from .lines import source_line
from .outcome import Outcome
from .pipeline import core_cycles, spent_by_address, unlisted


@dataclass
class Share:
    """Of a function or a line. cycles include stalls, those in which the core waits for its flash."""

    name: str
    instructions: int = 0
    cycles: float = 0.0
    stalls: float = 0.0
    calls: int = 0


@dataclass(frozen=True)
class Report:
    """cycles: awake, with its bounds; by_cause adds up to the nominal ones. functions, lines: most cycles first."""

    program: str
    chip: str
    core: str
    clock_hz: int
    ending: dict[str, Any]
    instructions: int
    cycles: Interval
    asleep_cycles: int
    by_cause: dict[str, float]
    time_ms: Interval
    energy_uj: Interval | None  # None where the chip's power is not known
    functions: tuple[Share, ...]
    lines: tuple[Share, ...]
    stack_bytes: int | None  # None for not known
    memory: dict[str, dict[str, int]]
    unaligned: dict[str, int]
    exceptions: dict[str, int]
    unknown_registers: dict[str, str]
    unlisted_instructions: dict[str, int]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


_EXCEPTIONS = {11: "SVCall", 14: "PendSV", 15: "SysTick"}


def make_report(program: str, image: Image, chip: Chip, outcome: Outcome) -> Report:
    """What `outcome`, a run of `image` on `chip`, has cost."""
    counts, spent = outcome.counts, spent_by_address(outcome.counts, chip.core)
    waits = outcome.stalls.cycles + outcome.exception_cycles
    cycles = interval(core_cycles(counts, chip.core)[0], waits, chip.core)
    causes = {
        "instructions": sum(s.own for s in spent.values()),
        "waits for results": sum(s.waits for s in spent.values()),
        "interlocks": sum(s.interlocks for s in spent.values()),
        "refills behind branches": sum(s.refills for s in spent.values()),
        "mispredictions": sum(s.mispredictions for s in spent.values()),
        "flash, code": outcome.stalls.fetch_cycles,
        "flash, data": outcome.stalls.read_cycles,
        "unaligned loads": outcome.stalls.unaligned_cycles,
        "entries and exits of handlers": outcome.exception_cycles,
    }
    functions, lines = _shares(image, outcome)
    return Report(
        program=program,
        chip=chip.name,
        core=chip.core,
        clock_hz=chip.clock_hz,
        ending=asdict(outcome.ending),
        instructions=counts.total,
        cycles=cycles,
        asleep_cycles=outcome.asleep_cycles,
        by_cause=causes,
        time_ms=cycles.scaled(1e3 / chip.clock_hz),
        energy_uj=energy_interval(cycles, chip),
        functions=functions,
        lines=lines,
        stack_bytes=outcome.stack_bytes,
        memory={place: asdict(moved) for place, moved in outcome.moved.items()},
        unaligned=dict(zip(("reads", "writes"), outcome.unaligned, strict=True)),
        exceptions={_EXCEPTIONS.get(n, f"interrupt {n - 16}"): times for n, times in outcome.exceptions.items()},
        unknown_registers={f"0x{a:08x}": image.nearest(code) for a, code in sorted(outcome.unknown.items())},
        unlisted_instructions=unlisted(counts, chip.core),
        notes=tuple(_notes(chip, outcome)),
    )


def cycles_at(outcome: Outcome) -> dict[int, tuple[int, float, float]]:
    """Address of an instruction -> (executions, cycles, of them waiting for the flash). A block's waits stand at its
    first instruction."""
    found = {
        address: (outcome.counts.by_address[0][address], spent.total, 0.0)
        for address, spent in spent_by_address(outcome.counts, outcome.core).items()
    }
    for address, waits in outcome.block_stalls.items():
        times, cycles, stalls = found.get(address, (0, 0.0, 0.0))
        found[address] = times, cycles + waits, stalls + waits
    return found


def _shares(image: Image, outcome: Outcome) -> tuple[tuple[Share, ...], tuple[Share, ...]]:
    functions: dict[str, Share] = {}
    lines: dict[str, Share] = {}
    starts = [label.address for label in image.labels]
    for address, (times, cycles, stalls) in cycles_at(outcome).items():
        at = bisect.bisect_right(starts, address) - 1
        name = image.labels[at].name if at >= 0 else f"0x{address:08x}"
        for table, key in ((functions, name), (lines, source_line(image.file, address))):
            if key:
                share = table.setdefault(key, Share(key))
                share.instructions += times
                share.cycles += cycles
                share.stalls += stalls
    for function, calls in outcome.called().items():
        if function < len(image.labels) and image.labels[function].name in functions:
            functions[image.labels[function].name].calls += calls
    return _most_first(functions), _most_first(lines)


def _most_first(table: dict[str, Share]) -> tuple[Share, ...]:
    return tuple(sorted(table.values(), key=lambda share: (-share.cycles, share.name)))


def _notes(chip: Chip, outcome: Outcome) -> Iterator[str]:
    yield from outcome.notes
    if outcome.lost_bytes:
        yield f"{outcome.lost_bytes} bytes of code ran outside of the ELF's code sections and are not counted"
    if not chip.judged:
        yield f"no figure of {chip.name} has been held against a board"
    if chip.assumed:
        yield f"assumed of {chip.name}, without a document at hand: {', '.join(chip.assumed)}"
