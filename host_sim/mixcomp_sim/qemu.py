"""Runs the functions of an ELF on a QEMU board: the second opinion on every count, and the machine for cores that
Unicorn lacks (Cortex-M55 with MVE).

QEMU is driven over its debug stub: memory and registers are written while the core stands still, a breakpoint ends the
call. Counted calls run under the plugin of qemu_count.c. On the board lie a dozen instructions of ours and what leads
to them (qemu_calls.py), apart from the image, which must be linked for the board (boards.toml). RAM's end is the stack.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

from .boards import find_board
from .cores import find_core
from .counts import Counts, counts_of
from .elf import Image, Symbol, read_elf
from .errors import EmulatorError
from .families import RISCV
from .gdb import GdbError, GdbTimeout
from .hostcc import BuildError
from .machine import DEFAULT_TIMEOUT_S, CallResult, LayerPasses, as_int32, call_entry
from .native import library_path
from .qemu_calls import ENABLE, END, STOP, calls_of
from .qemu_process import QemuProcess

_PAINT = b"\xa5"
_GUARD_BYTES = 1024  # below the stack and behind the program's data: no byte may change there


def plugin(image: Image, arguments: Sequence[str]) -> str:
    """What -plugin takes so that the image's instructions are counted into the file `counts`."""
    try:
        library = library_path("qemu_count.c")
    except BuildError as error:
        raise EmulatorError(f"cannot build the plugin that counts in QEMU: {error}", kind="count") from error
    code = [f"code={part.address}:{len(part.data)}" for part in image.code]
    marks = [f"mark={mark}" for mark in image.marks]
    return ",".join([str(library), "out=counts", *arguments, *code, *marks])


def read_counts(folder: Path, image: Image, what: str) -> tuple[Counts, int]:
    """What the plugin wrote of `what`, and how many instructions ran outside of the image's code."""
    file = folder / "counts"
    lines = file.read_text().split("\n") if file.exists() else []
    if lines[-2:] != ["done", ""]:
        raise EmulatorError(f"{what}: QEMU's plugin wrote no complete count.", kind="count")
    by_layer: list[dict[int, int]] = [{} for _ in range(len(image.marks) + 1)]
    taken: list[dict[int, int]] = [{} for _ in range(len(image.marks) + 1)]
    for line in lines[:-3]:
        layer, address, executions, jumps = map(int, line.split())
        if executions:
            by_layer[layer][address] = executions
        if jumps:
            taken[layer][address] = jumps
    return counts_of(by_layer, taken, image.code), int(lines[-3].removeprefix("lost "))


