"""A small in-order pipeline: in which cycle an instruction is issued, and what it waited for. The rules are a column of
timing/<core>.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import NamedTuple

from .instructions import FLAGS, KINDS, PART_OF, Instruction

ALL_KINDS = (*KINDS, *PART_OF)

_SINGLE = {"load", "exclusive"}  # loads that follow one another in the pipeline
_LOADS = {*_SINGLE, "load_double", "load_multiple", "float_load"}
_STORES = {"store", "store_double", "store_multiple", "float_store"}
_MEMORY = _LOADS | _STORES
_UNITS = {  # of a core that issues two instructions: what both would compete for
    **dict.fromkeys((kind for kind in ALL_KINDS if kind.startswith(("float", "double"))), "float"),
    **dict.fromkeys(_LOADS, "load"),
    **dict.fromkeys(_STORES, "store"),
    **dict.fromkeys(("mul", "mla", "mull", "mlal"), "multiply"),
    **dict.fromkeys(("branch", "call", "call_register", "return", "table_branch", "loop"), "branch"),
    **dict.fromkeys(("float_move", "float_to_core", "float_copy"), None),  # they pass by the unit
}
_FLOATS = {kind for kind in ALL_KINDS if kind.startswith(("float", "double"))}
_VECTORS = {"vector": 0, "vector_load": 1, "vector_store": 1}  # unit


@dataclass(frozen=True)
class Timing:
    """One column (low, nominal or high) of a core's table; a kind that it does not name takes the numbers of the wider
    one. busy: cycles from its issue on in which the FPU takes no other instruction."""

    width: int
    cycles: Mapping[str, float]
    per_register: Mapping[str, float]
    latency: Mapping[str, float]
    late: Mapping[str, float]
    taken: Mapping[str, float]
    busy: Mapping[str, float]
    rules: Mapping[str, float]
    alone: frozenset[str]
    first: frozenset[str]
    apart: frozenset[frozenset[str]]


class Step(NamedTuple):
    """Cycles that one instruction adds: its own, those in which it waits for a result, and those of an interlock."""

    own: float
    waits: float
    interlock: float

    @property
    def cycles(self) -> float:
        return self.own + self.waits + self.interlock


def walk(run: Sequence[Instruction], timing: Timing, address: int = 0) -> list[Step]:
    """Of each of the instructions issued in order from an address on, the first at cycle 0 with all registers ready."""
    board, steps = _Scoreboard(timing), []
    for instruction in run:
        steps.append(board.issue(instruction, crosses=instruction.size == 4 and address % 4 == 2))
        address += instruction.size
    return steps


class _Scoreboard:
    """`free` is the cycle at which the next instruction can be issued."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.free = 0.0
        self.ready: dict[int, float] = {}  # register -> the cycle from which an ALU can read it
        self.loaded: set[int] = set()  # registers that a load wrote last
        self.fpu = 0.0  # the cycle from which the FPU takes an instruction
        self.last: Instruction | None = None
        self.slots: list[Instruction] = []  # issued in the cycle before `free`
        self.cost = 0.0  # of the instruction before
        self.crossing = 0  # instructions in a row that lie across a word's border, behind one of several cycles

    def issue(self, instruction: Instruction, *, crosses: bool) -> Step:
        """crosses: it lies across the border of a word."""
        timing, start = self.timing, self.free
        if timing.width > 1 and self._pairs(instruction):
            start -= 1.0
            self.slots.append(instruction)
        else:
            self.slots = [instruction]
            start = max([start, *(self._ready(register, instruction) for register in instruction.reads)])
            if instruction.kind in _FLOATS:
                start = max(start, self.fpu)
        beats = ceil(instruction.moves / timing.rules.get("words_at_once", 1.0))
        cost = timing.cycles[instruction.kind] + timing.per_register.get(instruction.kind, 0.0) * beats
        neighbour = self._neighbour(instruction) + self._fetch(crosses)
        end = start + max(cost + neighbour, 0.0)
        latency = timing.latency.get(instruction.kind, 1.0)
        latency += timing.rules.get("narrow_load", 0.0) * instruction.narrow
        latency += timing.rules.get("double_load", 0.0) * (instruction.kind == "float_load" and instruction.moves > 1)
        latency += timing.rules.get("shifted_result", 0.0) * (instruction.kind == "alu" and bool(instruction.shifted))
        if instruction.early and len(self.slots) == 1 and self._settled(instruction, start - 1):
            latency -= timing.rules.get("early_alu", 0.0)
        for register in instruction.writes:
            delay = timing.rules.get("base_latency", 1.0) if register in instruction.base else latency
            self.ready[register] = end - 1 + delay
        results = instruction.writes - instruction.base
        self.loaded = self.loaded | results if instruction.kind in _LOADS else self.loaded - results
        if instruction.kind in timing.busy:
            self.fpu = start + timing.busy[instruction.kind]
        waits, interlock = max(start - self.free, 0.0), max(neighbour, 0.0)
        before, self.free, self.last, self.cost = self.free, max(self.free, end), instruction, cost
        return Step(self.free - before - waits - interlock, waits, interlock)

    def _ready(self, register: int, instruction: Instruction) -> float:
        """The cycle from which the instruction can be issued as far as this register goes."""
        timing, cycle = self.timing, self.ready.get(register, -inf)
        if register in instruction.address:
            return cycle + timing.rules.get("early_address", 0.0)
        if register in instruction.shifted:
            return cycle + timing.rules.get("early_shift", 0.0)
        if register in instruction.accumulates or instruction.kind in _STORES:
            return cycle - timing.late.get(instruction.kind, 0.0)
        if register in self.loaded and (instruction.shifted or _UNITS.get(instruction.kind) == "multiply"):
            return cycle + timing.rules.get("late_loads", 0.0)
        return cycle

    def _settled(self, instruction: Instruction, cycle: float) -> bool:
        return all(self.ready.get(register, -inf) <= cycle for register in instruction.reads - {FLAGS})

    def _fetch(self, crosses: bool) -> float:
        """The third instruction in a row that lies across a word's border, the first of them behind one that took
        several cycles, waits for its second half."""
        if not crosses:
            self.crossing = 0
        elif self.crossing or self.cost > 1:
            self.crossing += 1
        return self.timing.rules.get("crossing", 0.0) if self.crossing == 3 else 0.0

    def _pairs(self, instruction: Instruction) -> bool:
        """Whether it can be issued in the cycle of the instruction before."""
        if not self.slots or len(self.slots) >= self.timing.width:
            return False
        before, cycle, timing = self.slots[0], self.free - 1, self.timing
        if before.jumps or self.cost != 1 or max(before.moves, instruction.moves) > 1:
            return False
        if before.kind in timing.alone or instruction.kind in timing.alone | timing.first:
            return False
        unit = _UNITS.get(instruction.kind)
        if unit is not None and unit == _UNITS.get(before.kind) and not timing.rules.get(f"two_{unit}s"):
            return False
        if before.shifted and instruction.shifted:
            return False
        if frozenset((before.kind, instruction.kind)) in timing.apart or self._same_bank(before, instruction):
            return False
        if any(self._ready(register, instruction) > cycle for register in instruction.reads - {FLAGS}):
            return False
        return not before.writes & instruction.writes - {FLAGS}

    def _same_bank(self, before: Instruction, instruction: Instruction) -> bool:
        """Of loads from one base: words go round the banks."""
        banks, words = self.timing.rules.get("banks", 0.0), before.offset // 4 - instruction.offset // 4
        both = before.kind == instruction.kind == "load" and before.address == instruction.address
        return both and banks > 0 and words % banks == 0

    def _neighbour(self, instruction: Instruction) -> float:
        """What the instruction before adds or takes away."""
        rules, last, change = self.timing.rules, self.last, 0.0
        if instruction.kind == "store" and instruction.indexed:
            change += rules.get("indexed_store", 0.0)
        if last is None:
            return change
        if instruction.kind in ("branch", "it") and instruction.size == last.size == 2:
            change -= rules.get("folded_branch", 0.0)
        if instruction.kind in _SINGLE and last.kind == "store":
            change += rules.get("load_behind_store", 0.0)
        if instruction.kind in ("load", "store") and instruction.base and last.kind in _SINGLE:
            change += rules.get("write_back_behind_load", 0.0)
        from_last = bool(instruction.address & last.writes - {13})
        follows = instruction.kind in _SINGLE or (instruction.kind == "store" and instruction.indexed)
        if follows and last.kind in _SINGLE and not from_last:
            change -= rules.get("pipelined_loads", 0.0)
        if instruction.kind in _MEMORY and from_last and last.kind not in _MEMORY:
            change += rules.get("address_interlock", 0.0)
        if instruction.kind in _MEMORY and instruction.address & last.base - {13}:
            change += rules.get("write_back_interlock", 0.0)
        if instruction.kind in _VECTORS and last.kind in _VECTORS and _VECTORS[instruction.kind] != _VECTORS[last.kind]:
            change -= rules.get("vector_overlap", 0.0)
        return change
