"""Cycles of a counted call at zero wait states: the manual's number for each instruction, and what neighbours change.

Code is cut into runs of instructions that were executed equally often and one after the other. A run is walked once by
a small in-order scoreboard and counts as often as it was executed; taken branches are counted, not guessed. Rules and
numbers are data: timing/<core>.toml names the manual and table of each. Where a manual gives a range, cycles have one.
"""

from __future__ import annotations

import bisect
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from .counts import Counts
from .instructions import FLAGS, PART_OF, Instruction, decode_instruction
from .instructions_riscv import decode_riscv
from .lengths import RISCV
from .scoreboard import ALL_KINDS, Timing, walk

LOW, NOMINAL, HIGH = range(3)
UNLISTED = (1.0, 1.0, 20.0)  # cycles of a kind that a table has no number for


@dataclass(frozen=True)
class Cycles:
    """A number with its bounds: those of the manual's ranges, not of everything that may happen on a chip."""

    low: float
    nominal: float
    high: float

    def __add__(self, other: Cycles) -> Cycles:
        return Cycles(self.low + other.low, self.nominal + other.nominal, self.high + other.high)


@dataclass
class Spent:
    """Cycles of all executions of one instruction, by what they go to."""

    own: float = 0.0  # issue and execution
    waits: float = 0.0  # for a result that is not there yet
    interlocks: float = 0.0  # behind an address or a write-back
    refills: float = 0.0  # of the pipeline behind a taken branch
    mispredictions: float = 0.0

    @property
    def total(self) -> float:
        return self.own + self.waits + self.interlocks + self.refills + self.mispredictions

    def add(self, other: Spent) -> None:
        self.own += other.own
        self.waits += other.waits
        self.interlocks += other.interlocks
        self.refills += other.refills
        self.mispredictions += other.mispredictions


@dataclass(frozen=True)
class Core:
    name: str
    source: str
    error: float  # relative, of the nominal cycles against a board, where nothing was judged
    judged: (
        tuple[float, float] | None
    )  # 10th and 90th percentile of judged rows: what a board takes more than this says
    kinds: frozenset[str]  # of instructions that the table has a number for
    columns: tuple[Timing, Timing, Timing] = field(repr=False)


@cache
def core_timing(name: str) -> Core:
    """The timing of a core; ValueError lists those there are."""
    path = Path(__file__).parent / "timing" / f"{name}.toml"
    if not path.exists():
        known = sorted(p.stem for p in path.parent.glob("*.toml"))
        raise ValueError(f"no cycle model for {name!r}. There are models for {', '.join(known)}.")
    return make_core(name, tomllib.loads(path.read_text(encoding="utf-8")))


def make_core(name: str, table: Mapping[str, Any]) -> Core:
    """Of a file's table."""
    columns = _column(table, LOW), _column(table, NOMINAL), _column(table, HIGH)
    judged = tuple(table["judged"]) if "judged" in table else None
    known = frozenset(kind for kind in ALL_KINDS if kind in table["cycles"] or PART_OF.get(kind) in table["cycles"])
    return Core(name, table["source"], table["error"], judged, known, columns)


def _column(table: Mapping[str, Any], column: int) -> Timing:
    def pick(section: str) -> dict[str, float]:
        values = table.get(section, {})
        return {key: float(v[column] if isinstance(v, list) else v) for key, v in values.items()}

    def of_kinds(section: str) -> dict[str, float]:
        """What has no number of its own takes that of the wider kind."""
        values = pick(section)
        if unknown := values.keys() - set(ALL_KINDS):
            raise ValueError(f"timing table has kinds that no instruction has: {', '.join(sorted(unknown))}")
        return {kind: values[wider] for kind, wider in PART_OF.items() if wider in values} | values

    def listed(key: str) -> frozenset[str]:
        names = table.get("issue", {}).get(key, ())
        return frozenset(kind for kind in ALL_KINDS if kind in names or PART_OF.get(kind) in names)

    cycles, per_register, latency, late, taken, busy = map(
        of_kinds, ("cycles", "per_register", "latency", "late", "taken", "busy")
    )
    every = dict.fromkeys(ALL_KINDS, UNLISTED[column]) | cycles
    apart = frozenset(frozenset(pair) for pair in table.get("issue", {}).get("apart", ()))
    rules, alone, first = pick("rules"), listed("alone"), listed("first")
    return Timing(table["width"], every, per_register, latency, late, taken, busy, rules, alone, first, apart)


def core_cycles(counts: Counts, core: str) -> tuple[Cycles, ...]:
    """Cycles of each layer, and last of what follows the last layer mark, as in counts.layers."""
    model = core_timing(core)
    return tuple(
        Cycles(*(sum(s.total for s in _spent(counts, layer, timing).values()) for timing in model.columns))
        for layer in range(len(counts.layers))
    )


def unlisted(counts: Counts, core: str) -> dict[str, int]:
    """Executed instructions for which the core's table has no number, by name, with how often: each counts as one
    cycle, which is a guess."""
    known, found = core_timing(core).kinds, dict[str, int]()
    for layer in counts.by_address:
        for address, times in layer.items():
            instruction = _decoded(counts, address)
            if instruction.kind not in known:
                found[instruction.name] = found.get(instruction.name, 0) + times
    return found


