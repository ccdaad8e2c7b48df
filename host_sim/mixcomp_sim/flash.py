"""Stalls of a chip's flash: the model of flash.c, driven by the addresses that a program really fetches and reads."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from unicorn.arm_const import UC_ARM_REG_EPSR
from unicorn.unicorn_py3.unicorn import uclib

from .chips import Cache, Flash
from .native import library

UNITS = 256  # of time in a cycle
FETCHES, READS, UNALIGNED = range(3)


@dataclass(frozen=True)
class Stalls:
    """Of one layer: cycles that the core waited for code and for data, and how many reads of the array that took; and
    those of loads that had to be made in parts."""

    fetch_cycles: float
    read_cycles: float
    fetch_misses: int
    read_misses: int
    unaligned_cycles: float = 0.0
    unaligned_loads: int = 0

    @property
    def cycles(self) -> float:
        return self.fetch_cycles + self.read_cycles + self.unaligned_cycles


class _Cache(ctypes.Structure):
    _fields_ = (
        ("line_shift", ctypes.c_uint32),
        ("sector_shift", ctypes.c_uint32),
        ("sets", ctypes.c_uint32),
        ("ways", ctypes.c_uint32),
        ("tags", ctypes.c_void_p),
        ("used", ctypes.c_void_p),
        ("valid", ctypes.c_void_p),
        ("clock", ctypes.c_uint32),
    )


class _State(ctypes.Structure):
    _fields_ = (
        ("icache", _Cache),
        ("dcache", _Cache),
        ("layer", ctypes.c_void_p),
        ("stalls", ctypes.c_void_p),
        ("misses", ctypes.c_void_p),
        ("now", ctypes.c_uint64),
        ("busy", ctypes.c_uint64),
        ("ready", ctypes.c_uint64),
        ("waited", ctypes.c_uint64),
        ("prefetched", ctypes.c_uint32),
        ("last_sector", ctypes.c_uint32),
        ("base", ctypes.c_uint32),
        ("length", ctypes.c_uint32),
        ("miss", ctypes.c_uint32),
        ("pace", ctypes.c_uint32),
        ("fetch_shift", ctypes.c_uint32),
        ("prefetch", ctypes.c_uint32),
        ("unified", ctypes.c_uint32),
        ("penalty", ctypes.c_uint32 * 2),
        ("epsr", ctypes.c_uint32),
        ("write_register", ctypes.c_void_p),
    )


class FlashModel:
    """One run of a program on a chip, caches empty at first.

    pace: cycles of an executed halfword without stalls, the mean of the program; only prefetching depends on it.
    span: (address, bytes) of the flash in the program's image, wherever that was linked. layer_address: where the
    current layer's number is kept, as BlockCounter does; by default there is only one layer. rules: of the core's
    table, for what unaligned loads cost.
    """

    def __init__(
        self,
        flash: Flash,
        pace: float,
        *,
        layers: int = 1,
        span: tuple[int, int] | None = None,
        layer_address: int | None = None,
        thumb: bool = True,
        rules: Mapping[str, float] | None = None,
    ) -> None:
        self._counts = np.zeros((2, layers, 3), np.uint64)  # stalls, misses; layers; fetches, reads, unaligned loads
        penalty = [round(UNITS * (rules or {}).get(f"unaligned_{parts}", 0.0)) for parts in ("two", "three")]
        self._layer = ctypes.c_uint32(0)
        self._arrays: list[npt.NDArray[np.uint32]] = []
        base, length = span or (flash.base, 1 << 27)
        self.state = _State(
            icache=self._cache(flash.icache, flash.read_bytes),
            dcache=self._cache(flash.dcache, flash.read_bytes),
            layer=layer_address or ctypes.addressof(self._layer),
            stalls=self._counts[0].ctypes.data,
            misses=self._counts[1].ctypes.data,
            base=base,
            length=length,
            miss=UNITS * flash.miss_cycles,
            pace=round(UNITS * pace),
            fetch_shift=flash.read_bytes.bit_length() - 1,
            prefetch=flash.prefetch,
            unified=flash.unified,
            penalty=(ctypes.c_uint32 * 2)(*penalty),
            epsr=UC_ARM_REG_EPSR if thumb else 0,
            write_register=ctypes.cast(uclib.uc_reg_write, ctypes.c_void_p).value,
        )

    def _cache(self, cache: Cache | None, sector_bytes: int) -> _Cache:
        if cache is None:
            return _Cache(ways=0)
        lines = cache.bytes // cache.line_bytes
        tags, used, valid = [np.zeros(lines, np.uint32) for _ in range(3)]
        self._arrays += [tags, used, valid]
        return _Cache(
            line_shift=cache.line_bytes.bit_length() - 1,
            sector_shift=min(sector_bytes, cache.line_bytes).bit_length() - 1,
            sets=lines // cache.ways,
            ways=cache.ways,
            tags=tags.ctypes.data,
            used=used.ctypes.data,
            valid=valid.ctypes.data,
        )

    def trace(self, addresses: Sequence[int], sizes: Sequence[int]) -> None:
        """Feed accesses: sizes[i] > 0 executes a block of that many bytes at addresses[i], 0 reads a word there."""
        a, s = np.array(addresses, np.uint32), np.array(sizes, np.uint32)
        library("flash.c").mce_flash_trace(ctypes.byref(self.state), ctypes.c_void_p(a.ctypes.data),
                                   ctypes.c_void_p(s.ctypes.data), len(a))  # fmt: skip

    def stalls(self) -> tuple[Stalls, ...]:
        """Of each layer."""
        cycles, misses = self._counts[0] / UNITS, self._counts[1]
        return tuple(
            Stalls(
                float(c[FETCHES]),
                float(c[READS]),
                int(m[FETCHES]),
                int(m[READS]),
                float(c[UNALIGNED]),
                int(m[UNALIGNED]),
            )
            for c, m in zip(cycles, misses, strict=True)
        )

    @staticmethod
    def callbacks() -> tuple[ctypes.c_void_p, ctypes.c_void_p]:
        """Unicorn's callbacks for blocks and for reads of memory; their user data is the address of `state`."""
        functions = library("flash.c")
        return (
            ctypes.cast(functions.mce_flash_block, ctypes.c_void_p),
            ctypes.cast(functions.mce_flash_read, ctypes.c_void_p),
        )
