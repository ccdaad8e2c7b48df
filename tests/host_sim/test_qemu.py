"""QEMU runs the same images as Unicorn and counts every instruction as Unicorn does; Cortex-M55 with MVE runs there."""

import time

import pytest

from host_sim.random_programs import random_program
from mixcomp_sim import Emulator, EmulatorError, QemuBoard, image_memory, open_machine

CORES = ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"]
PROGRAM = r"""
#include <stdint.h>
static int8_t x[96];
static uint32_t state;
static int32_t history[32];
__attribute__((noinline)) static int32_t dot(const int8_t *a, const int8_t *b, int n)
{ int32_t s = 0; for (int i = 0; i < n; i++) { s += a[i] * b[i]; } return s; }
__attribute__((noinline)) static int32_t clamp(int32_t v) { return v < -128 ? -128 : v > 127 ? 127 : v; }
__attribute__((noinline)) static uint64_t mix(uint64_t v, uint32_t d) { return v / d + (v << (d & 31)); }
static int depth(int n) { return n <= 1 ? n : depth(n - 1) + depth(n - 2); }
int run(void)
{
    uint64_t sum = 0;
    state = 1;
    for (int k = 0; k < 40; k++) {
        for (int i = 0; i < 96; i++) { state = state * 1664525u + 1013904223u; x[i] = (int8_t)(state >> 24); }
        int32_t v = clamp(dot(x, x + 32, 64) >> 6);
        switch (v & 7) { case 0: sum += 3; break; case 1: sum ^= 5; break; case 2: sum *= 7; break;
                         case 3: sum -= 9; break; case 5: sum += depth(9); break; default: sum++; }
        history[k & 31] = v;
        sum = mix(sum + (uint32_t)v, (state >> 20) | 1);
    }
    return (int)(sum ^ (uint32_t)history[3]);
}
"""
CALLS = """.text
.global sum
.type sum,%function
sum: adds r0,r1
 adds r0,r2
 adds r0,r3
 bx lr
.global deep
.type deep,%function
deep: sub sp,#128
 str r0,[sp]
mce_layer_0_end:
mce_layer_1_end:
 add sp,#128
 ldr r1,=cell
 str r0,[r1]
mce_layer_2_end:
 bx lr
.ltorg
.global forever
.type forever,%function
forever: b forever
.global undefined
.type undefined,%function
undefined: nop
 udf #0
.global store
.type store,%function
store: str r1,[r0]
 bx lr
.global recurse
.type recurse,%function
recurse: push {r4,lr}
 sub sp,#32
 subs r0,#1
 beq recursed
 bl recurse
recursed: add sp,#32
 pop {r4,pc}
.data
.global cell
cell: .word 42
"""


@pytest.fixture
def board(needs_qemu, gcc):
    """core, source -> a board that runs it, closed at the end of the test."""
    opened = []

    def start(core, text, suffix=".s", **options):
        elf = gcc.build(core, text, suffix, image_memory(core, "qemu"))
        opened.append(QemuBoard(elf, core, **options))
        return opened[-1], elf

    yield start
    for each in opened:
        each.close()


@pytest.mark.parametrize("core", CORES)
def test_qemu_counts_every_instruction_of_a_c_program_as_unicorn_does(board, core):
    qemu_board, elf = board(core, PROGRAM, ".c")
    theirs = qemu_board.call("run", count=True)
    ours = Emulator(elf, core).call("run", count=True)
    assert theirs == ours
    assert ours.counts.total > 20_000


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("core", CORES)
def test_qemu_and_unicorn_agree_on_random_programs_instruction_by_instruction(board, core, seed):
    qemu_board, elf = board(core, random_program(core, seed))
    theirs = qemu_board.call("run", count=True)
    emulator = Emulator(elf, core)
    assert theirs == emulator.call("run", count=True)
    buffer = emulator.symbol("buffer")
    assert qemu_board.read(buffer.address, 256) == emulator.read(buffer.address, 256)
    assert theirs.counts.total > 100


@pytest.mark.parametrize("core", [*CORES, "cortex-m55"])
def test_calls_take_arguments_and_memory_lives_on(board, core):
    machine, _ = board(core, CALLS)
    cell = machine.symbol("cell").address
    assert machine.layers == 3
    assert machine.read(cell, 4) == (42).to_bytes(4, "little")
    assert machine.call("sum", 1, 2, 3, 0xFFFFFFFF).value == 5
    seen = []
    result = machine.call("deep", 7, on_layer=lambda i: seen.append((i, machine.read(cell, 1)[0])))
    assert (seen, result.value, result.stack_bytes) == ([(0, 42), (1, 42), (2, 7)], 7, 128)
    counted = machine.call("deep", 9, count=True)  # counting starts another QEMU: memory comes along
    assert (counted.counts.layers, counted.counts.total, machine.read(cell, 1)[0]) == ((2, 0, 3, 1), 6, 9)
    assert machine.call("sum", 1, 2, 3, 4, count=True).counts.layers == (4, 0, 0, 0)


