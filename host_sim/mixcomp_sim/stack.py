"""The painted stack of the emulator: how deep a call went is where the paint ends."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from unicorn import unicorn_const as const

from .memory import PAGE_BYTES

TOP = 0x3FF00000  # inside the SRAM region of the memory map, above any real SRAM
GUARD_BYTES = 1 << 20  # unmapped below the stack: an access there is a stack overflow
_PAINT = 0xA5A5A5A5


class Stack:
    """stack_bytes, in whole pages, below TOP, shared with the engine; the page above TOP holds nothing."""

    def __init__(self, uc: Any, stack_bytes: int, page: int = PAGE_BYTES) -> None:
        self.bytes = -(-stack_bytes // page) * page
        self.base = TOP - self.bytes
        self._memory = mmap.mmap(-1, self.bytes)
        self._words = np.frombuffer(self._memory, np.uint32)  # (bytes / 4,)
        self._clean = False
        uc.mem_map_ptr(self.base, self.bytes, const.UC_PROT_READ | const.UC_PROT_WRITE, self._words.ctypes.data)

    def paint(self) -> None:
        """Before a call. Costs nothing after a call whose depth was measured."""
        if not self._clean:
            self._words[:] = _PAINT
        self._clean = False

    def used_bytes(self) -> int:
        """After a call: from TOP to the deepest word that changed. Paints it for the next call."""
        changed = self._words != _PAINT
        deepest = int(changed.argmax())
        used = len(self._words) - deepest if changed[deepest] else 0
        if used:
            self._words[-used:] = _PAINT
        self._clean = True
        return 4 * used

    def overflowed(self, address: int) -> bool:
        return self.base - GUARD_BYTES <= address < self.base
