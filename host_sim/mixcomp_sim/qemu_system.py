"""A whole program on a QEMU board, for the core that Unicorn lacks: Cortex-M55 with MVE. QEMU brings UART, exceptions
and SysTick, a plugin counts the instructions, and semihosting is served here, as under Unicorn, at breakpoints. QEMU
has no model of time: eight nanoseconds pass with each instruction, so that a program does the same each time, and
cycles are the core's table applied to the counts."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from .boards import find_board
from .chip import Chip
from .counts import Counts
from .elf import read_elf
from .errors import EmulatorError
from .flash import Stalls
from .gdb import GdbClient, GdbError, GdbTimeout
from .outcome import Ending, Limits, Outcome, Start
from .placing import vector_table
from .qemu import QemuBoard, plugin, read_counts
from .qemu_calls import ArmCalls
from .qemu_process import QemuProcess
from .semihosting import IMMEDIATE, Console, Semihosting

_STUB, _FAULT = 0x100, 0x120  # behind the vector table of a program that has none
_STEPS = 6  # instructions of the stub: CPACR, dsb, isb, and to the next word
_FPU_ON = bytes.fromhex("0448 4ff47001 0160 bff34f8f bff36f8f dff804f0 88ed00e0")
_TABLE_BYTES = 0x200
_WAIT = bytes.fromhex("fee7")  # b .
_BREAKPOINT = bytes((IMMEDIATE, 0xBE))
_NANOSECONDS = 8  # of an instruction: -icount shift=3
_PC = re.compile(r"R15=([0-9a-f]{8})")
_SLOWER = 10  # times as long by the clock on the wall as in processor time: then it sleeps for ever
_NOTES = (
    "cycles are a table's, not QEMU's: SysTick and timers count 8 ns an instruction, DWT->CYCCNT and semihosting's "
    "clock stand still",
    "memory traffic, calls, exceptions and sleep are not known under QEMU, nor the stack of a whole program",
)


class QemuSystem:
    """elf on the board of a chip's core. output, input: of its semihosting and its UARTs."""

    def __init__(
        self, elf: Path | bytes, chip: Chip, start: Start, *, output: Callable[[bytes], None], input: bytes = b""
    ) -> None:
        self.chip, self.image, self._start = chip, read_elf(elf), start
        self._file = elf if isinstance(elf, bytes) else elf.read_bytes()
        self._board, self._output, self._input = find_board(chip.core), output, input

    def run(self, limits: Limits) -> Outcome:
        """To the program's end; EmulatorError for a fault without a handler and a timeout."""
        if limits.seconds is not None:
            raise EmulatorError(f"--seconds needs a model of time, which QEMU has not; {self.chip.core} runs in QEMU.")
        return self._call(limits) if self._start.function else self._whole(limits)

    def _call(self, limits: Limits) -> Outcome:
        function = self._start.function or ""
        board = QemuBoard(self._file, self.chip.core)
        try:
            result = board.call(function, *self._start.arguments, count=True, timeout_s=limits.timeout_s)
        finally:
            board.close()
        assert result.counts is not None
        ending = Ending("return", f"{function} returned {result.value}", value=result.value)
        return _outcome(self.chip.core, ending, result.counts, 0, result.stack_bytes)

    def _whole(self, limits: Limits) -> Outcome:
        for segment in self.image.segments:
            self._end_of_memory(segment.load_address)
        with tempfile.TemporaryDirectory(prefix="mixcomp-qemu-") as name:
            folder = Path(name)
            (folder / "program.elf").write_bytes(self._file)
            options = ["-kernel", "program.elf", "-serial", "file:uart", "-icount", "shift=3,sleep=off"]
            table = vector_table(self.image)
            bare = table is None
            if table != self._board.vectors:  # where the core looks for it
                (folder / "page").write_bytes(self._vectors() if table is None else self._copy(table))
                options += ["-device", f"loader,file=page,addr={self._board.vectors},force-raw=on"]
            process = QemuProcess(ArmCalls.program, self._board, folder, plugin(self.image, []), options)
            try:
                ending = self._follow(process, folder / "uart", limits.timeout_s, bare)
                process.gdb.kill()
                process.wait()
                counts, lost = read_counts(folder, self.image, "the program")
            finally:
                process.end()
        return _outcome(self.chip.core, ending, counts, lost - _STEPS * bare, None)

    def _follow(self, process: QemuProcess, uart: Path, timeout_s: float, bare: bool) -> Ending:
        """From breakpoint to breakpoint, each a call of semihosting, to the program's end."""
        gdb, shown, began = process.gdb, 0, time.monotonic()
        console = Console(self._output, self._input)
        host = Semihosting(gdb, console, 10**9 // _NANOSECONDS, lambda: 0, *self._memory())
        calls = {
            part.address + at
            for part in self.image.code
            for at in range(0, len(part.data) - 1, 2)
            if part.data[at : at + 2] == _BREAKPOINT
        }
        fault = self._board.vectors + _FAULT

        def expired() -> bool:
            spent = time.monotonic() - began
            return process.cpu_seconds() > timeout_s or spent > _SLOWER * timeout_s

        try:
            for address in (*calls, *([fault] if bare else [])):
                gdb.set_breakpoint(address)
            while host.status is None:
                gdb.resume(expired)
                registers = gdb.registers()
                text = uart.read_bytes()
                self._output(text[shown:])
                shown = len(text)
                if registers[15] == fault and bare:
                    raise self._fault(gdb)
                gdb.set_register(0, host.call(registers[0], registers[1]))
                gdb.set_register(15, registers[15] + 2)
        except GdbTimeout:
            pc = gdb.registers()[15]
            if gdb.read(pc, 2) == _WAIT:
                return Ending("loop", f"it ended in an endless loop in {self.image.nearest(pc)}")
            raise EmulatorError(
                f"the program ran for more than {timeout_s:g} s in QEMU, and was in {self.image.where(pc)}. --timeout "
                "allows more.",
                kind="budget",
            ) from None
        except GdbError as error:
            raise self._died(process, error) from error
        return Ending("exit", f"it ended with status {host.status}", status=host.status)

    def _memory(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """For SYS_HEAPINFO: (base, limit) of the heap, (top, lowest) of the stack, in the memory of the data."""
        data = max((s.address + s.size for s in self.image.segments if s.writable), default=0)
        end = self._end_of_memory(data)
        free = (data + 7) & ~7
        middle = end - (end - free) // 2 & ~7
        return (free, middle), (end, middle)

    def _end_of_memory(self, address: int) -> int:
        for begin, end in _RAMS:
            if begin <= address <= end:
                return end
        raise EmulatorError(
            f"the program lies at 0x{address:08x}, but {self.chip.core} runs on QEMU's {self._board.machine}, whose "
            f"memory is {', '.join(f'0x{a:08x} to 0x{b:08x}' for a, b in _RAMS)}. Link it there."
        )

    def _vectors(self) -> bytes:
        """Of a program that has none: the stack at the end of the memory of its data, the FPU on, its entry."""
        page = range(self._board.vectors, self._board.vectors + _FAULT + len(_WAIT))
        if any(s.load_address < page.stop and s.load_address + len(s.data) > page.start for s in self.image.segments):
            raise EmulatorError(
                f"the program has no vector table, and its own code lies at 0x{page.start:08x}, where QEMU's "
                f"{self._board.machine} looks for one. Link it from 0x{page.stop + 0xFF & ~0xFF:x} on, or with a table."
            )
        top = self._memory()[1][0]
        entries = [top, *(self._board.vectors + at | 1 for at in (_STUB, *[_FAULT] * 14))]
        table = b"".join(entry.to_bytes(4, "little") for entry in entries).ljust(_STUB, b"\0")
        stub = _FPU_ON + (self.image.entry | 1).to_bytes(4, "little")
        return table + stub.ljust(_FAULT - _STUB, b"\0") + _WAIT

    def _copy(self, table: int) -> bytes:
        segment = next(s for s in self.image.segments if 0 <= table - s.address < len(s.data))
        return segment.data[table - segment.address :][:_TABLE_BYTES]

    def _fault(self, gdb: GdbClient) -> EmulatorError:
        kind, pc, link, address = ArmCalls().told(gdb)
        target = "" if address is None else f" at address 0x{address:08x}"
        where = f"in {self.image.where(pc)}"
        if kind == "fetch":
            where = f"at pc 0x{pc:08x}, last call in {self.image.where((link & ~1) - 2)}"
        return EmulatorError(f"the program faults: {kind}{target} {where} on {self.chip.core}.", kind=kind, pc=pc)

    def _died(self, process: QemuProcess, error: GdbError) -> EmulatorError:
        told = process.ended("the program", error)
        found = _PC.search(str(told))
        if found is None:
            return told
        pc = int(found[1], 16)
        return EmulatorError(
            f"the program faults in {self.image.where(pc)} on {self.chip.core}, and has no handler that may run.",
            kind="fault",
            pc=pc,
        )


# Of mps3-an547, `info mtree` of QEMU 7.2: ITCM, SRAM, DTCM, DDR in both aliases.
_RAMS = (
    (0x00000000, 0x00080000), (0x01000000, 0x01200000), (0x20000000, 0x20080000), (0x21000000, 0x21400000),
    (0x60000000, 0x70000000), (0x70000000, 0x80000000),
)  # fmt: skip


def _outcome(core: str, ending: Ending, counts: Counts, lost: int, stack_bytes: int | None) -> Outcome:
    stalls, unknown = Stalls(0.0, 0.0, 0, 0), dict[int, int]()
    notes = (*_NOTES, *([f"{lost} instructions ran outside of the ELF's code and are not counted"] if lost else []))
    return Outcome(core, ending, counts, stalls, {}, (), {}, (0, 0), 0.0, 0, stack_bytes, unknown, unknown, 0, notes)
