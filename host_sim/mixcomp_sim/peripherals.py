"""What lies behind addresses that are no memory: SysTick, the cycle counter, the system control block, UARTs that
print, and a table of values for all other registers. A register that nobody describes keeps what is written to it,
reads 0 before, and is named in the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from unicorn import arm_const as arm
from unicorn import unicorn_const as const
from unicorn.unicorn_py3.unicorn import UcError

from .chips import Uart
from .clock import Clock
from .errors import EmulatorError
from .exceptions import FIRST_INTERRUPT, PENDSV, SYSTICK, Exceptions
from .memory import PAGE_BYTES
from .semihosting import Console

RANGES = ((0x40000000, 0x20000000), (0xD0000000, 0x00100000), (0xE0000000, 0x00100000))  # address, bytes
_CPUID = {"cortex-m0plus": 0x410CC601, "cortex-m3": 0x412FC231, "cortex-m4": 0x410FC241, "cortex-m7": 0x411FC272,
          "cortex-m33": 0x410FD214}  # fmt: skip
_SYSTICK_CONTROL, _SYSTICK_RELOAD, _SYSTICK_VALUE = 0xE000E010, 0xE000E014, 0xE000E018
_DWT_CONTROL, _DWT_CYCLES = 0xE0001000, 0xE0001004
_ICSR, _VTOR, _AIRCR, _SHPR, _TRIGGER = 0xE000ED04, 0xE000ED08, 0xE000ED0C, 0xE000ED18, 0xE000EF00
_ENABLE, _DISABLE, _PEND, _UNPEND, _PRIORITY = 0xE000E100, 0xE000E180, 0xE000E200, 0xE000E280, 0xE000E400
_FPCCR = 0xE000EF34
_KNOWN = (0xE000E000, 0xE000F000)  # the system control space: what is not here counts as memory
_RUNS, _INTERRUPTS, _WRAPPED = 1, 2, 1 << 16  # of SysTick's control register
_LINES = 240  # interrupts at most
_ENDLESS = 100_000  # reads of one register without a model: nothing will change


@dataclass
class SysTick:
    """A 24-bit counter that counts the model's cycles down from `reload`, whichever clock it is set to."""

    control: int = 0
    reload: int = 0
    wraps_at: int = 0  # cycle at which the counter comes to 0

    def value(self, now: int) -> int:
        return (self.wraps_at - now) % (self.reload + 1) if self.control & _RUNS else 0

    def next(self) -> int | None:
        """The cycle of its next interrupt."""
        asks = self.control & _RUNS and self.control & _INTERRUPTS and self.reload
        return self.wraps_at if asks else None

    def advance(self, now: int) -> bool:
        """Whether it came to 0 since the last call."""
        if not self.control & _RUNS or not self.reload or now < self.wraps_at:
            return False
        period = self.reload + 1
        self.wraps_at += (1 + (now - self.wraps_at) // period) * period
        self.control |= _WRAPPED
        return True


@dataclass
class Peripherals:
    """stubs: values by address that reads give, whatever is written. unknown: registers that nobody describes, with the
    addresses of the code that first touched them."""

    uc: Any
    core: str
    clock: Clock
    exceptions: Exceptions
    console: Console
    uarts: Sequence[Uart] = ()
    stubs: dict[int, int] = field(default_factory=dict)
    systick: SysTick = field(default_factory=SysTick)
    unknown: dict[int, int] = field(default_factory=dict)
    last_read: tuple[int, int] | None = None  # of an unknown register: its address, that of the code
    polls: bool = False  # nothing happens but that it reads this register
    reset: bool = False  # the program asked for one
    _times: int = 0  # that it was read in a row
    _counted_from: int = 0  # the cycle at which the cycle counter was 0
    _counts: bool = False
    _enabled: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._reads: dict[int, Callable[[], int]] = {
            0xE000ED00: lambda: _CPUID[self.core],
            _SYSTICK_CONTROL: self._read_control,
            _SYSTICK_RELOAD: lambda: self.systick.reload,
            _SYSTICK_VALUE: lambda: self.systick.value(self.clock.now),
            _DWT_CONTROL: lambda: 1 << 30 | self._counts,
            _DWT_CYCLES: lambda: self._cycles() & 0xFFFFFFFF,
            _ICSR: self._read_state,
            _VTOR: lambda: self.exceptions.vectors,
            _FPCCR: lambda: self.exceptions.saving,
        }
        self._writes: dict[int, Callable[[int], None]] = {
            _SYSTICK_CONTROL: self._write_control,
            _SYSTICK_RELOAD: self._write_reload,
            _SYSTICK_VALUE: lambda value: self._restart(),
            _DWT_CONTROL: self._write_dwt,
            _DWT_CYCLES: self._set_cycles,
            _ICSR: self._write_state,
            _VTOR: self._write_vectors,
            _AIRCR: self._write_reset,
            _TRIGGER: lambda value: self._pend(value & 0xFF),
            _FPCCR: self._write_saving,
        }
        for uart in self.uarts:
            self._writes[uart.data] = lambda value: self.console.output(bytes([value & 0xFF]))
            self._reads[uart.receive if uart.receive is not None else uart.data] = self._receive
            for address, idle, waiting in uart.status:
                self._reads[address] = partial(self._status, idle, waiting)

    def attach(self) -> None:
        """Lay them into the address space, with a page of its own for a stub elsewhere."""
        inside = [a for a in self.stubs if any(base <= a < base + size for base, size in RANGES)]
        pages = {address // PAGE_BYTES * PAGE_BYTES for address in self.stubs.keys() - set(inside)}
        for address, size in (*RANGES, *((page, PAGE_BYTES) for page in sorted(pages))):
            try:
                self.uc.mem_map(address, size)
            except UcError:
                raise EmulatorError(
                    f"the program has memory of its own at 0x{address:08x}, where a register or a stub should be."
                ) from None
            self.uc.hook_add(const.UC_HOOK_MEM_READ, self._on_read, None, address, address + size - 1)
            self.uc.hook_add(const.UC_HOOK_MEM_WRITE, self._on_write, None, address, address + size - 1)

    def advance(self) -> None:
        """What time has brought about."""
        if self.systick.advance(self.clock.now) and self.systick.control & _INTERRUPTS:
            self.exceptions.pending.add(SYSTICK)

    def _on_read(self, uc: Any, access: int, address: int, size: int, value: int, _: object) -> None:
        word = address & ~3
        if address in self.stubs or word in self.stubs:
            found = self.stubs.get(address, self.stubs.get(word, 0) >> 8 * (address - word))
        elif address in self._reads:
            found = self._reads[address]()
        elif word in self._reads:
            found = self._reads[word]() >> 8 * (address - word)
        else:
            self._note(address, read=True)
            return
        uc.mem_write(address, (found & (1 << 8 * size) - 1).to_bytes(size, "little"))

    def _on_write(self, uc: Any, access: int, address: int, size: int, value: int, _: object) -> None:
        value &= (1 << 8 * size) - 1
        if address in self._writes:
            self._writes[address](value)
        elif _SHPR <= address < _SHPR + 12:
            self._set_priorities(4 + address - _SHPR, value, size)
        elif _PRIORITY <= address < _PRIORITY + _LINES:
            self._set_priorities(FIRST_INTERRUPT + address - _PRIORITY, value, size)
        elif any(base <= address < base + 32 for base in (_ENABLE, _DISABLE, _PEND, _UNPEND)):
            self._set_lines(address & ~0x1F, 8 * (address & 0x1F), value)
        elif address & ~3 not in self._reads:
            self._note(address, read=False)

    def _note(self, address: int, *, read: bool) -> None:
        if _KNOWN[0] <= address < _KNOWN[1] or 0xE0000000 <= address < 0xE0003000:
            return
        code = int(self.uc.reg_read(arm.UC_ARM_REG_PC))
        self.unknown.setdefault(address, code)
        if read:
            self._times = self._times + 1 if self.last_read == (address, code) else 0
            self.last_read = address, code
            if self._times == _ENDLESS:
                self.polls = True
                self._attend()

    def _status(self, idle: int, waiting: int) -> int:
        return waiting if self.console.input else idle

    def _receive(self) -> int:
        return (self.console.take(1) or b"\0")[0]

    def _attend(self) -> None:
        """Something may be pending: look at it before the next block."""
        self.clock.wake_at(0)

    def _pend(self, line: int) -> None:
        if line in self._enabled:
            self.exceptions.pending.add(FIRST_INTERRUPT + line)
        self._attend()

    def _set_lines(self, base: int, first: int, value: int) -> None:
        lines = {first + bit for bit in range(32) if value >> bit & 1}
        if base == _ENABLE:
            self._enabled |= lines
        elif base == _DISABLE:
            self._enabled -= lines
        elif base == _UNPEND:
            self.exceptions.pending -= {FIRST_INTERRUPT + line for line in lines}
        else:
            for line in lines:
                self._pend(line)

    def _set_priorities(self, first: int, value: int, size: int) -> None:
        for i in range(size):
            self.exceptions.priorities[first + i] = value >> 8 * i & 0xFF

    def _read_control(self) -> int:
        self.systick.advance(self.clock.now)
        value, self.systick.control = self.systick.control, self.systick.control & ~_WRAPPED
        return value

    def _write_control(self, value: int) -> None:
        started = value & _RUNS and not self.systick.control & _RUNS
        self.systick.control = value & 7
        if started:
            self._restart()
        self._attend()

    def _write_reload(self, value: int) -> None:
        self.systick.reload = value & 0xFFFFFF
        if not self.systick.control & _RUNS:
            self._restart()

    def _restart(self) -> None:
        self.systick.wraps_at = self.clock.now + self.systick.reload + 1
        self.systick.control &= ~_WRAPPED
        self._attend()

    def _cycles(self) -> int:
        now = self.clock.at(int(self.uc.reg_read(arm.UC_ARM_REG_PC)))
        return now - self._counted_from if self._counts else self._counted_from

    def _set_cycles(self, value: int) -> None:
        now = self.clock.at(int(self.uc.reg_read(arm.UC_ARM_REG_PC)))
        self._counted_from = now - value if self._counts else value

    def _write_dwt(self, value: int) -> None:
        cycles = self._cycles()
        self._counts = bool(value & 1)
        self._set_cycles(cycles)

    def _read_state(self) -> int:
        pending = self.exceptions.pending
        active = self.exceptions.active[-1] if self.exceptions.active else 0
        first = min(pending, default=0)
        return active | first << 12 | (SYSTICK in pending) << 26 | (PENDSV in pending) << 28

    def _write_state(self, value: int) -> None:
        for bit, number in ((28, PENDSV), (26, SYSTICK)):
            if value >> bit & 1:
                self.exceptions.pending.add(number)
            if value >> bit - 1 & 1:
                self.exceptions.pending.discard(number)
        self._attend()

    def _write_vectors(self, value: int) -> None:
        self.exceptions.vectors = value

    def _write_saving(self, value: int) -> None:
        self.exceptions.saving = value

    def _write_reset(self, value: int) -> None:
        if value >> 16 == 0x05FA and value & 4:
            self.reset = True
            self._attend()
