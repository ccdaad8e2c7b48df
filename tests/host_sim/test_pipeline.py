"""Cycles against programs timed by hand from the manuals' tables."""

import pytest

from host_sim.random_programs import random_program
from mixcomp_sim import Emulator, QemuBoard, image_memory
from mixcomp_sim.pipeline import core_cycles, core_timing, unlisted

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
    ("smull r2,r3,r0,r1", None, 5, 1),  # M3: 3 to 5, of full size 5
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
        text = ".fpu fpv5-d16\n" + TEXT.format("\n".join([" sub sp,#16", *[body] * n, " add sp,#16"]))
        counts = Emulator(gcc.build(core, text), core).call("f", count=True).counts
        return core_cycles(counts, core)[0].nominal

    return (total(2 + times) - total(2)) / times


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (" adds r0,r0,#1\n adds r1,r1,#1", 1),  # together
        (" adds r0,r0,#1\n adds r0,r0,#1", 2),  # one waits for the other
        (" ldr r0,[sp]\n ldr r1,[sp,#4]", 1),  # two load pipes
        (" str r0,[sp]\n str r1,[sp,#4]", 2),  # one for stores
        (" ldr r0,[sp]\n str r1,[sp,#4]", 1),
        (" ldr r0,[sp]\n adds r1,r1,#1", 1),
        (" ldr r0,[sp]\n adds r0,r0,#1", 2),  # a word is there for the next cycle's sum
        (" ldrb r0,[sp]\n adds r0,r0,#1", 3),  # a byte a cycle later
        (" ldr r0,[sp]\n add r0,r1,r0,lsl #2", 3),  # the shifter reads a stage earlier
        (" adds r0,r0,#4\n str r0,[sp]", 1),  # a store's value may come late
        (" add r0,r0,r1,lsl #2\n add r2,r2,r3,lsl #2", 2),  # one early shifter
        (" uxtb r0,r1\n uxtb r2,r3", 2),  # one SIMD pipe, first slot
        (" mla r0,r1,r1,r0", 1),  # an accumulator is forwarded
        (" vadd.f32 s0,s1,s2\n vadd.f32 s3,s4,s5", 2),
        (" vadd.f32 s0,s0,s1", 3),
        (" vfma.f32 s0,s1,s2", 3),  # a chain of sums
        (" vldr s0,[sp]\n vadd.f32 s1,s2,s3", 1),
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


FLOATS = [  # Arm 100166, table 7-1 and 7.2.3
    (" vadd.f32 s0,s1,s2", 1),
    (" vadd.f32 s0,s0,s1", 2),  # a result is there one cycle later
    (" vmul.f32 s0,s1,s2", 1),
    (" vmla.f32 s0,s1,s2", 3),
    (" vmul.f32 s0,s1,s2\n vfma.f32 s0,s3,s4", 4),  # an addend may come late
    (" vdiv.f32 s0,s1,s2", 14),
    (" vsqrt.f32 s0,s1", 14),
    (" vmov r0,s1", 2),
    (" vmov r0,r1,s2,s3", 2),
    (" vldr s0,[sp]", 2),
    (" vldr d0,[sp]", 3),
    (" vstr s0,[sp]", 2),
    (" vpush {s16-s19}\n vpop {s16-s19}", 10),  # 1 + N each
    (" vcvt.f32.s32 s0,s1", 1),
]


@pytest.mark.parametrize(("body", "expected"), FLOATS)
def test_the_fpu_of_cortex_m4_takes_what_the_manual_says(gcc, body, expected):
    assert difference(gcc, "cortex-m4", body, times=100) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (" ldr r2,[r0],#0\n ldr r3,[r0]", 5),  # 2, and 2 + 1 for the address that is not there yet
        (" ldr r2,[r0],#0\n nop\n ldr r3,[r0]", 5),
        (" ldr r2,[r0],#0\n ldr r3,[r1]", 3),  # another base waits for nothing, and follows at once
        (" str r2,[r0],#0\n str r3,[r0]", 3),
        (" ldmia r0!,{r2,r3}\n ldr r3,[r0]", 6),
    ],
)
def test_a_base_that_is_written_back_holds_up_the_next_address(gcc, core, body, expected):
    assert difference(gcc, core, f" mov r0,sp\n mov r1,sp\n nop\n{body}\n nop") == expected + 4


@pytest.mark.parametrize(("body", "low", "nominal", "high"), [
    (" umlal r2,r3,r0,r1", 4, 6.6, 7),
    (" smull r2,r3,r0,r1", 3, 5, 5),
])  # fmt: skip
def test_cortex_m3_multiplies_by_the_size_of_its_operands(gcc, body, low, nominal, high):
    counts = [
        Emulator(gcc.build("cortex-m3", TEXT.format("\n".join([body] * n))), "cortex-m3").call("f", count=True).counts
        for n in (1, 101)
    ]
    one, many = (core_cycles(count, "cortex-m3")[0] for count in counts)
    ranges = [(b - a) / 100 for a, b in ((one.low, many.low), (one.nominal, many.nominal), (one.high, many.high))]
    assert ranges == pytest.approx([low, nominal, high])


def test_an_instruction_without_a_number_is_named_and_widens_the_bounds(gcc):
    text = ".fpu fpv5-d16\n" + TEXT.format(" vadd.f64 d0,d1,d2\n vadd.f64 d0,d1,d2")
    counts = Emulator(gcc.build("cortex-m7", text), "cortex-m7").call("f", count=True).counts
    assert unlisted(counts, "cortex-m7") == {}
    assert unlisted(counts, "cortex-m4") == {"vadd": 2}  # whose FPU has single precision only
    [cycles] = core_cycles(counts, "cortex-m4")
    assert cycles.high - cycles.nominal >= 2 * 19


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
