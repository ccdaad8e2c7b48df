"""Counts against programs counted by hand: a person is the judge."""

import pytest

from mixcomp_sim import Emulator

FUNCTION = ".text\n.global {0}\n.type {0},%function\n{0}:\n"


def program(name, body):
    return FUNCTION.format(name) + body + f"\n.size {name},.-{name}\n"


LOOP = program("f", "movs r1,#0\n1: adds r1,r1,r0\n subs r0,#1\n bne 1b\n mov r0,r1\n bx lr")


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_a_loop_of_three_instructions_runs_n_times(toolchain, core, n):
    result = Emulator(toolchain.build(core, LOOP), core).call("f", n, count=True)
    assert result.value == n * (n + 1) // 2
    assert result.counts.total == 1 + 3 * n + 2
    assert result.counts.layers == (3 * n + 3,)
    assert list(result.counts.by_address[0].values()) == [1, n, n, n, 1, 1]


def test_addresses_are_those_of_the_instructions(toolchain, core):
    emulator = Emulator(toolchain.build(core, LOOP), core)
    start = emulator.symbol("f").address
    counts = emulator.call("f", 5, count=True).counts
    assert counts.by_address == ({start: 1, start + 2: 5, start + 4: 5, start + 6: 5, start + 8: 1, start + 10: 1},)
    assert counts.mnemonics() == {"add": 5, "sub": 5, "b": 5, "mov": 2, "bx": 1}


def test_calls_and_their_32_bit_bl_count_once(toolchain, core):
    text = program("leaf", "adds r0,#1\n bx lr") + program(
        "f", "push {r4,lr}\n bl leaf\n bl leaf\n bl leaf\n pop {r4,pc}"
    )
    result = Emulator(toolchain.build(core, text), core).call("f", 10, count=True)
    assert (result.value, result.counts.total, result.stack_bytes) == (13, 2 + 3 + 3 * 2, 8)


def test_instructions_skipped_by_it_count(toolchain, mainline):
    text = program("f", "cmp r0,#0\n itte eq\n moveq r0,#7\n addeq r0,r0,#1\n movne r0,#9\n bx lr")
    emulator = Emulator(toolchain.build(mainline, text), mainline)
    for argument, value in [(0, 8), (1, 9)]:
        result = emulator.call("f", argument, count=True)
        assert (result.value, result.counts.total) == (value, 6)


def test_a_branch_inside_an_it_block_ends_the_block(toolchain, mainline):
    text = program("f", "cmp r0,#0\n itt eq\n moveq r0,#7\n bxeq lr\n adds r0,#1\n bx lr")
    emulator = Emulator(toolchain.build(mainline, text), mainline)
    assert [(r.value, r.counts.total) for r in (emulator.call("f", a, count=True) for a in (0, 1))] == [(7, 4), (2, 6)]


def test_32_bit_instructions_count_once(toolchain, mainline):
    text = program("f", "movw r1,#4660\n movt r1,#1\n add.w r0,r0,r1\n nop.w\n mul r0,r0,r1\n bx lr")
    result = Emulator(toolchain.build(mainline, text), mainline).call("f", 1, count=True)
    assert result.counts.total == 6
    start = min(result.counts.by_address[0])
    assert sorted(result.counts.by_address[0]) == [start + d for d in (0, 4, 8, 12, 16, 20)]


@pytest.mark.parametrize("n", [255, 256, 511, 512, 2000, 9000])
def test_straight_code_longer_than_any_translation_block(gcc, core, n):
    emulator = Emulator(gcc.build(core, program("f", f".rept {n}\n adds r0,#1\n .endr\n bx lr")), core)
    for _ in range(2):
        result = emulator.call("f", 0, count=True)
        assert (result.value, result.counts.total) == (n, n + 1)


def test_code_copied_to_ram_counts(gcc, core):
    text = program("f", "ldr r1,=g+1\n bx r1\n .ltorg") + (
        '.section .ramcode,"awx"\n.global g\n.type g,%function\ng: adds r0,#1\n adds r0,#1\n bx lr\n'
    )
    result = Emulator(gcc.build(core, text), core).call("f", 1, count=True)
    assert (result.value, result.counts.total) == (3, 5)


def test_counted_and_uncounted_calls_alternate(gcc, core):
    emulator = Emulator(gcc.build(core, LOOP), core)
    for n in (3, 50, 7):
        assert emulator.call("f", n).counts is None
        assert emulator.call("f", n, count=True).counts.total == 3 * n + 3
        assert emulator.call("f", n, count=True).counts.total == 3 * n + 3


C_PROGRAM = """
#include <stdint.h>
int32_t dot(const int8_t *x, const int8_t *w, int32_t n)
{ int32_t a = 0; for (int32_t i = 0; i < n; i++) { a += x[i] * w[i]; } return a; }
uint32_t divide(uint32_t a, uint32_t b) { return a / b; }
int32_t modulo(int32_t a, int32_t b) { return a % b; }
int32_t high(int32_t a, int32_t b) { return (int32_t)(((int64_t)a * b + 0x80000000LL) >> 32); }
uint32_t wide(uint32_t a, uint32_t b) { return (uint32_t)(((uint64_t)a << 20) / b); }
struct block { uint8_t v[200]; } source = {{1, 2, 3}}, target;
void copy(void) { target = source; }
int8_t x[64], w[64];
"""


def test_c_programs_compute_what_python_computes(toolchain, core):
    emulator = Emulator(toolchain.build(core, C_PROGRAM, ".c"), core)
    x, w = [(7 * i) % 256 - 128 for i in range(64)], [(5 * i + 3) % 256 - 128 for i in range(64)]
    at = [emulator.symbol(name).address for name in "xw"]
    for address, values in zip(at, (x, w), strict=True):
        emulator.write(address, bytes(v & 255 for v in values))
    assert emulator.call("dot", *at, 64).value == sum(a * b for a, b in zip(x, w, strict=True))
    assert emulator.call("divide", 4_000_000_000, 7).value == 4_000_000_000 // 7
    assert emulator.call("modulo", -17, 5).value == -2
    assert emulator.call("high", -123456789, 987654321).value == (-123456789 * 987654321 + 2**31) >> 32
    assert emulator.call("wide", 3_000_000, 12345).value == (3_000_000 << 20) // 12345
    emulator.call("copy", count=True)
    assert emulator.read(emulator.symbol("target").address, 4) == bytes([1, 2, 3, 0])
