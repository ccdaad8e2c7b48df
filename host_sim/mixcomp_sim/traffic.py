"""What a program reads and writes, and how deep its stack goes: traffic.c, driven by Unicorn."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from unicorn.arm_const import UC_ARM_REG_EPSR, UC_ARM_REG_SP
from unicorn.unicorn_const import UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE
from unicorn.unicorn_py3.unicorn import uclib

from .flash import FlashModel
from .native import Hook, library

PLACES = ("flash", "ram", "peripherals")
_Pairs = (ctypes.c_uint64 * 2) * len(PLACES)


class _State(ctypes.Structure):
    _fields_ = (
        ("accesses", _Pairs),
        ("bytes", _Pairs),
        ("unaligned", ctypes.c_uint64 * 2),
        ("flash_read", ctypes.c_void_p),
        ("flash_state", ctypes.c_void_p),
        ("write_register", ctypes.c_void_p),
        ("read_register", ctypes.c_void_p),
        ("flash_base", ctypes.c_uint32),
        ("flash_length", ctypes.c_uint32),
        ("stack_base", ctypes.c_uint32),
        ("stack_top", ctypes.c_uint32),
        ("deepest", ctypes.c_uint32),
        ("epsr", ctypes.c_uint32),
        ("sp", ctypes.c_uint32),
    )


@dataclass(frozen=True)
class Moved:
    """Accesses to one place and their bytes."""

    reads: int
    read_bytes: int
    writes: int
    written_bytes: int


class Traffic:
    """span: (address, bytes) of the flash; stack: (lowest address that may be stack, its top)."""

    def __init__(self, flash: FlashModel, span: tuple[int, int], stack: tuple[int, int]) -> None:
        state = ctypes.addressof(flash.state)
        self._flash = flash
        self._hooks: list[Hook] = []
        self.state = _State(
            flash_read=FlashModel.callbacks()[1].value,
            flash_state=state,
            write_register=ctypes.cast(uclib.uc_reg_write, ctypes.c_void_p).value,
            read_register=ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p).value,
            flash_base=span[0],
            flash_length=span[1],
            stack_base=stack[0],
            stack_top=stack[1],
            deepest=stack[1],
            epsr=UC_ARM_REG_EPSR,
            sp=UC_ARM_REG_SP,
        )

    def attach(self, uc: Any) -> None:
        functions, state = library("traffic.c"), ctypes.addressof(self.state)
        for kind, function in (
            (UC_HOOK_MEM_READ, functions.mce_traffic_read),
            (UC_HOOK_MEM_WRITE, functions.mce_traffic_write),
        ):
            self._hooks.append(Hook(uc, kind, ctypes.cast(function, ctypes.c_void_p), state))

    def detach(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def reaches(self, address: int) -> None:
        """The stack does, without a store of the program."""
        if self.state.stack_base <= address:
            self.state.deepest = min(address, self.state.deepest)

    @property
    def stack_bytes(self) -> int:
        """From the stack's top to the lowest byte that was written in it."""
        return int(self.state.stack_top - self.state.deepest)

    @property
    def unaligned(self) -> tuple[int, int]:
        """Reads and writes whose address was no multiple of their size."""
        return int(self.state.unaligned[0]), int(self.state.unaligned[1])

    def moved(self) -> dict[str, Moved]:
        """By place."""
        return {
            place: Moved(int(n[0]), int(b[0]), int(n[1]), int(b[1]))
            for place, n, b in zip(PLACES, self.state.accesses, self.state.bytes, strict=True)
        }
