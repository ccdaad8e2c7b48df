"""What a run of a program is asked for, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

from .clock import Call
from .counts import Counts
from .flash import Stalls
from .traffic import Moved


@dataclass(frozen=True)
class Start:
    """Where a program begins. function: its name, else what the vector table or the ELF's header says."""

    function: str | None = None
    arguments: tuple[int, ...] = ()


@dataclass(frozen=True)
class Limits:
    """seconds: of the chip's time, after which a run ends by itself; instructions, timeout_s (of processor time here):
    what a run may take before it is an error."""

    seconds: float | None = None
    instructions: int = 5_000_000_000
    timeout_s: float = 60.0


@dataclass(frozen=True)
class Ending:
    """kind: exit, return, loop, sleep, time, reset. status: the program's own; value: what a function returned."""

    kind: str
    text: str
    status: int | None = None
    value: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What a run did. exception_cycles: of entries to handlers and returns; asleep_cycles: in WFI and endless loops,
    until an interrupt."""

    core: str
    ending: Ending
    counts: Counts
    stalls: Stalls
    block_stalls: dict[int, float]  # cycles by the address of a block
    calls: tuple[Call, ...]
    moved: dict[str, Moved]
    unaligned: tuple[int, int]
    exception_cycles: float
    asleep_cycles: int
    stack_bytes: int | None  # None for not known
    exceptions: dict[int, int]  # number -> how often
    unknown: dict[int, int]  # registers of peripherals that nobody describes -> code that touched them first
    lost_bytes: int  # executed outside of the ELF's code
    notes: tuple[str, ...]

    def called(self) -> dict[int, int]:
        """How often each function was called, by its number."""
        times: dict[int, int] = {}
        left = list(self.calls)
        while left:
            call = left.pop()
            times[call.function] = times.get(call.function, 0) + call.calls
            left += call.below
        return times