@pytest.mark.parametrize("core", [*CORES, "cortex-m55"])
def test_faults_are_named_and_the_board_stays_usable(board, core):
    machine, _ = board(core, CALLS, stack_bytes=2048)
    kinds = {"undefined": "illegal instruction", "store": "access"}
    if core == "cortex-m0plus":  # ARMv6-M has no fault status, and QEMU's micro:bit lets any write pass
        kinds = {"undefined": "hard fault"}
    for name, kind in kinds.items():
        with pytest.raises(EmulatorError, match=name) as caught:
            machine.call(name, 0xF0000000, 1)
        assert caught.value.kind == kind
        assert machine.call("sum", 1, 1, 1, 1).value == 4
    with pytest.raises(EmulatorError, match="recurse: stack overflow: 2368 bytes or more"):
        machine.call("recurse", 60)
    start = time.monotonic()
    with pytest.raises(EmulatorError, match=r"timeout: ran longer than 0\.1 s, stopped in forever\+0x0"):
        machine.call("forever", timeout_s=0.1)
    assert time.monotonic() - start < 10
    assert machine.call("sum", 1, 1, 1, 1).value == 4


def test_a_write_behind_the_programs_data_is_noticed(board):
    machine, _ = board("cortex-m55", CALLS)
    cell = machine.symbol("cell").address
    machine.call("store", cell, 7)
    with pytest.raises(EmulatorError, match=f"write at address 0x{cell + 8:08x}, behind"):
        machine.call("store", cell + 8, 1)
    assert machine.call("sum", 1, 1, 1, 1).value == 4


def test_an_exception_in_on_layer_reaches_the_caller_and_the_board_stays_usable(board):
    machine, _ = board("cortex-m4", CALLS)
    with pytest.raises(ZeroDivisionError):
        machine.call("deep", 1, on_layer=lambda i: 1 // 0)
    assert machine.call("sum", 1, 1, 1, 1).value == 4


MVE = r"""
#include <arm_mve.h>
int8_t x[40], w[40];
int32_t dot(int32_t n)                            /* any n: the tail is predicated */
{
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i += 16) {
        const mve_pred16_t p = vctp8q((uint32_t)(n - i));
        sum = vmladavaq_p_s8(sum, vldrbq_z_s8(x + i, p), vldrbq_z_s8(w + i, p), p);
    }
    return sum;
}
"""
MVE_LOOP = """.text
.global dot
.type dot,%function
dot: movs r2,#0
 ldr r1,=x
 dlstp.8 lr,r0
1: vldrb.u8 q0,[r1],#16
 vaddva.u8 r2,q0
 letp lr,1b
 mov r0,r2
 bx r12
.ltorg
.global main
.type main,%function
main: mov r12,lr
 b dot
.bss
.global x
x: .space 40
"""


def test_mve_intrinsics_compute_and_count_on_cortex_m55(board):
    machine, _ = board("cortex-m55", MVE, ".c")
    x, w = [3 * i - 60 for i in range(40)], [5 * i % 17 - 8 for i in range(40)]
    for name, values in (("x", x), ("w", w)):
        machine.write(machine.symbol(name).address, bytes(v & 255 for v in values))
    for n in (1, 16, 17, 40):
        assert machine.call("dot", n).value == sum(a * b for a, b in zip(x[:n], w[:n], strict=True))
    totals = [machine.call("dot", n, count=True).counts.total for n in (16, 32, 33)]
    assert totals[2] - totals[1] == totals[1] - totals[0] > 3  # one more round each


@pytest.mark.parametrize(("n", "rounds"), [(1, 1), (16, 1), (17, 2), (40, 3)])
def test_a_tail_predicated_loop_is_counted_as_a_person_counts_it(board, n, rounds):
    machine, _ = board("cortex-m55", MVE_LOOP)
    machine.write(machine.symbol("x").address, bytes(range(40)))
    result = machine.call("main", n, count=True)
    assert result.value == sum(range(n))
    assert result.counts.total == 2 + 3 + 3 * rounds + 2


def test_without_qemu_the_error_says_what_to_install(gcc, monkeypatch):
    elf = gcc.build("cortex-m55", CALLS, ".s", image_memory("cortex-m55"))
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(EmulatorError, match=r"mps3-an547 is needed.*Install qemu-system-arm"):
        open_machine(elf, "cortex-m55")


def test_an_image_for_other_memory_is_refused_with_the_memory_there_is(gcc):
    elf = gcc.build("cortex-m4", CALLS)
    with pytest.raises(EmulatorError, match=r"has \d+ bytes at 0x08000000.*takes flash at 0x00001000"):
        open_machine(elf, "cortex-m4", "qemu")
