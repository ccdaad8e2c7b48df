"""Cycles against programs timed by hand from the manuals' tables."""

import pytest

from host_sim.random_programs import random_program
from mixcomp_sim import Emulator, QemuBoard, image_memory
from mixcomp_sim.pipeline import core_cycles, core_timing

CORES = ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"]
TEXT = ".text\n.global f\n.type f,%function\nf:\n{}\n bx lr\n.size f,.-f\n"
BX = {"cortex-m0plus": 2, "cortex-m3": 3, "cortex-m4": 3}  # with the refill: 1 + 1, 1 + P


def cycles(gcc, core, body, *args):
    """Nominal cycles of a function's body; the call's `bx lr` is taken off."""
    counts = Emulator(gcc.build(core, TEXT.format(body)), core).call("f", *args, count=True).counts
    [result] = core_cycles(counts, core)
    assert result.low <= result.nominal <= result.high
    return result.nominal - BX[core]


LOOP = " movs r1,#0\n1: adds r1,r1,r0\n subs r0,#1\n bne 1b"


@pytest.mark.parametrize(("core", "refill"), [("cortex-m0plus", 1), ("cortex-m3", 2), ("cortex-m4", 2)])
def test_a_taken_branch_costs_the_refill_and_the_last_one_does_not(gcc, core, refill):
    assert cycles(gcc, core, LOOP, 10) == 1 + 10 * 3 + 9 * refill


BODIES = [  # instructions, cycles on M0+ (None: not in its ISA), on M3, on M4
    ("adds r0,r1\n adds r2,r3", 2, 2, 2),
    ("muls r0,r1,r0", 1, 1, 1),
    ("mla r0,r1,r2,r3", None, 2, 1),
    ("smull r2,r3,r0,r1", None, 4, 1),
    ("ldr r1,[sp]", 2, 2, 2),
    ("ldr r1,[sp]\n ldr r2,[sp,#4]\n ldr r3,[sp,#8]", 6, 4, 4),  # 1 + N: pipelined
    ("ldr r1,[sp]\n adds r0,#1\n ldr r2,[sp,#4]", 5, 5, 5),
    ("mov r0,sp\n ldr r1,[r0]", 3, 4, 4),  # address of the operation right before
    ("mov r0,sp\n nop\n ldr r1,[r0]", 4, 4, 4),
    ("str r1,[sp]", 2, 1, 1),
    ("push {r4-r6}\n pop {r4-r6}", 8, 8, 8),  # 1 + N each
    ("ldrd r2,r3,[sp]", None, 3, 3),
    ("dmb", 3, 2, 2),
]


@pytest.mark.parametrize(("core", "column"), [("cortex-m0plus", 0), ("cortex-m3", 1), ("cortex-m4", 2)])
@pytest.mark.parametrize("row", BODIES, ids=[row[0].replace("\n", ";") for row in BODIES])
def test_a_body_takes_what_the_manual_says(gcc, core, column, row):
    body, expected = row[0], row[1 + column]
    if expected is not None:
        assert cycles(gcc, core, " sub sp,#16\n " + body + "\n add sp,#16") == expected + 2


def difference(gcc, core, body, times=2):
    """Cycles that `body` adds, each time that it is written down once more."""

    def total(n):
        text = TEXT.format("\n".join([" sub sp,#16", *[body] * n, " add sp,#16"]))
        counts = Emulator(gcc.build(core, text), core).call("f", count=True).counts
        return core_cycles(counts, core)[0].nominal

    return (total(2 + times) - total(2)) / times


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (" adds r0,r0,#1\n adds r1,r1,#1", 1),  # together
        (" adds r0,r0,#1\n adds r0,r0,#1", 2),  # one waits for the other
        (" ldr r0,[sp]\n ldr r1,[sp]", 2),  # one load/store unit
        (" ldr r0,[sp]\n adds r1,r1,#1", 1),
        (" mul r0,r1,r1\n mul r2,r1,r1", 2),  # one multiplier
    ],
)
def test_cortex_m7_issues_two_at_a_time_where_it_can(gcc, body, expected):
    assert difference(gcc, "cortex-m7", body) == expected


@pytest.mark.parametrize(
    ("body", "expected"), [(" ldr r0,[sp]\n adds r0,r0,#1", 3), (" ldr r0,[sp]\n adds r1,r1,#1", 2)]
)
def test_cortex_m33_waits_for_a_loaded_value(gcc, body, expected):
    assert difference(gcc, "cortex-m33", body) == expected


VECTORS = """.text
.global f
.type f,%function
f: ldr r0,=table
 mov r1,r0
{}
 bx lr
.ltorg
.size f,.-f
.bss
.balign 16
table: .space 64
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (" vldrw.u32 q0,[r0]\n vadd.i32 q1,q1,q2", 2),  # different units overlap
        (" vadd.i32 q0,q0,q2\n vadd.i32 q1,q1,q2", 4),
    ],
)
def test_vector_instructions_of_different_units_overlap(gcc, needs_qemu, body, expected):
    def total(n):
        text = VECTORS.format("\n".join([body] * n))
        board = QemuBoard(gcc.build("cortex-m55", text, ".s", image_memory("cortex-m55")), "cortex-m55")
        try:
            return core_cycles(board.call("f", count=True).counts, "cortex-m55")[0].nominal
        finally:
            board.close()

    assert total(5) - total(4) == expected


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("core", CORES)
def test_bounds_hold_and_layers_add_up_on_random_programs(gcc, core, seed):
    counts = Emulator(gcc.build(core, random_program(core, seed)), core).call("run", count=True).counts
    layers = core_cycles(counts, core)
    assert len(layers) == len(counts.layers) == 4
    for cycles, instructions in zip(layers, counts.layers, strict=True):
        assert 0.5 * instructions <= cycles.low <= cycles.nominal <= cycles.high < 4 * instructions + 20


def test_every_table_names_its_source():
    for core in [*CORES, "cortex-m55"]:
        assert core_timing(core).source.startswith("Arm ")
    with pytest.raises(ValueError, match=r"no cycle model for 'cortex-m9'. There are models for cortex-m0plus, "):
        core_timing("cortex-m9")
