"""A whole program on a chip: from reset, from the ELF's entry, or one function of it, with memory, peripherals,
exceptions, semihosting and time. Unicorn runs the code until something wants attention; `System.run` sees to it and
goes on, block by block."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unicorn import arm_const as arm
from unicorn import unicorn_const as const
from unicorn.unicorn_py3.unicorn import UcError

from .chip import Chip, Uart
from .clock import Clock
from .cores import find_core, new_engine
from .counts import disassembler, make_counts
from .elf import read_elf
from .errors import EmulatorError
from .exceptions import EXCEPTION_RETURN, SVC, Exceptions
from .faults import ACCESS, BREAKPOINT, EXCEPTIONS, THUMB_STATE, Fault
from .faults import SVC as SVC_CALL
from .flash import FlashModel
from .machine import as_int32
from .memory import EngineMemory
from .native import BlockCounter
from .outcome import Ending, Limits, Outcome, Start
from .peripherals import Peripherals
from .pipeline import NOMINAL, core_timing
from .placing import place, vector_table
from .semihosting import IMMEDIATE, Console, Semihosting
from .traffic import Traffic
from .watchdog import guard

_RETURN = 0x3FFFFFF0  # the link register of a function that is called; nothing is mapped there
_HINTS = (bytes.fromhex("20bf"), bytes.fromhex("10bf"))  # WFE, YIELD
_NOWHERE = 0xFFFFFFFE  # an address that no program comes to
_ARGUMENTS = (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3)


@dataclass
class _Event:
    """Why the emulation came to a stop."""

    fault: Fault | None = None
    trap: int | None = None  # SVC or breakpoint


class System(EngineMemory):
    """elf on a chip. output: where what it prints goes; input: what it may read. stubs: values that registers of
    peripherals read as, beside those of the chip."""

    def __init__(
        self,
        elf: Path | bytes,
        chip: Chip,
        start: Start,
        *,
        output: Callable[[bytes], None],
        input: bytes = b"",
        stubs: Sequence[tuple[int, int]] = (),
        uarts: Sequence[int] = (),
    ) -> None:
        self.chip, self.start, self.image = chip, start, read_elf(elf)
        if self.image.machine != "EM_ARM":
            raise EmulatorError(
                f"the program is for {self.image.machine}, which {chip.core} does not run: --core rv32imac?"
            )
        image = self.image
        self._uc = new_engine(find_core(chip.core))
        vectors = None if start.function else vector_table(image)
        self._place = place(self._uc, image, vectors, start.function)
        top, unused = self._place.top, self._place.free
        try:
            self._counter = BlockCounter([(part.address, len(part.data)) for part in image.code], ())
        except ValueError as error:
            raise EmulatorError(str(error), kind="count") from error
        begin, end = min(a for a, _ in image.constant), max(a + n for a, n in image.constant)
        span = begin, end - begin
        rules = core_timing(chip.core).columns[NOMINAL].rules
        self._flash = FlashModel(chip.flash, 1.0, span=span, layer_address=self._counter.layer_address, rules=rules)
        starts = [label.address for label in image.labels]
        self._clock = Clock(
            chip.core, self._counter, self.read, lambda a: max(bisect.bisect_right(starts, a) - 1, 0), self._flash
        )
        self._traffic = Traffic(self._flash, span, (self._place.lowest, top))
        self._exceptions = Exceptions(self._uc, self._clock, rules, vectors or 0)
        self._console = Console(output, input)
        free = (unused, top - (top - unused) // 2) if top > unused else (unused, unused)
        self._host = Semihosting(
            self, self._console, chip.clock_hz, lambda: self._clock.now, free, (top, free[1])
        )  # fmt: skip
        self._peripherals = Peripherals(
            self._uc,
            chip.core,
            self._clock,
            self._exceptions,
            self._console,
            (*chip.uarts, *(Uart(address) for address in uarts)),
            dict((*chip.stubs, *stubs)),
        )
        self._peripherals.attach()
        self._event = _Event()
        self._asleep = 0
        self._notes: list[str] = []

    @property
    def now(self) -> int:
        """Cycles since the start, those asleep included."""
        return self._clock.now

    def run(self, limits: Limits) -> Outcome:
        """To the program's end; EmulatorError for a fault, and where it goes on for longer than it may."""
        uc = self._uc
        self._counter.start(uc, 2 * limits.instructions, hook=False)
        self._clock.attach(uc)
        self._traffic.attach(uc)
        uc.hook_add(const.UC_HOOK_MEM_INVALID, self._on_access)
        uc.hook_add(const.UC_HOOK_INTR, self._on_interrupt)
        uc.reg_write(arm.UC_ARM_REG_SP, self._place.top)
        uc.reg_write(arm.UC_ARM_REG_LR, _RETURN | 1 if self.start.function else 0xFFFFFFFF)
        for register, value in zip(_ARGUMENTS, self.start.arguments, strict=False):
            uc.reg_write(register, value & 0xFFFFFFFF)
        end = None if limits.seconds is None else round(limits.seconds * self.chip.clock_hz)
        with guard(limits.timeout_s, uc.emu_stop) as deadline:
            ending: Ending | None = None
            pc = self._place.entry
            while ending is None:
                if deadline.expired:
                    raise self._stopped(f"ran for more than {limits.timeout_s:g} s of this machine's time", "--timeout")
                if self._counter.stopped:
                    raise self._stopped(f"executed more than {limits.instructions} instructions", "--max-instructions")
                self._peripherals.advance()
                if end is not None and self._clock.now >= end:
                    ending = Ending("time", f"{limits.seconds:g} s were over")
                    break
                if self._peripherals.polls:
                    raise self._polls()
                if self._peripherals.reset:
                    ending = Ending("reset", "it asked for a reset")
                    break
                number = self._exceptions.next()
                pc = pc if number is None else self._enter(number, pc)
                ending, pc = self._go(pc, end)
        return self._outcome(ending)

    def _go(self, pc: int, end: int | None) -> tuple[Ending | None, int]:
        """Run to the next event and see to it: how the program ended, or where it goes on."""
        uc, state = self._uc, self._clock.state
        due = self._peripherals.systick.next()
        times = [t for t in (end, due) if t is not None]
        self._clock.wake_at(min(times, default=None))
        self._event = event = _Event()
        state.stopped, state.waiting = 0, int(bool(self._exceptions.pending))
        try:
            uc.emu_start(pc | 1, _RETURN if self.start.function else _NOWHERE)
        except UcError as error:
            if event.fault is None:
                kind = "illegal instruction" if error.errno == const.UC_ERR_INSN_INVALID else str(error)
                event.fault = Fault(kind, None)
        begin, pc = pc, int(uc.reg_read(arm.UC_ARM_REG_PC))
        if pc >= EXCEPTION_RETURN and self._exceptions.active:
            self._peripherals.advance()
            return None, self._exceptions.leave(pc | 1)
        if event.trap == SVC_CALL:
            self._exceptions.pending.add(SVC)
            if self._exceptions.next() != SVC or not self._exceptions.vectors:
                raise self._error(Fault("svc with no handler that may run", None))
            return None, self._enter(SVC, pc)
        if event.trap == BREAKPOINT:
            return self._breakpoint(pc)
        if event.fault is not None:
            if event.fault.kind == "illegal instruction" and pc != begin and self.read(pc - 2, 2) in _HINTS:
                return None, pc  # Unicorn has neither; a WFE may end at any time, for any reason
            raise self._error(event.fault)
        if self.start.function and pc == _RETURN:
            value = as_int32(int(uc.reg_read(arm.UC_ARM_REG_R0)))
            return Ending("return", f"{self.start.function} returned {value}", value=value), pc
        if (state.stopped and not state.idle) or self._counter.stopped:
            return None, pc
        return self._sleep(pc, end, bool(state.idle))

    def _enter(self, number: int, back: int) -> int:
        handler = self._exceptions.enter(number, back)
        self._traffic.reaches(int(self._uc.reg_read(arm.UC_ARM_REG_SP)))
        return handler

    def _sleep(self, pc: int, end: int | None, loops: bool) -> tuple[Ending | None, int]:
        """WFI, or a branch to itself: time passes until something happens, if anything can."""
        due = self._peripherals.systick.next()
        if self._exceptions.pending or (due is not None and due <= self._clock.now):
            return None, pc
        if due is None and (end is None or loops):
            where = self.image.nearest(pc)
            return Ending("loop", f"it ended in an endless loop in {where}") if loops else Ending(
                "sleep", f"it sleeps in {where}, and nothing can wake it"
            ), pc
        self._asleep += self._clock.pass_until(min(t for t in (due, end) if t is not None))
        return None, pc

    def _breakpoint(self, pc: int) -> tuple[Ending | None, int]:
        immediate = self.read(pc, 1)[0]
        if immediate != IMMEDIATE:
            raise self._error(Fault(f"breakpoint {immediate}", None))
        uc, host = self._uc, self._host
        operation = int(uc.reg_read(arm.UC_ARM_REG_R0))
        uc.reg_write(arm.UC_ARM_REG_R0, host.call(operation, int(uc.reg_read(arm.UC_ARM_REG_R1))))
        if host.unknown is not None:
            self._notes.append(f"semihosting call 0x{host.unknown:02x} is not served; it got -1")
            host.unknown = None
        if host.status is not None:
            return Ending("exit", f"it ended with status {host.status}", status=host.status), pc
        return None, pc + 2

    def _on_access(self, uc: Any, access: int, address: int, size: int, value: int, _: object) -> bool:
        kind = ACCESS.get(access, "access")
        stack = self._place.stack
        if stack is not None and kind in ("read", "write") and stack.overflowed(address):
            kind = "stack overflow"
        self._event.fault = Fault(kind, address)
        return False

    def _on_interrupt(self, uc: Any, number: int, _: object) -> None:
        if number in (SVC_CALL, BREAKPOINT):
            self._event.trap = number
        elif number in EXCEPTIONS:
            self._event.fault = Fault(EXCEPTIONS[number], None)
        uc.emu_stop()

    def _error(self, fault: Fault) -> EmulatorError:
        uc = self._uc
        pc = int(uc.reg_read(arm.UC_ARM_REG_PC))
        if fault.kind == "illegal instruction" and not uc.reg_read(arm.UC_ARM_REG_CPSR) & THUMB_STATE:
            fault = Fault("branch to an even address (Arm state)", None)
        elif fault.kind == "illegal instruction" and (text := self._text(pc)):
            return EmulatorError(
                f"the program faults: {self.chip.core} has no {text} in {self.image.where(pc)}.", kind=fault.kind, pc=pc
            )
        where = f"in {self.image.where(pc)}"
        if fault.kind == "fetch":  # pc is already astray
            caller = (int(uc.reg_read(arm.UC_ARM_REG_LR)) & ~1) - 2
            where = f"at pc 0x{pc:08x}, last call in {self.image.where(caller)}"
        target = "" if fault.address is None else f" at address 0x{fault.address:08x}"
        message = f"the program faults: {fault.kind}{target} {where} on {self.chip.core}."
        return EmulatorError(message, kind=fault.kind, pc=pc, address=fault.address)

    def _text(self, pc: int) -> str:
        """The instruction at pc as text; empty where it is none of any core."""
        with suppress(EmulatorError):
            found = next(disassembler(self.image.machine).disasm(self.read(pc, 4), pc, 1), None)
            return f"{found.mnemonic} {found.op_str}".strip() if found else ""
        return ""

    def _stopped(self, what: str, option: str) -> EmulatorError:
        pc = int(self._uc.reg_read(arm.UC_ARM_REG_PC))
        return EmulatorError(
            f"the program {what}, and was in {self.image.where(pc)}. {option} allows more, and --seconds ends a run by "
            "the chip's time.",
            kind="budget",
            pc=pc,
        )

    def _polls(self) -> EmulatorError:
        register, code = self._peripherals.last_read or (0, 0)
        return EmulatorError(
            f"the program waits in {self.image.where(code)} for 0x{register:08x}, a register without a model, which "
            f"reads 0x{int.from_bytes(self.read(register & ~3, 4), 'little'):08x}. Give the value that it waits for: "
            f"--stub 0x{register & ~3:08x}=VALUE.",
            kind="polls",
            pc=code,
            address=register,
        )

    def _outcome(self, ending: Ending) -> Outcome:
        if not self.start.function:
            self._counter.last = 0xFFFFFFFF
        stalls, calls = self._clock.stalls(), self._clock.calls()
        with suppress(RuntimeError):
            self._clock.detach()
            self._traffic.detach()
        return Outcome(
            self.chip.core,
            ending,
            make_counts(self.image.code, self._counter.executions(), self._counter.branches()),
            self._flash.stalls()[0],
            stalls,
            calls,
            self._traffic.moved(),
            self._traffic.unaligned,
            self._exceptions.spent,
            self._asleep,
            self._traffic.stack_bytes,
            dict(self._exceptions.taken),
            dict(self._peripherals.unknown),
            self._counter.lost_bytes,
            tuple(self._notes),
        )


def zero_wait(chip: Chip) -> Chip:
    """The chip as if its flash were as fast as its core."""
    return replace(chip, flash=replace(chip.flash, wait_states=0, refill_cycles=0, waits=()))
