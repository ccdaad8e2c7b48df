"""A small in-order pipeline: in which cycle an instruction is issued, and what it waited for. The rules are a column of
timing/<core>.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .instructions import FLAGS, KINDS, Instruction

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


class Step(NamedTuple):
    """Cycles that one instruction adds: its own, those in which it waits for a result, and those of an interlock."""

    own: float
    waits: float
    interlock: float

    @property
    def cycles(self) -> float:
        return self.own + self.waits + self.interlock


def walk(run: Sequence[Instruction], timing: Timing) -> list[Step]:
    """Of each of the instructions issued in order, the first at cycle 0 with all registers ready."""
    board = _Scoreboard(timing)
    return [board.issue(instruction) for instruction in run]


class _Scoreboard:
    """`free` is the cycle at which the next instruction can be issued."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.free = 0.0
        self.ready: dict[int, float] = {}  # register -> the cycle from which an ALU can read it
        self.last: Instruction | None = None
        self.slots: list[Instruction] = []  # issued in the cycle before `free`

    def issue(self, instruction: Instruction) -> Step:
        timing, start = self.timing, self.free
        if timing.width > 1 and self._pairs(instruction):
            start -= 1.0
            self.slots.append(instruction)
        else:
            self.slots = [instruction]
            start = max([start, *(self._ready(register, instruction) for register in instruction.reads)])
        cost = timing.cycles[instruction.kind] + timing.per_register.get(instruction.kind, 0.0) * instruction.moves
        neighbour = self._neighbour(instruction)
        end = start + max(cost + neighbour, 0.0)
        latency = timing.latency.get(instruction.kind, 1.0)
        latency += timing.rules.get("narrow_load", 0.0) * instruction.narrow
        for register in instruction.writes:
            delay = timing.rules.get("base_latency", 1.0) if register in instruction.base else latency
            self.ready[register] = end - 1 + delay
        waits, interlock = max(start - self.free, 0.0), max(neighbour, 0.0)
        before, self.free, self.last = self.free, max(self.free, end), instruction
        return Step(self.free - before - waits - interlock, waits, interlock)

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