def executions(counts: Counts, kind: str) -> tuple[int, ...]:
    """Of instructions of a kind, in each layer, and last in what follows the last layer mark."""
    return tuple(
        sum(times for address, times in layer.items() if _decoded(counts, address).kind == kind)
        for layer in counts.by_address
    )


def division_range(core: str) -> int:
    """Cycles between a core's fastest and its slowest division; 0 where it has no instruction for it."""
    model = core_timing(core)
    fastest, _, slowest = (column.cycles["div"] for column in model.columns)
    return round(slowest - fastest) if "div" in model.kinds else 0


def spent_by_address(counts: Counts, core: str, layer: int | None = None) -> dict[int, Spent]:
    """Nominal cycles of each executed instruction; of one layer or of all."""
    timing, total = core_timing(core).columns[NOMINAL], dict[int, Spent]()
    for index in range(len(counts.layers)) if layer is None else [layer]:
        for address, spent in _spent(counts, index, timing).items():
            total.setdefault(address, Spent()).add(spent)
    return total


def _spent(counts: Counts, layer: int, timing: Timing) -> dict[int, Spent]:
    executed, taken = counts.by_address[layer], counts.taken[layer]
    found: dict[int, Spent] = {}
    for start, run, times in _runs(counts, executed, taken):
        address = start
        for instruction, step in zip(run, walk(run, timing, start), strict=True):
            found[address] = Spent(times * step.own, times * step.waits, times * step.interlock)
            address += instruction.size
    for end, jumps in taken.items():
        branch = _before(counts, executed, end)
        if branch is not None:
            before = _before(counts, executed, end - branch.size)
            found[end - branch.size].refills += jumps * refill(branch, before, timing)
    if "mispredict" in timing.rules:
        missed = _outside_loops if "last_loop" in timing.rules else _mispredicted
        for address, wrong in missed(counts, executed, taken).items():
            found[address].mispredictions += timing.rules["mispredict"] * wrong
    return found


def refill(branch: Instruction, before: Instruction | None, timing: Timing) -> float:
    """Cycles that a jump takes longer than going on, where `before` is executed right before it."""
    late = timing.rules.get("late_flags", 0.0) if before is not None and FLAGS in before.writes else 0.0
    return timing.taken.get(branch.kind, 0.0) + late * (branch.kind == "branch")


def _runs(
    counts: Counts, executed: Mapping[int, int], taken: Mapping[int, int]
) -> list[tuple[int, list[Instruction], int]]:
    """(address, instructions in a row from there, how often they were executed)."""
    runs: list[tuple[int, list[Instruction], int]] = []
    expected, times = -1, 0
    for address in sorted(executed):
        instruction = _decoded(counts, address)
        if address != expected or executed[address] != times or address in taken:
            runs.append((address, [], executed[address]))
        runs[-1][1].append(instruction)
        expected, times = address + instruction.size, executed[address]
    return runs


def _decoded(counts: Counts, address: int) -> Instruction:
    decode = decode_riscv if counts.code[0].machine == RISCV else decode_instruction
    return decode(counts.instruction(address))


def _before(counts: Counts, executed: Mapping[int, int], end: int) -> Instruction | None:
    """The executed instruction that ends at an address."""
    for size in (2, 4):
        if end - size in executed:
            instruction = _decoded(counts, end - size)
            if instruction.size == size:
                return instruction
    return None


def _mispredicted(counts: Counts, executed: Mapping[int, int], taken: Mapping[int, int]) -> dict[int, int]:
    """Conditional branches that went the rarer way, each branch by itself: what a good predictor gets wrong at most."""
    wrong = {}
    for address, times in executed.items():
        instruction = _decoded(counts, address)
        if instruction.kind == "branch":
            jumps = taken.get(address + instruction.size, 0)
            wrong[address] = min(jumps, max(0, times - jumps))
    return wrong


def _outside_loops(counts: Counts, executed: Mapping[int, int], taken: Mapping[int, int]) -> dict[int, int]:
    """Branches that a predictor gets wrong which knows only the last backward branch that was taken: in a loop without
    another such branch or a call in it the first jump and the exit of each time through, elsewhere every jump."""
    wrong, loops, calls = dict[int, int](), dict[int, int](), list[int]()
    for address, times in executed.items():
        instruction = _decoded(counts, address)
        jumps = taken.get(address + instruction.size, 0)
        if instruction.kind == "branch":
            wrong[address] = jumps
            if instruction.offset < 0 and jumps:
                loops[address] = address + instruction.offset
        elif instruction.kind in ("call", "return") and times:
            calls.append(address)
    upset = sorted([*loops, *calls])
    for address, start in loops.items():
        if bisect.bisect_left(upset, start) == bisect.bisect_left(upset, address):
            times, jumps = executed[address], wrong[address]
            wrong[address] = min(2 * min(jumps, max(0, times - jumps)), times)
    return wrong
