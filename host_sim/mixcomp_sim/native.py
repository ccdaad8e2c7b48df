"""Helpers in C: compiled at first use and kept in the user's cache. And the first of them, the block counter of
counter.c, called by Unicorn directly.

A `BlockCounter` belongs to one Uc. While it is attached, every executed block lands in `rows`, one row of halfwords
per layer; `executions` turns them into counts.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from unicorn.unicorn_const import UC_ERR_OK, UC_HOOK_BLOCK
from unicorn.unicorn_py3.unicorn import uclib

from .cache import cache_folder, find, keep
from .hostcc import build_shared, host_compiler

_FOLDER = Path(__file__).parent
_FLAGS = ["-O2", "-std=c99"]


class _Region(ctypes.Structure):
    _fields_ = (("base", ctypes.c_uint32), ("length", ctypes.c_uint32), ("offset", ctypes.c_uint32))


class _Counter(ctypes.Structure):
    _fields_ = (
        ("regions", ctypes.c_void_p),
        ("marks", ctypes.c_void_p),
        ("row", ctypes.c_void_p),
        ("taken", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
        ("halfwords", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("lost", ctypes.c_uint64),
        ("region_count", ctypes.c_uint32),
        ("mark_count", ctypes.c_uint32),
        ("row_length", ctypes.c_uint32),
        ("layer", ctypes.c_uint32),
        ("next", ctypes.c_uint32),
        ("last", ctypes.c_uint32),
        ("stopped", ctypes.c_uint32),
    )


def library_path(source: str = "counter.c") -> Path:
    """A compiled source of this package, built if it and the compiler have not met before."""
    path, compiler = _FOLDER / source, host_compiler()
    program = shutil.which(compiler[0]) or compiler[0]
    found = os.stat(program)
    key = "\0".join([path.read_text(encoding="utf-8"), *_FLAGS, *compiler, program, sys.platform])
    key += f"\0{found.st_size}\0{found.st_mtime_ns}"
    folder, name = cache_folder("native"), f"{path.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    if (known := find(folder, name, ".so")) is not None:
        return known
    with tempfile.TemporaryDirectory(dir=folder) as work:
        return keep(folder, name, ".so", build_shared([path], Path(work) / "library.so", _FLAGS, compiler))


@cache
def library(source: str) -> Any:
    """A compiled source of this package, loaded once."""
    return ctypes.CDLL(str(library_path(source)))


class Hook:
    """A C callback that Unicorn calls directly, for addresses from begin to end (all where begin > end)."""

    def __init__(self, uc: Any, kind: int, callback: ctypes.c_void_p, user: int, begin: int = 1, end: int = 0) -> None:
        self._uc, self._handle = uc, ctypes.c_size_t()
        _check(uclib.uc_hook_add(uc._uch, ctypes.byref(self._handle), kind, callback, user, begin, end))
        uc.ctl_flush_tb()  # blocks translated without the hook would run without it

    def remove(self) -> None:
        _check(uclib.uc_hook_del(self._uc._uch, self._handle))
        self._uc.ctl_flush_tb()


class BlockCounter:
    """Executed blocks, per layer and halfword.

    regions: (address, bytes) of every stretch of code, apart from each other; marks: address where each layer ends.
    """

    def __init__(self, regions: Sequence[tuple[int, int]], marks: Sequence[int]) -> None:
        self._regions = (_Region * len(regions))()
        length = 0
        for region, (address, size) in zip(self._regions, regions, strict=True):
            region.base, region.length, region.offset = address, size // 2, length
            length += size // 2 + 1  # one more for the -1 of a block that ends with the region
        self._marks = np.array([self._index(mark) for mark in marks], np.uint32)
        self._shape = (len(marks) + 1, length)
        self.rows: npt.NDArray[np.int64] = np.zeros(self._shape, np.int64)
        self.taken: npt.NDArray[np.int64] = np.zeros(self._shape, np.int64)
        self._state = _Counter(
            regions=ctypes.addressof(self._regions),
            marks=self._marks.ctypes.data,
            stop=ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p).value,
            region_count=len(regions),
            mark_count=len(marks),
            row_length=length,
        )
        self._hook: Hook | None = None

    def _index(self, address: int) -> int:
        for region in self._regions:
            if 0 <= address - region.base < 2 * region.length:
                return int(region.offset + (address - region.base) // 2)
        raise ValueError(f"layer mark at 0x{address:08x} lies outside of all code sections")

    def start(self, uc: Any, limit: int, hook: bool = True) -> None:
        """Clear the counts and count from now on; past `limit` executed halfwords the emulation is stopped. Without a
        hook of its own another one calls `callback`."""
        self.rows = np.zeros(self._shape, np.int64)  # calloc: pages that are not executed cost no memory
        self.taken = np.zeros(self._shape, np.int64)
        state = self._state
        state.row, state.taken, state.layer, state.limit = self.rows.ctypes.data, self.taken.ctypes.data, 0, limit
        state.last = 0xFFFFFFFF
        state.halfwords = state.lost = state.stopped = 0
        state.next = int(self._marks[0]) if len(self._marks) else 0xFFFFFFFF
        if self._hook is None and hook:
            self._hook = Hook(uc, UC_HOOK_BLOCK, self.callback(), self.state_address)

    def detach(self) -> None:
        """Take the hook out, so that later calls run at full speed."""
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    @staticmethod
    def callback() -> ctypes.c_void_p:
        """What counts a block; its user data is `state_address`."""
        return ctypes.cast(library("counter.c").mce_count_block, ctypes.c_void_p)

    @property
    def state_address(self) -> int:
        return ctypes.addressof(self._state)

    @property
    def regions_address(self) -> int:
        return ctypes.addressof(self._regions)

    @property
    def region_count(self) -> int:
        return len(self._regions)

    @property
    def row_length(self) -> int:
        return self._shape[1]

    @property
    def last(self) -> int:
        """Index of the halfword behind the last block; to be set where what follows does not come from there."""
        return int(self._state.last)

    @last.setter
    def last(self, index: int) -> None:
        self._state.last = index

    def address_of(self, index: int) -> int:
        """Of a halfword."""
        for region in self._regions:
            if 0 <= index - region.offset <= region.length:
                return int(region.base + 2 * (index - region.offset))
        raise ValueError(f"no halfword {index}")

    @property
    def layer_address(self) -> int:
        """Where the number of the current layer is kept while the program runs."""
        return ctypes.addressof(self._state) + _Counter.layer.offset

    @property
    def stopped(self) -> bool:
        return bool(self._state.stopped)

    @property
    def lost_bytes(self) -> int:
        """Bytes of code executed outside of all regions; a count is exact only when this is 0."""
        return int(self._state.lost)

    def executions(self) -> list[npt.NDArray[np.int64]]:
        """For each region, (layers, halfwords): executions of each halfword."""
        spans = [(int(r.offset), int(r.length)) for r in self._regions]
        return [self.rows[:, at : at + n].cumsum(axis=1) for at, n in spans]

    def branches(self) -> list[npt.NDArray[np.int64]]:
        """For each region, (layers, halfwords + 1): taken branches that end at each halfword. The return from the call
        is one of them."""
        if self._state.last != 0xFFFFFFFF:
            self.taken[self._state.layer, self._state.last] += 1
            self._state.last = 0xFFFFFFFF
        return [self.taken[:, int(r.offset) : int(r.offset + r.length) + 1] for r in self._regions]


def _check(status: int) -> None:
    if status != UC_ERR_OK:
        raise RuntimeError(f"Unicorn refused a hook: error {status}")
