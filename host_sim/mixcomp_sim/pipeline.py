"""Cycles of a counted call at zero wait states: the manual's number for each instruction, and what neighbours change.

Code is cut into runs of instructions that were executed equally often and one after the other. A run is walked once by
a small in-order scoreboard and counts as often as it was executed; taken branches are counted, not guessed. Rules and
numbers are data: timing/<core>.toml names the manual and table of each. Where a manual gives a range, cycles have one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from .counts import Counts
from .instructions import FLAGS, KINDS, Instruction, decode_instruction

LOW, NOMINAL, HIGH = range(3)
UNLISTED = (1.0, 1.0, 20.0)  # cycles of a kind that a table has no number for
_LOADS = {"load", "load_double", "load_multiple", "float_load"}
_STORES = {"store", "store_double", "store_multiple", "float_store"}
_MEMORY = _LOADS | _STORES
_UNITS = {  # of a core that issues two instructions: what both would compete for
    **dict.fromkeys((kind for kind in KINDS if kind.startswith(("float", "double"))), "float"),
    **dict.fromkeys(_LOADS, "load"),
    **dict.fromkeys(_STORES, "store"),
    **dict.fromkeys(("mul", "mla", "mull", "mlal"), "multiply"),
    **dict.fromkeys(("branch", "call", "return", "table_branch", "loop"), "branch"),
}
_VECTORS = {"vector": 0, "vector_load": 1, "vector_store": 1}  # unit


@dataclass(frozen=True)
class Cycles:
    """A number with its bounds: those of the manual's ranges, not of everything that may happen on a chip."""

    low: float
    nominal: float
    high: float

    def __add__(self, other: Cycles) -> Cycles:
        return Cycles(self.low + other.low, self.nominal + other.nominal, self.high + other.high)


@dataclass(frozen=True)
class Timing:
    """One column (low, nominal or high) of a core's table."""

    width: int
    cycles: Mapping[str, float]
    per_register: Mapping[str, float]
    latency: Mapping[str, float]
    late: Mapping[str, float]
    taken: Mapping[str, float]
    rules: Mapping[str, float]
    alone: frozenset[str]
    first: frozenset[str]


@dataclass(frozen=True)
class Core:
    name: str
    source: str
    error: float  # relative, of the nominal cycles against a board
    kinds: frozenset[str]  # of instructions that the table has a number for
    columns: tuple[Timing, Timing, Timing] = field(repr=False)


@cache
def core_timing(name: str) -> Core:
    """The timing of a core; ValueError lists those there are."""
    path = Path(__file__).parent / "timing" / f"{name}.toml"
    if not path.exists():
        known = sorted(p.stem for p in path.parent.glob("*.toml"))
        raise ValueError(f"no cycle model for {name!r}. There are models for {', '.join(known)}.")
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    columns = _column(table, LOW), _column(table, NOMINAL), _column(table, HIGH)
    return Core(name, table["source"], table["error"], frozenset(table["cycles"]), columns)


def _column(table: Mapping[str, Any], column: int) -> Timing:
    def pick(section: str) -> dict[str, float]:
        values = table.get(section, {})
        return {key: float(v[column] if isinstance(v, list) else v) for key, v in values.items()}

    sections = ("cycles", "per_register", "latency", "late", "taken", "rules")
    cycles, per_register, latency, late, taken, rules = map(pick, sections)
    issue = table.get("issue", {})
    alone, first = frozenset(issue.get("alone", ())), frozenset(issue.get("first", ()))
    unknown = (cycles.keys() | per_register.keys() | latency.keys() | late.keys() | alone | first) - set(KINDS)
    if unknown:
        raise ValueError(f"timing table has kinds that no instruction has: {', '.join(sorted(unknown))}")
    every = {kind: cycles.get(kind, UNLISTED[column]) for kind in KINDS}
    return Timing(table["width"], every, per_register, latency, late, taken, rules, alone, first)


def core_cycles(counts: Counts, core: str) -> tuple[Cycles, ...]:
    """Cycles of each layer, and last of what follows the last layer mark, as in counts.layers."""
    model = core_timing(core)
    return tuple(
        Cycles(*(_layer_cycles(counts, layer, timing) for timing in model.columns))
        for layer in range(len(counts.layers))
    )


def unlisted(counts: Counts, core: str) -> dict[str, int]:
    """Executed instructions for which the core's table has no number, by name, with how often: each counts as one
    cycle, which is a guess."""
    known, found = core_timing(core).kinds, dict[str, int]()
    for layer in counts.by_address:
        for address, times in layer.items():
            instruction = decode_instruction(counts.instruction(address))
            if instruction.kind not in known:
                found[instruction.name] = found.get(instruction.name, 0) + times
    return found


def _layer_cycles(counts: Counts, layer: int, timing: Timing) -> float:
    executed, taken = counts.by_address[layer], counts.taken[layer]
    total = 0.0
    for run, times in _runs(counts, executed, taken):
        total += times * _walk(run, timing)
    for end, jumps in taken.items():
        instruction = _before(counts, executed, end)
        if instruction is not None:
            total += jumps * timing.taken.get(instruction.kind, 0.0)
    if "mispredict" in timing.rules:
        total += timing.rules["mispredict"] * _mispredicted(counts, executed, taken)
    return total


