"""A program for a RISC-V core: from its ELF's entry, or one function of it, with memory, semihosting, and registers
that print or read as they are told. There is no clock and no interrupt; cycles are the pipeline's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from unicorn import unicorn_const as const
from unicorn.unicorn_py3.unicorn import UcError

from .chip import Chip
from .cores import find_core, new_engine
from .counts import make_counts
from .elf import read_elf
from .errors import EmulatorError
from .faults import ACCESS, Fault
from .flash import Stalls
from .machine import as_int32
from .memory import EngineMemory, Region, map_image, plan_regions
from .native import BlockCounter
from .outcome import Ending, Limits, Outcome, Start
from .semihosting import Console, Semihosting
from .stack import TOP, Stack
from .watchdog import guard

_RAM_BYTES = 16 << 20
_RETURN, _NOWHERE = 0x3FFFFFF0, 0xFFFFFFFE  # where a function returns to; where no program comes to
_BEFORE, _CALL, _BEHIND = (n.to_bytes(4, "little") for n in (0x01F01013, 0x00100073, 0x40705013))
_SEMIHOSTING = _BEFORE + _CALL + _BEHIND  # slli x0, x0, 31; ebreak; srai x0, x0, 7. RISC-V Semihosting 0.4


class RiscvProgram(EngineMemory):
    """elf on a chip, as `System` for Cortex-M. uarts: addresses that print each byte written to them."""

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
        core, image = find_core(chip.core), self.image
        self._family = family = core.family
        if image.machine != family.machine:
            raise EmulatorError(f"the program is for {image.machine}, which {chip.core} does not run.", kind="memory")
        self._uc, self._output = new_engine(core), output
        regions = plan_regions(image.segments, _RAM_BYTES, family.page_bytes)
        data_end = max((s.address + s.size for s in image.segments if s.writable), default=0)
        self._stack = Stack(self._uc, 1 << 20, family.page_bytes) if start.function else None
        home = next((r for r in regions if r.writable and r.start < data_end <= r.end), Region(0, TOP, True))
        self._entry = image.symbol(start.function).address if start.function else image.entry
        self._top = TOP if start.function else home.end & ~15
        try:
            map_image(self._uc, image.segments, regions)
            self._map_registers([*chip.stubs, *stubs], [*(uart.data for uart in chip.uarts), *uarts])
            if start.function:
                self._map_page(_RETURN)
        except UcError as error:
            raise EmulatorError(f"cannot lay out the program's memory: {error}", kind="memory") from error
        try:
            self._counter = BlockCounter([(part.address, len(part.data)) for part in image.code], ())
        except ValueError as error:
            raise EmulatorError(str(error), kind="count") from error
        free = (data_end + 7) & ~7
        middle = self._top - (self._top - free) // 2
        self._host = Semihosting(
            self, Console(output, input), chip.clock_hz, lambda: 0, (free, middle), (self._top, middle)
        )
        self._fault: Fault | None = None
        self._notes: list[str] = []

    def _map_registers(self, stubs: Sequence[tuple[int, int]], uarts: Sequence[int]) -> None:
        for address in [*(address for address, _ in stubs), *uarts]:
            self._map_page(address)
        for address, value in stubs:
            self._uc.mem_write(address, (value & 0xFFFFFFFF).to_bytes(4, "little"))
        for address in uarts:
            self._uc.hook_add(const.UC_HOOK_MEM_WRITE, self._on_print, None, address, address)

    def _map_page(self, address: int) -> None:
        page = self._family.page_bytes
        start = address // page * page
        if not any(first <= start <= last for first, last, _ in self._uc.mem_regions()):
            self._uc.mem_map(start, page)

    def run(self, limits: Limits) -> Outcome:
        """To the program's end; EmulatorError for a fault, and where it goes on for longer than it may."""
        if limits.seconds is not None:
            raise EmulatorError(f"--seconds needs a clock, and {self.chip.core} has none here: --max-instructions.")
        uc, family = self._uc, self._family
        self._counter.start(uc, 2 * limits.instructions)
        uc.hook_add(const.UC_HOOK_MEM_INVALID, self._on_access)
        uc.hook_add(const.UC_HOOK_INTR, self._on_exception)
        uc.reg_write(family.stack, self._top)
        uc.reg_write(family.link, _RETURN if self.start.function else 0)
        for register, value in zip(family.arguments, self.start.arguments, strict=False):
            uc.reg_write(register, value & 0xFFFFFFFF)
        if self._stack is not None:
            self._stack.paint()
        ending, pc = None, self._entry
        with guard(limits.timeout_s, uc.emu_stop) as deadline:
            while ending is None:
                ending, pc = self._go(pc, limits)
                if ending is None and deadline.expired:
                    raise self._stopped(f"ran for more than {limits.timeout_s:g} s of this machine's time", "--timeout")
        counts = make_counts(self.image.code, self._counter.executions(), self._counter.branches())
        return Outcome(
            core=self.chip.core, ending=ending, counts=counts, stalls=Stalls(0.0, 0.0, 0, 0), block_stalls={}, calls=(),
            moved={}, unaligned=(0, 0), exception_cycles=0.0, asleep_cycles=0,
            stack_bytes=None if self._stack is None else self._stack.used_bytes(), exceptions={}, unknown={},
            lost_bytes=self._counter.lost_bytes, notes=tuple(self._notes),
        )  # fmt: skip

    def _go(self, pc: int, limits: Limits) -> tuple[Ending | None, int]:
        """Run to the next event and see to it: how the program ended, or where it goes on."""
        uc, family = self._uc, self._family
        self._fault = None
        try:
            uc.emu_start(pc, _RETURN if self.start.function else _NOWHERE)
        except UcError as error:
            if self._fault is None:
                kind = family.illegal(uc) if error.errno == const.UC_ERR_INSN_INVALID else str(error)
                self._fault = Fault(kind, None)
        pc = int(uc.reg_read(family.pc))
        if self._fault is not None:
            pc -= family.beyond if self._fault.raised else 0
            if self._fault.address is None and self.read(pc - 4, 12) == _SEMIHOSTING:
                return self._ask(), pc + 4
            raise self._error(self._fault, pc)
        if self._counter.stopped:
            raise self._stopped(f"executed more than {limits.instructions} instructions", "--max-instructions")
        if self.start.function and pc == _RETURN:
            value = as_int32(int(uc.reg_read(family.arguments[0])))
            return Ending("return", f"{self.start.function} returned {value}", value=value), pc
        if self.read(pc - 4, 4) == b"\x73\x00\x50\x10":  # wfi
            return Ending("sleep", f"it sleeps in {self.image.nearest(pc - 4)}, and nothing can wake it"), pc
        return None, pc

    def _ask(self) -> Ending | None:
        uc, host = self._uc, self._host
        operation, argument = (int(uc.reg_read(register)) for register in self._family.arguments[:2])
        uc.reg_write(self._family.arguments[0], host.call(operation, argument))
        if host.unknown is not None:
            self._notes.append(f"semihosting call 0x{host.unknown:02x} is not served; it got -1")
            host.unknown = None
        status = host.status
        return None if status is None else Ending("exit", f"it ended with status {status}", status=status)

    def _on_print(self, uc: Any, access: int, address: int, size: int, value: int, _: object) -> None:
        self._output(bytes([value & 0xFF]))

    def _on_access(self, uc: Any, access: int, address: int, size: int, value: int, _: object) -> bool:
        kind = ACCESS.get(access, "access")
        if self._stack is not None and kind in ("read", "write") and self._stack.overflowed(address):
            kind = "stack overflow"
        self._fault = Fault(kind, address)
        return False

    def _on_exception(self, uc: Any, number: int, _: object) -> None:
        self._fault = Fault(self._family.exceptions.get(number, f"exception {number}"), None, raised=True)
        uc.emu_stop()

    def _error(self, fault: Fault, pc: int) -> EmulatorError:
        where = f"in {self.image.where(pc)}"
        if fault.kind == "fetch":  # pc is already astray
            caller = int(self._uc.reg_read(self._family.link)) - 2
            where = f"at pc 0x{pc:08x}, last call in {self.image.where(caller)}"
        target = "" if fault.address is None else f" at address 0x{fault.address:08x}"
        advice = " --stub gives a register a value, --uart prints." if fault.kind in ("read", "write") else ""
        message = f"the program faults: {fault.kind}{target} {where} on {self.chip.core}.{advice}"
        return EmulatorError(message, kind=fault.kind, pc=pc, address=fault.address)

    def _stopped(self, what: str, option: str) -> EmulatorError:
        pc = int(self._uc.reg_read(self._family.pc))
        where = self.image.where(pc)
        return EmulatorError(f"the program {what}, and was in {where}. {option} allows more.", kind="budget", pc=pc)
