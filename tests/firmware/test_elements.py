import ctypes
import itertools

import pytest

from firmware import judge, structs
from firmware.structs import TYPES, Memory

INT32 = range(-(2**31), 2**31)
NEAR_POWERS = {sign * (2**n + d) for n in range(32) for d in (-1, 0, 1) for sign in (1, -1)}
EDGES = sorted(v for v in NEAR_POWERS if v in INT32)


def test_the_structs_have_the_sizes_that_c_gives_them(kernels):
    sizes = [kernels.test_sizeof(i) for i in range(len(structs.STRUCTS))]
    assert sizes == [ctypes.sizeof(s) for s in structs.STRUCTS]


def test_q32_equals_its_formula_at_every_edge(kernels):
    multipliers = [0, 1, 2, 3, 2**16, 2**30 - 1, 2**30, 2**30 + 1, 0x55555555, 2**31 - 2, 2**31 - 1]
    for s, m, acc in itertools.product(range(31), multipliers, EDGES):
        if acc << s in INT32:
            assert kernels.test_q32(acc, m, s) == judge.q32(acc, m, s), (acc, m, s)


def test_round_shift_equals_its_formula_at_every_edge(kernels):
    for s, v in itertools.product(range(1, 31), EDGES):
        if v + 2 ** (s - 1) < 2**31:
            assert kernels.test_round_shift(v & 0xFFFFFFFF, s) == (v + 2 ** (s - 1)) >> s, (v, s)


@pytest.mark.parametrize("type_", TYPES)
def test_every_byte_loads_as_the_elements_packed_in_it(kernels, type_):
    lo, hi = judge.RANGE[type_]
    t = TYPES.index(type_)
    if type_ in ("u8", "s8"):
        x = Memory(ctypes.c_uint8, judge.pack(range(lo, hi + 1), type_))
        assert [kernels.test_load(t, x.pointer, i) for i in range(256)] == list(range(lo, hi + 1))
        assert [kernels.test_load_even(t, x.pointer, k) for k in range(128)] == list(range(lo, hi + 1, 2))
        assert [kernels.test_load_odd(t, x.pointer, k) for k in range(128)] == list(range(lo + 1, hi + 1, 2))
        return
    for even, odd in itertools.product(range(lo, hi + 1), repeat=2):
        x = Memory(ctypes.c_uint8, judge.pack([even, odd], type_))
        assert [kernels.test_load(t, x.pointer, i) for i in (0, 1)] == [even, odd]
        assert (kernels.test_load_even(t, x.pointer, 0), kernels.test_load_odd(t, x.pointer, 0)) == (even, odd)


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 8, 9])
def test_every_store_fills_garbage_with_the_packed_bytes(kernels, type_, n):
    lo, hi = judge.RANGE[type_]
    t = TYPES.index(type_)
    for start in range(lo, hi + 1):
        values = [lo + (start - lo + 5 * i) % (hi - lo + 1) for i in range(n)]
        expected = judge.pack(values, type_)
        y = [structs.garbage(len(expected)) for _ in range(3)]
        for i in range(n):
            kernels.test_store_next(t, y[0].pointer, i, values[i])
        for i in range(0, n, 2):
            kernels.test_store_pair(t, y[1].pointer, i, n, values[i], values[i + 1] if i + 1 < n else 0)
        for i in (*range(1, n, 2), *range(0, n, 2)):
            kernels.test_store_any(t, y[2].pointer, i, n, values[i])
        assert [m.bytes() for m in y] == [expected] * 3


@pytest.mark.parametrize("type_", TYPES)
def test_unpack_equals_load_from_any_start(kernels, type_):
    lo, hi = judge.RANGE[type_]
    values = [lo + 7 * i % (hi - lo + 1) for i in range(12)]
    x = Memory(ctypes.c_uint8, judge.pack(values, type_))
    for start, n in ((a, b) for a in range(12) for b in range(1, 13 - a)):
        to = Memory(ctypes.c_int16, [0x5A5A] * n)
        kernels.test_unpack(TYPES.index(type_), x.pointer, start, n, to.pointer)
        assert list(to.array) == values[start : start + n]
