"""Exceptions of a Cortex-M core (Arm DDI 0403, B1.5): what is pending, whether it may come now, entry and return.

Unicorn runs the handlers; it does not start them. Here the frame is pushed and popped, stacks and modes change, and the
handler's address is read from the vector table. An exception comes between two blocks of code, not within one. The
registers of the FPU lie in the frame at once; what their lazy saving costs is spent when a handler that used the FPU
ends."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unicorn import arm_const as arm

from .clock import Clock, Context

SVC, PENDSV, SYSTICK, FIRST_INTERRUPT = 11, 14, 15, 16
EXCEPTION_RETURN = 0xFFFFFFE0  # addresses from here on are returns
_LOWEST = 256
_THUMB, _ALIGNED = 1 << 24, 1 << 9  # of xPSR: Thumb state; the frame's padding
_FRAME = (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3, arm.UC_ARM_REG_R12,
          arm.UC_ARM_REG_LR)  # fmt: skip
_FLOATS = [getattr(arm, f"UC_ARM_REG_S{n}") for n in range(16)]
_PSP, _FLOAT_CONTEXT = 2, 4  # of CONTROL
_AUTOMATIC, _LAZY = 1 << 31, 1 << 30  # of FPCCR
_EXC_PSP, _EXC_THREAD, _EXC_BASIC = 4, 8, 16  # of EXC_RETURN


@dataclass
class Exceptions:
    """uc: the core. rules: of its timing (timing/<core>.toml), exception_entry, _return, _tail_chain and _floats.
    priorities: by exception number, 0 the most urgent."""

    uc: Any
    clock: Clock
    rules: Mapping[str, float]
    vectors: int = 0  # address of the vector table
    pending: set[int] = field(default_factory=set)
    active: list[int] = field(default_factory=list)
    priorities: dict[int, int] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)  # how often each came
    contexts: dict[int, Context] = field(default_factory=dict)  # by the address of the frame
    spent: float = 0.0  # cycles of entries and returns
    saving: int = 0xC0000000  # FPCCR: the FPU's registers are saved by hardware, and not before a handler needs them
    unsaved: int | None = None  # the frame in which room is kept for them (FPCAR, while LSPACT is set)

    def next(self) -> int | None:
        """The exception that comes now: pending, not masked, and more urgent than what runs."""
        if not self.pending or self._register(arm.UC_ARM_REG_PRIMASK) & 1:
            return None
        number = min(self.pending, key=lambda n: (self.priorities.get(n, 0), n))
        priority, base = self.priorities.get(number, 0), self._register(arm.UC_ARM_REG_BASEPRI) & 0xFF
        runs = min((self.priorities.get(n, 0) for n in self.active), default=_LOWEST)
        return number if priority < runs and (base == 0 or priority < base) else None

    def enter(self, number: int, back: int) -> int:
        """Push the frame and go over to the handler; returns its address. back: where the interrupted code goes on."""
        uc = self.uc
        self._save_late()
        control, status = self._register(arm.UC_ARM_REG_CONTROL), self._register(arm.UC_ARM_REG_XPSR)
        floats = bool(control & _FLOAT_CONTEXT and self.saving & _AUTOMATIC)
        top = self._register(arm.UC_ARM_REG_SP)
        frame = (top - (104 if floats else 32)) & ~7
        words = [self._register(r) for r in _FRAME] + [back, status | _THUMB | (_ALIGNED if top & 4 else 0)]
        if floats:
            words += [self._register(r) for r in _FLOATS] + [self._register(arm.UC_ARM_REG_FPSCR), 0]
        uc.mem_write(frame, struct.pack(f"<{len(words)}I", *words))
        self.contexts[frame] = self.clock.leave()
        thread = not self.active
        code = EXCEPTION_RETURN | 1 | (0 if floats else _EXC_BASIC) | (_EXC_THREAD if thread else 0)
        code |= _EXC_PSP if thread and control & _PSP else 0
        uc.reg_write(arm.UC_ARM_REG_SP, frame)
        if floats and self.saving & _LAZY:
            self.unsaved = frame
        elif floats:
            self._spend("floats")
        return self._start(number, code, "entry")

    def leave(self, code: int) -> int:
        """Pop the frame that an EXC_RETURN names; returns the address where it goes on. Where another exception may
        come at once the frame stays for it (tail chaining)."""
        uc = self.uc
        self._save_late()
        self.active.pop()
        if (number := self.next()) is not None:
            self.clock.leave()
            return self._start(number, code, "tail_chain")
        of_thread = code & _EXC_THREAD and code & _EXC_PSP
        frame = self._register(arm.UC_ARM_REG_PSP if of_thread else arm.UC_ARM_REG_SP)
        basic = bool(code & _EXC_BASIC)
        words = struct.unpack(f"<{8 if basic else 26}I", bytes(uc.mem_read(frame, 32 if basic else 104)))
        status, top = words[7], frame + (32 if basic else 104) + (4 if words[7] & _ALIGNED else 0)
        if not of_thread:
            uc.reg_write(arm.UC_ARM_REG_SP, top)
        uc.reg_write(arm.UC_ARM_REG_XPSR, status & ~_ALIGNED)
        if code & _EXC_THREAD:
            control = self._register(arm.UC_ARM_REG_CONTROL) & ~(_PSP | _FLOAT_CONTEXT)
            control |= (_PSP if of_thread else 0) | (0 if basic else _FLOAT_CONTEXT)
            uc.reg_write(arm.UC_ARM_REG_CONTROL, control)
        if of_thread:
            uc.reg_write(arm.UC_ARM_REG_SP, top)
        for register, value in zip(_FRAME, words, strict=False):
            uc.reg_write(register, value)
        for register, value in zip(_FLOATS, words[8:], strict=False):
            uc.reg_write(register, value)
        self.clock.resume(self.contexts.pop(frame, None))
        self._spend("return")
        if not basic and frame != self.unsaved:
            self._spend("floats")
        if frame == self.unsaved:
            self.unsaved = None
        return words[6] & ~1

    def _start(self, number: int, code: int, kind: str) -> int:
        """Go over to a handler that returns by `code`; returns its address."""
        uc = self.uc
        uc.reg_write(arm.UC_ARM_REG_CONTROL, self._register(arm.UC_ARM_REG_CONTROL) & ~_FLOAT_CONTEXT)
        uc.reg_write(arm.UC_ARM_REG_XPSR, _THUMB | number)  # the handler's mode, and with it the main stack
        uc.reg_write(arm.UC_ARM_REG_LR, code)
        self.pending.discard(number)
        self.active.append(number)
        self.taken[number] = self.taken.get(number, 0) + 1
        self._spend(kind)
        return int.from_bytes(uc.mem_read(self.vectors + 4 * number, 4), "little") & ~1

    def _save_late(self) -> None:
        """What ran has used the FPU and so has had the registers saved that were in it."""
        if self.unsaved is not None and self.active and self._register(arm.UC_ARM_REG_CONTROL) & _FLOAT_CONTEXT:
            self.unsaved = None
            self._spend("floats")

    def _spend(self, kind: str) -> None:
        cycles = self.rules.get(f"exception_{kind}", 0.0)
        self.spent += cycles
        self.clock.spend(cycles)

    def _register(self, number: int) -> int:
        return int(self.uc.reg_read(number))
