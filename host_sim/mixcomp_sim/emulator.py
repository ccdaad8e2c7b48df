"""Runs the functions of an ELF on an emulated Cortex-M or RISC-V core, one call of its ABI after the other.

Without counting there is no hook in the way of the code (about 0.9 G instructions/s on a PC); with counting the C
callback of counter.c sees every block. Hooks for faults exist always and cost nothing until a fault.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unicorn import unicorn_const as const
from unicorn.unicorn_py3.unicorn import UcError

from .chips import Flash
from .cores import find_core, new_engine
from .counts import Counts, make_counts
from .elf import Symbol, read_elf
from .errors import EmulatorError
from .families import ARM
from .faults import ACCESS, Fault
from .flash import FlashModel
from .machine import DEFAULT_TIMEOUT_S, CallResult, LayerPasses, as_int32, call_entry
from .memory import data_bytes, map_image, plan_regions
from .native import BlockCounter, Hook
from .pipeline import NOMINAL, core_timing
from .stack import GUARD_BYTES, TOP, Stack
from .watchdog import guard

_RETURN = 0x3FFFFFF0  # the link register of every call; nothing is there


class Emulator:
    """An ELF in memory and a core to run it. Memory lives on between calls; registers and flags do not.

    ram_bytes: size of RAM from the program's first writable address on, None for what its data needs, so that a write
    beyond is a fault; stack_bytes: size of the stack, which is apart from that RAM.
    """

    def __init__(
        self, elf: Path | bytes, core: str, *, ram_bytes: int | None = 16 << 20, stack_bytes: int = 64 << 10
    ) -> None:
        self.core = find_core(core)
        self._family = family = self.core.family
        self._image = read_elf(elf)
        if self._image.machine != family.machine:
            raise EmulatorError(f"the program is for {self._image.machine}, which {core} does not run.", kind="memory")
        self._uc = new_engine(self.core)
        page = family.page_bytes
        regions = plan_regions(self._image.segments, ram_bytes or data_bytes(self._image.segments, page), page)
        self._stack = Stack(self._uc, stack_bytes, page)
        for region in regions:
            if region.start < _RETURN + page and region.end > self._stack.base - GUARD_BYTES:
                raise EmulatorError(
                    f"the program uses 0x{region.start:08x}, where the emulator keeps its stack. Link it elsewhere.",
                    kind="memory",
                )
        try:
            map_image(self._uc, self._image.segments, regions)
            if family.returns:
                self._uc.mem_map(_RETURN // page * page, page, const.UC_PROT_READ | const.UC_PROT_EXEC)
        except UcError as error:
            raise EmulatorError(f"cannot lay out the program's memory: {error}", kind="memory") from error
        self._uc.hook_add(const.UC_HOOK_MEM_INVALID, self._on_access)
        self._uc.hook_add(const.UC_HOOK_INTR, self._on_exception)
        self._start_state = self._uc.context_save()
        self._counter: BlockCounter | None = None
        self._fault: Fault | None = None
        self._mark_hooks: list[int] = []
        self._passes = LayerPasses((), None)

    @property
    def layers(self) -> int:
        """Number of layer marks in the program."""
        return len(self._image.marks)

    def symbol(self, name: str) -> Symbol:
        """Address (without Thumb bit) and size of a symbol; EmulatorError if there is none."""
        return self._image.symbol(name)

    def close(self) -> None:
        """Nothing to do: the memory goes with the object."""

    def read(self, address: int, n: int) -> bytes:
        try:
            return bytes(self._uc.mem_read(address, n))
        except UcError as error:
            raise EmulatorError(f"cannot read {n} bytes at 0x{address:08x}: {error}", address=address) from error

    def write(self, address: int, data: bytes) -> None:
        try:
            self._uc.mem_write(address, data)
        except UcError as error:
            raise EmulatorError(
                f"cannot write {len(data)} bytes at 0x{address:08x}: {error}", address=address
            ) from error

    def call(
        self,
        function: str,
        *args: int,
        count: bool = False,
        budget: int = 20_000_000_000,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        on_layer: Callable[[int], None] | None = None,
        flash: Flash | None = None,
        pace: float = 1.0,
    ) -> CallResult:
        """Call function with up to four words and run it to its return.

        count: count instructions (15 to 40 % slower); budget: most instructions of a counted call; timeout_s: most
        processor time of any call; on_layer(i): called when execution reaches mce_layer_<i>_end, with memory as it is
        then.
        flash: follow every fetch and every read of constants through that flash and its caches (several times slower);
        the image's own flash stands for it, wherever that is linked. It needs count; pace is that of `FlashModel`.
        EmulatorError for a fault, an exhausted budget or a timeout. A loop without end needs one of these two.
        """
        entry = call_entry(self, function, args)
        uc = self._uc
        self._watch_layers(on_layer)
        counter = self._arm_counter(budget) if count else None
        if counter is None and self._counter is not None:
            self._counter.detach()
        self._stack.paint()
        with self._following(flash, pace, counter) as model, guard(timeout_s, uc.emu_stop) as deadline:
            self._run(entry, args)
        if self._fault is not None:
            raise self._fault_error(function, self._fault)
        if counter is not None and counter.stopped:
            raise self._stop_error(function, "budget", f"executed more than {budget} instructions")
        if self._pc() != _RETURN:
            if deadline.expired:
                raise self._stop_error(function, "timeout", f"ran longer than {timeout_s:g} s")
            raise self._stop_error(function, "halted", "it sleeps (wfi) and nothing can wake it")
        counts = None
        if counter is not None:
            counts = self._collect(function, counter)
            if counts.total > budget:
                raise self._stop_error(function, "budget", f"executed {counts.total} instructions, {budget} allowed")
        stalls = None if model is None else model.stalls()
        value = as_int32(int(uc.reg_read(self._family.arguments[0])))
        return CallResult(value, self._stack.used_bytes(), counts, stalls)

    def _run(self, entry: int, args: tuple[int, ...]) -> None:
        """From a fresh core to the function's return, a fault or a stop."""
        uc, family = self._uc, self._family
        uc.context_restore(self._start_state)
        for register, value in zip(family.arguments, args, strict=False):
            uc.reg_write(register, value & 0xFFFFFFFF)
        uc.reg_write(family.stack, TOP)
        uc.reg_write(family.link, _RETURN | family.entry)
        self._fault = None
        try:
            uc.emu_start(entry | family.entry, _RETURN)
        except UcError as error:
            if self._fault is None:
                kind = family.illegal(uc) if error.errno == const.UC_ERR_INSN_INVALID else str(error)
                self._fault = Fault(kind, None)

    def _arm_counter(self, budget: int) -> BlockCounter:
        if self._counter is None:
            regions = [(part.address, len(part.data)) for part in self._image.code]
            try:
                self._counter = BlockCounter(regions, self._image.marks)
            except ValueError as error:
                raise EmulatorError(str(error), kind="count") from error
        self._counter.start(self._uc, 2 * budget)  # an instruction has at most two halfwords
        return self._counter

    @contextmanager
    def _following(self, flash: Flash | None, pace: float, counter: BlockCounter | None) -> Iterator[FlashModel | None]:
        """Within it, every fetch and every read of the image's constants goes through a model of that flash; every
        other read, too, where the core takes longer for unaligned ones."""
        if flash is None:
            yield None
            return
        if counter is None:
            raise ValueError("a flash model needs count=True: it shares the counter's layers")
        parts = [(s.load_address, s.load_address + len(s.data)) for s in self._image.segments if s.data]
        begin, end = min(a for a, _ in parts), max(b for _, b in parts)
        rules = core_timing(self.core.name).columns[NOMINAL].rules
        everywhere = (1, 0) if "unaligned_two" in rules else (begin, end - 1)
        model = FlashModel(
            flash,
            pace,
            layers=self.layers + 1,
            span=(begin, end - begin),
            layer_address=counter.layer_address,
            thumb=self._family is ARM,
            rules=rules,
        )
        state = ctypes.addressof(model.state)
        block, read = FlashModel.callbacks()
        hooks = [
            Hook(self._uc, const.UC_HOOK_BLOCK, block, state),
            Hook(self._uc, const.UC_HOOK_MEM_READ, read, state, *everywhere),
        ]
        try:
            yield model
        finally:
            for hook in hooks:
                hook.remove()

    def _collect(self, function: str, counter: BlockCounter) -> Counts:
        if counter.lost_bytes:
            raise EmulatorError(
                f"{function} executed {counter.lost_bytes} bytes of code outside of the ELF's code sections, "
                "which cannot be counted. Call it without count.",
                kind="count",
            )
        return make_counts(self._image.code, counter.executions(), counter.branches())

    def _watch_layers(self, on_layer: Callable[[int], None] | None) -> None:
        """Code hooks on exactly the marks. Blocks translated under other hooks are dropped."""
        self._passes = LayerPasses(self._image.marks, on_layer)
        if bool(self._mark_hooks) == bool(self._passes.marks):
            return
        if self._mark_hooks:
            for handle in self._mark_hooks:
                self._uc.hook_del(handle)
            self._mark_hooks = []
        else:
            addresses = sorted(set(self._image.marks))
            self._mark_hooks = [self._uc.hook_add(const.UC_HOOK_CODE, self._on_mark, None, a, a) for a in addresses]
        self._uc.ctl_flush_tb()

    def _on_mark(self, uc: Any, address: int, size: int, _: object) -> None:
        self._passes.at(address)

    def _on_access(self, uc: Any, access: int, address: int, size: int, value: int, _: object) -> bool:
        kind = ACCESS.get(access, "access")
        if kind in ("read", "write") and self._stack.overflowed(address):
            kind = "stack overflow"
        self._fault = Fault(kind, address)
        return False

    def _on_exception(self, uc: Any, number: int, _: object) -> None:
        kind = self._family.exceptions.get(number, f"exception {number}")
        self._fault = Fault(self._family.illegal(uc) if kind == "illegal instruction" else kind, None, raised=True)
        uc.emu_stop()

    def _fault_error(self, function: str, fault: Fault) -> EmulatorError:
        pc = self._pc() - (self._family.beyond if fault.raised else 0)
        where = f"in {self._image.where(pc)}"
        if fault.kind == "fetch":  # pc is already astray
            caller = (int(self._uc.reg_read(self._family.link)) & ~1) - 2
            where = f"at pc 0x{pc:08x}, last call in {self._image.where(caller)}"
        target = "" if fault.address is None else f" at address 0x{fault.address:08x}"
        advice = ""
        if fault.kind == "stack overflow":
            advice = f" The stack has {self._stack.bytes} bytes; give Emulator(stack_bytes=) more."
        return EmulatorError(
            f"{function}: {fault.kind}{target} {where} on {self.core.name}.{advice}",
            kind=fault.kind,
            pc=pc,
            address=fault.address,
        )

    def _pc(self) -> int:
        return int(self._uc.reg_read(self._family.pc))

    def _stop_error(self, function: str, kind: str, what: str) -> EmulatorError:
        pc = self._pc()
        where = "" if pc == _RETURN else f", stopped in {self._image.where(pc)}"
        return EmulatorError(f"{function}: {kind}: {what}{where}.", kind=kind, pc=pc)