def _runs(counts: Counts, executed: Mapping[int, int], taken: Mapping[int, int]) -> list[tuple[list[Instruction], int]]:
    """(instructions in a row, how often they were executed)."""
    runs: list[tuple[list[Instruction], int]] = []
    expected, times = -1, 0
    for address in sorted(executed):
        instruction = decode_instruction(counts.instruction(address))
        if address != expected or executed[address] != times or address in taken:
            runs.append(([], executed[address]))
        runs[-1][0].append(instruction)
        expected, times = address + instruction.size, executed[address]
    return runs


def _before(counts: Counts, executed: Mapping[int, int], end: int) -> Instruction | None:
    """The executed instruction that ends at an address."""
    for size in (2, 4):
        if end - size in executed:
            instruction = decode_instruction(counts.instruction(end - size))
            if instruction.size == size:
                return instruction
    return None


def _mispredicted(counts: Counts, executed: Mapping[int, int], taken: Mapping[int, int]) -> int:
    """Conditional branches that went the rarer way, each branch by itself: what a good predictor gets wrong at most."""
    wrong = 0
    for address, times in executed.items():
        instruction = decode_instruction(counts.instruction(address))
        if instruction.kind == "branch":
            jumps = taken.get(address + instruction.size, 0)
            wrong += min(jumps, max(0, times - jumps))
    return wrong


def _walk(run: Sequence[Instruction], timing: Timing) -> float:
    """Cycles of instructions issued in order, the first at cycle 0 with all registers ready."""
    board = _Scoreboard(timing)
    for instruction in run:
        board.issue(instruction)
    return board.free


class _Scoreboard:
    """`free` is the cycle at which the next instruction can be issued."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.free = 0.0
        self.ready: dict[int, float] = {}  # register -> the cycle from which an ALU can read it
        self.last: Instruction | None = None
        self.slots: list[Instruction] = []  # issued in the cycle before `free`

    def issue(self, instruction: Instruction) -> None:
        timing, start = self.timing, self.free
        if timing.width > 1 and self._pairs(instruction):
            start -= 1.0
            self.slots.append(instruction)
        else:
            self.slots = [instruction]
            start = max([start, *(self._ready(register, instruction) for register in instruction.reads)])
        cost = timing.cycles[instruction.kind] + timing.per_register.get(instruction.kind, 0.0) * instruction.moves
        cost += self._neighbour(instruction)
        end = start + max(cost, 0.0)
        latency = timing.latency.get(instruction.kind, 1.0)
        latency += timing.rules.get("narrow_load", 0.0) * instruction.narrow
        for register in instruction.writes:
            delay = timing.rules.get("base_latency", 1.0) if register in instruction.base else latency
            self.ready[register] = end - 1 + delay
        self.free, self.last = max(self.free, end), instruction

    def _ready(self, register: int, instruction: Instruction) -> float:
        """The cycle from which the instruction can be issued as far as this register goes."""
        timing, cycle = self.timing, self.ready.get(register, 0.0)
        if register in instruction.address:
            return cycle + timing.rules.get("early_address", 0.0)
        if register in instruction.shifted:
            return cycle + timing.rules.get("early_shift", 0.0)
        if register in instruction.accumulates or instruction.kind in _STORES:
            return cycle - timing.late.get(instruction.kind, 0.0)
        return cycle

    def _pairs(self, instruction: Instruction) -> bool:
        """Whether it can be issued in the cycle of the instruction before."""
        if not self.slots or len(self.slots) >= self.timing.width:
            return False
        before, cycle, timing = self.slots[0], self.free - 1, self.timing
        if before.jumps or timing.cycles[before.kind] != 1 or max(before.moves, instruction.moves) > 1:
            return False
        if before.kind in timing.alone or instruction.kind in timing.alone | timing.first:
            return False
        unit = _UNITS.get(instruction.kind)
        if unit is not None and unit == _UNITS.get(before.kind) and not timing.rules.get(f"two_{unit}s"):
            return False
        if before.shifted and instruction.shifted:
            return False
        if any(self._ready(register, instruction) > cycle for register in instruction.reads - {FLAGS}):
            return False
        return not before.writes & instruction.writes - {FLAGS}

    def _neighbour(self, instruction: Instruction) -> float:
        """What the instruction before adds or takes away."""
        rules, last, change = self.timing.rules, self.last, 0.0
        if instruction.kind == "store" and instruction.indexed:
            change += rules.get("indexed_store", 0.0)
        if last is None:
            return change
        from_last = bool(instruction.address & last.writes - {13})
        if instruction.kind == "load" and last.kind == "load" and not from_last:
            change -= rules.get("pipelined_loads", 0.0)
        if instruction.kind in _MEMORY and from_last and last.kind not in _MEMORY:
            change += rules.get("address_interlock", 0.0)
        if instruction.kind in _MEMORY and instruction.address & last.base - {13}:
            change += rules.get("write_back_interlock", 0.0)
        if instruction.kind in _VECTORS and last.kind in _VECTORS and _VECTORS[instruction.kind] != _VECTORS[last.kind]:
            change -= rules.get("vector_overlap", 0.0)
        return change