class QemuBoard:
    """An ELF on the board of a core; close it, or it ends with this process.

    Between calls memory lives on, also when QEMU itself has to be started anew: after a fault, and when counting
    begins.
    """

    def __init__(self, elf: Path | bytes, core: str, *, stack_bytes: int = 64 << 10) -> None:
        self.core, self.board = find_core(core), find_board(core)
        self._image, self._calls = read_elf(elf), calls_of(self.core.family)
        self._stack_bytes = stack_bytes
        self._top = sum(self.board.memory.ram)
        self.board.refuse_misplaced(self._image.segments, reserved=stack_bytes + _GUARD_BYTES)
        self._data_end = max((s.address + s.size for s in self._image.segments if s.writable), default=0)
        self._folder = Path(tempfile.mkdtemp(prefix="mixcomp-qemu-"))
        self._remove = weakref.finalize(self, shutil.rmtree, str(self._folder), ignore_errors=True)
        self._process = self._start(counting=False)

    def close(self) -> None:
        self._process.end()
        self._remove()

    @property
    def layers(self) -> int:
        """Number of layer marks in the program."""
        return len(self._image.marks)

    def symbol(self, name: str) -> Symbol:
        """Address (without Thumb bit) and size of a symbol; EmulatorError if there is none."""
        return self._image.symbol(name)

    def read(self, address: int, n: int) -> bytes:
        try:
            return self._gdb.read(address, n)
        except GdbError as error:
            raise EmulatorError(f"cannot read {n} bytes at 0x{address:08x}: {error}", address=address) from error

    def write(self, address: int, data: bytes) -> None:
        try:
            self._gdb.write(address, data)
        except GdbError as error:
            raise EmulatorError(
                f"cannot write {len(data)} bytes at 0x{address:08x}: {error}", address=address
            ) from error

    def call(
        self,
        function: str,
        *args: int,
        count: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        on_layer: Callable[[int], None] | None = None,
    ) -> CallResult:
        """Call function with up to four words and run it to its return, as `Emulator.call` does.

        EmulatorError for a fault, a timeout, a stack that overflowed, or a QEMU that ended.
        """
        entry = call_entry(self, function, args)
        if count and not self._counting:
            self._restart(counting=True)
        painted = self._stack_bytes + _GUARD_BYTES
        self._gdb.write(self._top - painted, _PAINT * painted)
        if self._data_end:
            self._gdb.write(self._data_end, _PAINT * _GUARD_BYTES)
        calls = self._calls
        state = {calls.stack: self._top, calls.link: self.board.vectors + END | calls.entry}
        state |= dict(enumerate(args, calls.first))
        for number, value in (dict.fromkeys(calls.free, 0) | state).items():
            self._gdb.set_register(number, value)
        self._run(function, entry, timeout_s, on_layer)
        value = as_int32(self._gdb.registers()[calls.first])
        used = -(-len(self._gdb.read(self._top - painted, painted).lstrip(_PAINT)) // 4) * 4
        if used > self._stack_bytes:
            raise EmulatorError(
                f"{function}: stack overflow: {used} bytes or more on {self.core.name}. The stack has "
                f"{self._stack_bytes} bytes; give QemuBoard(stack_bytes=) more.",
                kind="stack overflow",
            )
        behind = self._gdb.read(self._data_end, _GUARD_BYTES) if self._data_end else b""
        if written := behind.lstrip(_PAINT):
            address = self._data_end + _GUARD_BYTES - len(written)
            raise EmulatorError(
                f"{function}: write at address 0x{address:08x}, behind the program's data, on {self.core.name}. "
                "QEMU does not say by what instruction.",
                kind="write",
                address=address,
            )
        return CallResult(value, used, self._counts(function) if count else None)

    def _run(self, function: str, entry: int, timeout_s: float, on_layer: Callable[[int], None] | None) -> None:
        """From entry to the end, stopping at each layer mark where on_layer wants it."""
        gdb, deadline = self._gdb, self._process.cpu_seconds() + timeout_s
        passes = LayerPasses(self._image.marks, on_layer)
        try:
            self._calls.begin(gdb, entry)
            for mark in set(passes.marks):
                gdb.set_breakpoint(mark)
            while True:
                gdb.resume(lambda: self._process.cpu_seconds() > deadline)
                pc = gdb.registers()[self._calls.pc]
                if pc == self.board.vectors + STOP:
                    break
                if pc == self.board.vectors + self._calls.fault:
                    raise self._fault(function)
                passes.at(pc)
                gdb.step()  # off the breakpoint
            for mark in set(passes.marks):
                gdb.clear_breakpoint(mark)
        except GdbTimeout:
            error = self._stopped(function, timeout_s)
            self._restart(self._counting)
            raise error from None
        except GdbError as error:
            raise self._process.ended(function, error) from error
        except Exception:
            self._restart(self._counting)
            raise

    def _counts(self, function: str) -> Counts:
        counts, lost = read_counts(self._folder, self._image, function)
        if lost:
            raise EmulatorError(
                f"{function} executed {lost} instructions outside of the ELF's code sections, which cannot be "
                "counted. Call it without count.",
                kind="count",
            )
        return counts

    # The process

    def _start(self, counting: bool) -> QemuProcess:
        self._counting = counting
        process = QemuProcess(self._calls.program, self.board, self._folder, self._plugin() if counting else "")
        self._process, self._gdb = process, process.gdb
        try:
            self._prepare()
        except GdbError as error:
            raise process.ended("start", error) from error
        return process

    def _prepare(self) -> None:
        """Stub and program; then one run of the stub that turns FPU and MVE on, or says where faults go."""
        gdb, base, calls = self._gdb, self.board.vectors, self._calls
        for offset, code in calls.stub.items():
            gdb.write(base + offset, bytes.fromhex(code))
        for segment in self._image.segments:
            for address in {segment.address, segment.load_address}:
                gdb.write(address, segment.data)
        for offset in (STOP, calls.fault):
            gdb.set_breakpoint(base + offset)
        calls.prepare(gdb, base, self._top)
        self._run("start", base + ENABLE, 10.0, None)

    def _restart(self, counting: bool) -> None:
        """A new QEMU with the memory of the old one."""
        kept = [(s.address, self._gdb.read(s.address, s.size)) for s in self._image.segments if s.writable]
        self._process.end()
        self._start(counting)
        for address, data in kept:
            self._gdb.write(address, data)

    def _plugin(self) -> str:
        isa = ["riscv"] if self.core.family is RISCV else []
        return plugin(self._image, [f"end={self.board.vectors + END}", *isa])

    # Errors

    def _fault(self, function: str) -> EmulatorError:
        kind, pc, link, address = self._calls.told(self._gdb)
        target = "" if address is None else f" at address 0x{address:08x}"
        where = f"in {self._image.where(pc)}"
        if kind == "fetch":
            where = f"at pc 0x{pc:08x}, last call in {self._image.where((link & ~1) - 2)}"
        return EmulatorError(
            f"{function}: {kind}{target} {where} on {self.core.name}.", kind=kind, pc=pc, address=address
        )

    def _stopped(self, function: str, timeout_s: float) -> EmulatorError:
        pc = self._gdb.registers()[self._calls.pc]
        where = f"stopped in {self._image.where(pc)}"
        return EmulatorError(f"{function}: timeout: ran longer than {timeout_s:g} s, {where}.", kind="timeout", pc=pc)
