"""A chip is a core at a clock, with flash, caches, a run current and UARTs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .errors import EmulatorError


@dataclass(frozen=True)
class Cache:
    """A line is filled a sector (one read of the flash) at a time; least recently used lines go first."""

    bytes: int
    ways: int
    line_bytes: int


@dataclass(frozen=True)
class Flash:
    """A read of the array that the core waits for stalls it by wait_states + refill_cycles.

    waits: (up to this many MHz, wait states), rising, where the manual has a table."""

    wait_states: int
    read_bytes: int
    prefetch: bool
    icache: Cache | None = None
    dcache: Cache | None = None
    unified: bool = False  # data goes through icache
    refill_cycles: int = 0
    base: int = 0x08000000
    waits: tuple[tuple[float, int], ...] = ()

    @property
    def miss_cycles(self) -> int:
        return self.wait_states + self.refill_cycles


@dataclass(frozen=True)
class Power:
    """Of the whole chip while it computes; sleep_ua: asleep with its RAM kept and a timer that wakes it, 0 for not
    known. The errors are relative, of the product of current and voltage. source, sleep_source: where they are from."""

    current_ua_per_mhz: float
    voltage: float
    error: float
    sleep_ua: float = 0.0
    sleep_error: float = 0.5  # temperature above all
    source: str = ""
    sleep_source: str = ""


@dataclass(frozen=True)
class Uart:
    """data: the register that sends a byte; receive: the one that is read, where that is another; status: (address,
    what a read gives, what it gives while input waits)."""

    data: int
    receive: int | None = None
    status: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class Chip:
    name: str
    description: str
    core: str
    clock_hz: int
    default: bool  # the one that stands for its core when none is named
    flash_bytes: int
    ram_bytes: int
    flash: Flash
    power: Power | None  # None where nobody has published it
    judged: str = ""  # which of its figures have been held against boards; empty for none
    assumed: tuple[str, ...] = ()  # which of its figures no document at hand has confirmed
    uarts: tuple[Uart, ...] = ()
    stubs: tuple[tuple[int, int], ...] = ()  # address of a peripheral's register, value that it reads as

    def at(self, clock_hz: int) -> Chip:
        """The chip at another clock, with the wait states that its manual asks for there; those of its own clock where
        the file has no table. The current follows the clock."""
        fitting = [states for mhz, states in self.flash.waits if clock_hz <= mhz * 1e6]
        if self.flash.waits and not fitting:
            raise EmulatorError(
                f"{self.name} runs at up to {self.flash.waits[-1][0]:g} MHz, not at {clock_hz / 1e6:g}."
            )
        states = fitting[0] if fitting else self.flash.wait_states
        return replace(self, clock_hz=clock_hz, flash=replace(self.flash, wait_states=states))

    def waiting(self, wait_states: int) -> Chip:
        """The chip with that many wait states, whatever its clock."""
        return replace(self, flash=replace(self.flash, wait_states=min(wait_states, 1000), waits=()))

    @property
    def power_mw(self) -> float:
        assert self.power is not None
        return self.power.current_ua_per_mhz * self.clock_hz / 1e9 * self.power.voltage

    @property
    def energy_pj_per_cycle(self) -> float:
        return self.power_mw * 1e9 / self.clock_hz
