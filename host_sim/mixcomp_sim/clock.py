"""The model's time while a program runs, and the tree of calls that it is spent in: clock.c, driven by Unicorn.

Time here is the sum of blocks, each walked by itself; `pipeline.py`, which sees afterwards how often each was executed,
joins blocks that follow one another and differs by a percent or so."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from unicorn.unicorn_const import UC_HOOK_BLOCK
from unicorn.unicorn_py3.unicorn import uclib

from .flash import UNITS, FlashModel
from .instructions import Instruction, decode_instruction, size_of
from .native import BlockCounter, Hook, library
from .pipeline import NOMINAL, core_timing, refill
from .scoreboard import walk

_NODES, _DEPTH, _NONE = 1 << 16, 256, 0xFFFFFFFF
NEVER = (1 << 64) - 1
_ENDS = {"call": 1, "call_register": 1, "system": 2, "barrier": 2, "flush": 2, "mask": 2, "wait": 2}  # as in clock.c


class _Block(ctypes.Structure):
    _fields_ = (
        ("cost", ctypes.c_uint32),
        ("jump", ctypes.c_uint32),
        ("function", ctypes.c_uint32),
        ("halfwords", ctypes.c_uint16),
        ("kind", ctypes.c_uint16),
    )


class _Node(ctypes.Structure):
    _fields_ = (
        ("units", ctypes.c_uint64),
        ("stalls", ctypes.c_uint64),
        ("calls", ctypes.c_uint64),
        ("parent", ctypes.c_uint32),
        ("function", ctypes.c_uint32),
        ("child", ctypes.c_uint32),
        ("sibling", ctypes.c_uint32),
    )


class _Frame(ctypes.Structure):
    _fields_ = (("back", ctypes.c_uint32), ("node", ctypes.c_uint32))


_Learn = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.POINTER(_Block))


class _State(ctypes.Structure):
    _fields_ = (
        ("now", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("stalls_seen", ctypes.c_uint64),
        ("stalls", ctypes.c_void_p),
        ("pace", ctypes.c_void_p),
        ("regions", ctypes.c_void_p),
        ("blocks", ctypes.c_void_p),
        ("block_stalls", ctypes.c_void_p),
        ("nodes", ctypes.c_void_p),
        ("frames", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
        ("learn", _Learn),
        ("count", ctypes.c_void_p),
        ("flash", ctypes.c_void_p),
        ("count_state", ctypes.c_void_p),
        ("flash_state", ctypes.c_void_p),
        ("region_count", ctypes.c_uint32),
        ("node_count", ctypes.c_uint32),
        ("node_limit", ctypes.c_uint32),
        ("depth", ctypes.c_uint32),
        ("node", ctypes.c_uint32),
        ("last", ctypes.c_uint32),
        ("end", ctypes.c_uint32),
        ("charged", ctypes.c_uint32),
        ("stopped", ctypes.c_uint32),
        ("waiting", ctypes.c_uint32),
        ("looked", ctypes.c_uint32),
        ("address", ctypes.c_uint32),
        ("repeats", ctypes.c_uint32),
        ("idle", ctypes.c_uint32),
    )


@dataclass(frozen=True)
class Call:
    """A function under one chain of callers. cycles: its own, without those that it calls; stalls are part of them."""

    function: int
    cycles: float
    stalls: float
    calls: int
    below: tuple[Call, ...]

    @property
    def total(self) -> float:
        return self.cycles + sum(call.total for call in self.below)


@dataclass(frozen=True)
class Context:
    """What ran when an exception came."""

    frames: bytes
    node: int
    last: int
    end: int
    charged: int
    counted: int


class Clock:
    """counter: counts the blocks, started but with no hook of its own. code(address, n): bytes of the program.
    function(address): number of the function that holds an address. flash: None for no waits."""

    def __init__(
        self,
        core: str,
        counter: BlockCounter,
        code: Callable[[int, int], bytes],
        function: Callable[[int], int],
        flash: FlashModel | None,
    ) -> None:
        self._timing, self._code, self._function = core_timing(core).columns[NOMINAL], code, function
        self._counter, self._flash, self._learn = counter, flash, _Learn(self._describe)
        rows = counter.row_length
        self._blocks, self._nodes, self._frames = (_Block * rows)(), (_Node * _NODES)(), (_Frame * _DEPTH)()
        self._nodes[0].function = _NONE
        self._block_stalls = np.zeros(rows, np.uint64)
        self._hook: Hook | None = None
        state = ctypes.addressof(flash.state) if flash else 0
        self.state = _State(
            deadline=NEVER,
            stalls=state + type(flash.state).waited.offset if flash else None,
            pace=state + type(flash.state).pace.offset if flash else None,
            regions=counter.regions_address,
            blocks=ctypes.addressof(self._blocks),
            block_stalls=self._block_stalls.ctypes.data,
            nodes=ctypes.addressof(self._nodes),
            frames=ctypes.addressof(self._frames),
            stop=ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p).value,
            learn=self._learn,
            count=BlockCounter.callback().value,
            flash=FlashModel.callbacks()[0].value if flash else None,
            count_state=counter.state_address,
            flash_state=state or None,
            region_count=counter.region_count,
            node_count=1,
            node_limit=_NODES,
            last=_NONE,
        )

    def attach(self, uc: Any) -> None:
        callback = ctypes.cast(library("clock.c").mce_clock_block, ctypes.c_void_p)
        self._hook = Hook(uc, UC_HOOK_BLOCK, callback, ctypes.addressof(self.state))

    def detach(self) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    @property
    def now(self) -> int:
        """Cycles since the start."""
        return int(self.state.now) // UNITS

    def at(self, address: int) -> int:
        """Cycles since the start when the current block has come to that address."""
        if self.state.last == _NONE:
            return self.now
        start = self._counter.address_of(int(self.state.last))
        if not start <= address < self.state.end:
            return self.now
        rest = self._run(address, int(self.state.end) - address)
        return self.now - round(sum(step.cycles for step in walk(rest, self._timing, address)))

    def wake_at(self, cycle: int | None) -> None:
        """Stop the emulation at the first block that begins at that cycle or later; None: let it run."""
        self.state.deadline = NEVER if cycle is None else max(cycle, 0) * UNITS

    def pass_until(self, cycle: int) -> int:
        """Let time pass without a program; returns how many cycles that were."""
        passed = max(0, cycle - self.now)
        self.state.now += passed * UNITS
        return passed

    def spend(self, cycles: float) -> None:
        """Of hardware, in the name of who runs: entry to an exception, return from it."""
        self.state.now += int(cycles * UNITS)

    def leave(self) -> Context:
        """An exception comes: what ran is put aside, and what follows hangs at the root of the tree."""
        s = self.state
        library("clock.c").mce_clock_settle(ctypes.byref(s))
        kept = Context(bytes(self._frames)[: 8 * s.depth], s.node, s.last, s.end, s.charged, self._counter.last)
        s.depth = s.node = s.charged = 0
        s.last = self._counter.last = _NONE
        return kept

    def resume(self, context: Context | None) -> None:
        """The return from an exception; None: to what has not run yet, as a new task of an operating system."""
        s = self.state
        library("clock.c").mce_clock_settle(ctypes.byref(s))
        if context is None:
            s.depth = s.node = s.charged = 0
            s.last = self._counter.last = _NONE
            return
        ctypes.memmove(self._frames, context.frames, len(context.frames))
        s.depth, s.node = len(context.frames) // 8, context.node
        s.last, s.end, s.charged, self._counter.last = context.last, context.end, context.charged, context.counted

    def stalls(self) -> dict[int, float]:
        """Cycles that the flash made each block wait, by the block's address."""
        library("clock.c").mce_clock_settle(ctypes.byref(self.state))
        used = np.flatnonzero(self._block_stalls)
        return {self._counter.address_of(int(i)): float(self._block_stalls[i]) / UNITS for i in used}

    def calls(self) -> tuple[Call, ...]:
        """The tree of calls, without its root."""
        return tuple(self._children(0))

    def _children(self, parent: int) -> Iterator[Call]:
        n = int(self._nodes[parent].child)
        while n:
            node = self._nodes[n]
            own = (int(node.units) + int(node.stalls)) / UNITS
            yield Call(int(node.function), own, int(node.stalls) / UNITS, int(node.calls), tuple(self._children(n)))
            n = int(node.sibling)

    def _describe(self, address: int, size: int, block: Any) -> None:
        """Fill in a block that is met for the first time, or with another length."""
        run, filled = self._run(address, size), block.contents
        filled.cost = max(1, round(UNITS * sum(step.cycles for step in walk(run, self._timing, address))))
        filled.jump = round(UNITS * refill(run[-1], run[-2] if len(run) > 1 else None, self._timing))
        filled.function = self._function(address)
        filled.halfwords, filled.kind = size // 2, _ENDS.get(run[-1].kind, 0)

    def _run(self, address: int, size: int) -> list[Instruction]:
        data, at, run = self._code(address, size), 0, []
        while at < size:
            run.append(decode_instruction(data[at : at + size_of(data[at:])]))
            at += run[-1].size
        return run
