"""Micro-programs: a few instructions each, and the cycles that they take by a document, not by the model. Every number
here was read in the document that is named beside it; where that gives a range, low and high are its ends and the one
in the middle is what the model takes on purpose.

r6 points to a table whose first word is its own address, r7 to 64 bytes behind it; r3 and the FPU's registers are 0."""

from __future__ import annotations

from dataclasses import dataclass, replace

REPEATED, FEWER = 100, 2
M0PLUS = "Arm DDI 0484C, table 3-1"
M3 = "Arm DDI 0337I, table 3-1"
M4 = "Arm 100166, table 3-1"
M4_DSP = "Arm 100166, table 3-2"
M4_FPU = "Arm 100166, table 7-1"
LOADS = "Arm DDI 0337I and 100166, 3.3.3, load/store timings"
BOARDS = "published cycles of programs, tests/host_sim/judged.toml: no manual says it"
GCC = "gcc, config/arm/cortex-m4-fpu.md"
M4_MEASURED = "github.com/jnk0le/random, pipeline cycle test, cortex_m3m4.md"
M33_MEASURED = "github.com/jnk0le/random, pipeline cycle test, cortex_m33.md"
M7_MEASURED = "github.com/jnk0le/random, pipeline cycle test, cortex_m7.md"
CROSSING = "eprint.iacr.org/2025/523, as cited in cortex_m3m4.md"
LLVM_M7 = "LLVM, ARMScheduleM7.td"
LLVM_M55 = "LLVM, ARMScheduleM55.td"
STATED = "stated approximation: no document has a number"
Number = float | tuple[float, float, float]  # or low, taken, high


@dataclass(frozen=True)
class Micro:
    """body: repeated as it stands. cycles: of one repetition. judges: entries of the core's table that it would show to
    be wrong."""

    core: str
    body: str
    cycles: Number
    judges: tuple[str, ...]
    source: str

    @property
    def runs(self) -> bool:
        """Unicorn has no WFE: such a program is only looked at."""
        return "wfe" not in self.body

    @property
    def bounds(self) -> tuple[float, float, float]:
        return self.cycles if isinstance(self.cycles, tuple) else (self.cycles,) * 3


def _of(core: str, source: str, *rows: tuple[str, Number, str] | tuple[str, Number, str, str]) -> list[Micro]:
    return [
        Micro(f"cortex-{core}", body.replace(";", "\n"), cycles, tuple(judges.split()), *(other or (source,)))
        for body, cycles, judges, *other in rows
    ]


def _also(core: str, micros: list[Micro], source: str) -> list[Micro]:
    return [replace(micro, core=f"cortex-{core}", source=source) for micro in micros]


_TO_REGISTER = "mov r0,pc; adds r0,#5; {}; nop; "  # jumps over the nop
_POP = "mov r0,pc; adds r0,#7; push {r0}; pop {pc}; nop"
_LOAD_PC = "mov r0,pc; adds r0,#9; str r0,[r7]; ldr.w pc,[r7]; nop"

_M0PLUS = _of(
    "m0plus", M0PLUS,
    ("adds r0,r1; adds r2,r0; movs r1,#3", 3, "cycles.alu"),
    ("uxtb r0,r1; rev r2,r0", 2, "cycles.simd"),
    ("muls r0,r1,r0", 1, "cycles.mul"),
    ("ldr r0,[r6]", 2, "cycles.load"),
    ("ldrb r0,[r6]; ldrh r1,[r6]", 4, "cycles.load"),
    ("str r0,[r7]; strb r1,[r7]", 4, "cycles.store"),
    ("mov r0,r6; ldm r0!,{r1,r2,r4}", 1 + 4, "cycles.load_multiple per_register.load_multiple"),
    ("mov r0,r7; stm r0!,{r1,r2,r4}", 1 + 4, "cycles.store_multiple per_register.store_multiple"),
    ("push {r0-r2}; pop {r0-r2}", 4 + 4, "cycles.store_multiple cycles.load_multiple"),
    (_POP, 2 + 2 + 4, "taken.load_multiple"),
    ("b 1f; nop; 1:", 2, "cycles.branch taken.branch"),
    ("cmp r3,#0; bne 1f; 1:", 2, "cycles.branch"),
    ("bl 1f; nop; 1:", 3, "cycles.call taken.call"),
    (_TO_REGISTER.format("blx r0"), 2 + 2, "taken.call_register"),
    (_TO_REGISTER.format("bx r0"), 2 + 2, "cycles.return taken.return"),
    (_TO_REGISTER.format("mov pc,r0"), 2 + 2, "cycles.return taken.return"),
    ("mrs r0,primask; msr primask,r3; dmb; dsb; isb", 15, "cycles.system"),
    ("cpsie i", 1, "cycles.mask"),
    ("sev; wfe", 1 + 2, "cycles.wait"),
)  # fmt: skip

_V7M = _of(  # what Cortex-M3 and M4 have in common
    "m4", M4,
    ("add r0,r1,r2; add r2,r0,r3,lsl #3; movw r1,#300; clz r0,r1; bfi r0,r1,#2,#3", 5, "cycles.alu"),
    ("uxtb r0,r1; sxth r2,r0; rev r0,r2; ubfx r1,r0,#2,#3; ssat r0,#5,r1", 5, "cycles.simd"),
    ("mul r0,r1,r0", 1, "cycles.mul"),
    ("udiv r0,r1,r2; sdiv r2,r0,r1", (4, 14, 24), "cycles.div"),
    ("ldr r0,[r6]; nop", 3, "cycles.load"),
    ("ldr r0,[r6]; ldr r1,[r7]; nop", 3 + 1, "rules.pipelined_loads", LOADS),
    ("ldr r0,[r6,r3]; str r0,[r7,#20]; nop", 3 + 1, "cycles.store", LOADS),
    ("ldr r0,[r6,r3]; str r1,[r7,r3]; nop", 3 + 1, "rules.pipelined_loads rules.indexed_store", LOADS),
    ("ldr r0,[r6,r3]; ldr r1,[r6]; ldr r2,[r7,#4]; nop", 4 + 1, "rules.pipelined_loads", LOADS),
    ("ldr r0,[r6]; ldr r1,[r0]; nop", 4 + 1, "cycles.load", LOADS),
    ("str r0,[r7]; nop", 1 + 1, "cycles.store", LOADS),
    ("str r0,[r7,r3]; nop", 2 + 1, "rules.indexed_store"),
    ("str r0,[r7]; ldr r0,[r6]; nop", 2 + 2 + 1, "rules.load_behind_store", M4_MEASURED),
    ("ldr r0,[r6]; add.w r0,r0,r1; add.w r0,r0,r1; add.w r0,r0,r1; nop", 2 + 3 + 1 + 1, "rules.crossing", CROSSING),
    ("nop; add.w r0,r0,r1; add.w r0,r0,r1; add.w r0,r0,r1; nop", 5, "rules.crossing", CROSSING),
    ("ldrex r0,[r7]; nop; strex r0,r1,[r7]; nop", 2 + 1 + 2 + 1, "cycles.load"),
    ("ldrex r0,[r7]; strex r1,r2,[r7]; nop", 3 + 1, "rules.pipelined_loads", LOADS),
    ("ldrd r0,r1,[r6]; ldrd r0,r1,[r6]; strd r0,r1,[r7]", 9, "cycles.load_double cycles.store_double", LOADS),
    ("ldm r6,{r0-r2}; nop", 4 + 1, "cycles.load_multiple per_register.load_multiple", LOADS),
    ("stm r7,{r0-r5,r8,r9}; nop", 9 + 1, "cycles.store_multiple per_register.store_multiple", LOADS),
    ("push {r0-r2}; pop {r0-r2}", 8, "cycles.store_multiple cycles.load_multiple"),
    ("add r0,r6,#4; ldr r1,[r0]; nop", 1 + 1 + 2 + 1, "rules.address_interlock", LOADS),
    ("add r0,r7,#4; str r1,[r0]; nop", 1 + 1 + 1 + 1, "rules.address_interlock", LOADS),
    ("ldr r2,[r6],#0; ldr r1,[r6]; nop", 2 + 1 + 2 + 1, "rules.write_back_interlock", BOARDS),
    ("b 1f; nop; 1:", (2, 3, 4), "cycles.branch taken.branch"),
    ("cbz r3,1f; nop; 1:", (2, 3, 4), "cycles.branch taken.branch"),
    ("cmp r3,#0; bne 1f; 1:", 1 + 1, "cycles.branch"),
    ("bl 1f; nop; 1:", (2, 3, 4), "cycles.call taken.call"),
    (_TO_REGISTER.format("blx r0"), (4, 5, 6), "cycles.call taken.call"),
    (_TO_REGISTER.format("bx r0"), (4, 5, 6), "cycles.return taken.return"),
    (_TO_REGISTER.format("mov pc,r0"), (4, 5, 6), "cycles.return taken.return"),
    (_POP, (2 + 2 + 3, 2 + 2 + 4, 2 + 2 + 5), "taken.load_multiple"),
    (_LOAD_PC, (3 + 1 + 3, 3 + 1 + 5, 3 + 1 + 5), "taken.load", LOADS),
    ("tbb [pc,r3]; .byte 1,0", (3, 6, 6), "cycles.table_branch taken.table_branch", LOADS),
    ("it eq; moveq r0,r1", (1, 2, 2), "cycles.it"),
    ("mrs r0,primask; msr primask,r3", (2, 4, 4), "cycles.system"),
    ("cpsie i", (1, 1, 2), "cycles.mask"),
    ("isb", (2, 3, 4), "cycles.flush"),
    ("dmb", (1, 2, 4), "cycles.barrier"),
    ("sev; wfe", 1 + 1, "cycles.wait"),
)  # fmt: skip
_M3 = _also("m3", [m for m in _V7M if m.source != M4], LOADS) + _also("m3", [m for m in _V7M if m.source == M4], M3)
_M3 += _of(
    "m3", M3,
    ("ldr r0,[r6]; ldr r1,[r7],#0; nop", 2 + 2 + 1, "rules.write_back_behind_load", M4_MEASURED),
    ("ldr r0,[r6]; str r1,[r7],#0; nop", 2 + 2 + 1, "rules.write_back_behind_load", M4_MEASURED),
    ("str r1,[r7],#0; nop", 2, "cycles.store", M4_MEASURED),
    ("mla r0,r1,r2,r3; mls r0,r1,r2,r3", 4, "cycles.mla"),
    ("smull r0,r1,r2,r3; umull r0,r1,r2,r3", (6, 10, 10), "cycles.mull"),
    ("smlal r0,r1,r2,r3; umlal r0,r1,r2,r3", (8, 13.2, 14), "cycles.mlal"),
)  # fmt: skip
_M4 = _V7M + _of(
    "m4", M4,
    ("mla r0,r1,r2,r3; mls r0,r1,r2,r3", 2, "cycles.mla"),
    ("smull r0,r1,r2,r3; umull r0,r1,r2,r3", 2, "cycles.mull"),
    ("smlal r0,r1,r2,r3; umlal r0,r1,r2,r3", 2, "cycles.mlal"),
    ("smulbb r0,r1,r2; smuad r0,r1,r2; smmul r0,r1,r2", 3, "cycles.mul", M4_DSP),
    ("smlad r0,r1,r2,r3; smlabb r0,r1,r2,r0; usada8 r0,r1,r2,r0", 3, "cycles.mla", M4_DSP),
    ("smlald r0,r1,r2,r3; umaal r0,r1,r2,r3", 2, "cycles.mlal", M4_DSP),
    ("sadd16 r0,r1,r2; uqsub8 r0,r1,r2; sel r0,r1,r2; pkhbt r0,r1,r2,lsl #16; sxtab16 r0,r1,r2", 5, "cycles.simd",
     M4_DSP),
)  # fmt: skip
_FPU = _of(
    "m4", M4_FPU,
    ("vadd.f32 s0,s1,s2; vabs.f32 s3,s4; vcvt.f32.s32 s5,s6; vcmp.f32 s7,s8", 4, "cycles.float"),
    ("vmrs apsr_nzcv,fpscr; vmov.32 d0[0],r1", 2, "cycles.float"),
    ("vadd.f32 s0,s0,s1", 2, "latency.float"),
    ("vmul.f32 s0,s1,s2; vnmul.f32 s3,s4,s5", 2, "cycles.float_mul"),
    ("vmul.f32 s0,s0,s1", 2, "latency.float_mul"),
    ("vmla.f32 s0,s1,s2; vfma.f32 s3,s4,s5", 6, "cycles.float_mac"),
    ("vfma.f32 s0,s1,s2; vadd.f32 s3,s0,s1", 3 + 1 + 1, "latency.float_mac"),
    ("vmul.f32 s0,s1,s2; vfma.f32 s0,s3,s4", 1 + 3, "late.float_mac", GCC),
    ("vdiv.f32 s0,s1,s2", 14, "busy.float_div"),
    ("vdiv.f32 s0,s1,s2; vadd.f32 s3,s0,s1", 14 + 1 + 1, "latency.float_div"),
    ("vdiv.f32 s0,s1,s2;" + "adds r0,#1;" * 19, 1 + 19, "cycles.float_div"),
    ("vsqrt.f32 s0,s1", 14, "busy.float_sqrt"),
    ("vsqrt.f32 s0,s1; vadd.f32 s3,s0,s1", 14 + 1 + 1, "latency.float_sqrt"),
    ("vsqrt.f32 s0,s1;" + "adds r0,#1;" * 19, 1 + 19, "cycles.float_sqrt"),
    ("vmov r0,s1; vmov s1,r0; vmov r0,r1,s2,s3; vmov s2,s3,r0,r1", 8, "cycles.float_move"),
    ("vmov.f32 s1,s0; vadd.f32 s2,s1,s3", 2, "latency.float_copy", GCC),
    ("vldr s0,[r6]; vldr d1,[r6]", 2 + 3, "cycles.float_load per_register.float_load"),
    ("vldm r6,{s0-s3}; vldm r6,{d0-d3}", 5 + 9, "cycles.float_load per_register.float_load"),
    ("vstr s0,[r7]; vstr d1,[r7]", 2 + 3, "cycles.float_store per_register.float_store"),
    ("vpush {s0-s3}; vpop {s0-s3}", 5 + 5, "cycles.float_store cycles.float_load"),
)  # fmt: skip

_M33 = _of(
    "m33", M33_MEASURED,
    ("add.w r0,r0,r1; add.w r0,r0,r2", 2, "cycles.alu"),
    ("add.w r0,r1,r0,lsl #3", 2, "rules.shifted_result"),
    ("bfi r0,r1,#2,#3; bfi r0,r0,#1,#1", 2, "cycles.alu"),
    ("uadd8 r0,r1,r2; uadd8 r4,r1,r2", 2, "cycles.simd"),
    ("qsub r0,r0,r1", 2, "latency.simd"),
    ("mul r0,r1,r2; mul r4,r1,r2", 2, "cycles.mul"),
    ("mul r0,r0,r1", 2, "latency.mul"),
    ("mla r0,r1,r2,r0", 1, "cycles.mla late.mla"),
    ("mla r0,r1,r2,r4; add.w r5,r0,r1", 3, "latency.mla"),
    ("smull r0,r1,r2,r4; smull r0,r1,r2,r5", 2, "cycles.mull"),
    ("smull r0,r1,r2,r4; add.w r5,r0,r2", 3, "latency.mull"),
    ("smlal r0,r1,r2,r4", 1, "cycles.mlal late.mlal"),
    ("smlal r0,r1,r2,r4; add.w r5,r0,r2", 3, "latency.mlal"),
    ("ldr r0,[r6]; ldr r1,[r7]", 2, "cycles.load"),
    ("ldr r0,[r6]; add.w r0,r0,r1", 3, "latency.load"),
    ("ldr r0,[r6]; mla r1,r2,r4,r0", 2, "late.mla"),
    ("ldr r0,[r6]; str r0,[r7]", 2, "late.store cycles.store"),
    ("ldrd r0,r1,[r6]; ldrd r0,r1,[r6]", 4, "cycles.load_double"),
    ("ldrd r0,r1,[r6]; add.w r0,r1,r1", 4, "latency.load_double"),
    ("strd r0,r1,[r7]; strd r0,r1,[r7]", 4, "cycles.store_double"),
    ("ldm r6,{r0-r2}; ldm r6,{r0-r2}", 6, "cycles.load_multiple per_register.load_multiple"),
    ("stm r7,{r0-r2}; stm r7,{r0-r2}", 6, "cycles.store_multiple per_register.store_multiple"),
    ("cmp r3,#0; bne 1f; 1:", 1, "cycles.branch rules.folded_branch"),
    ("mov r0,r1; b 1f; nop; 1:", 2, "taken.branch"),
    ("cmp r3,#0; beq 1f; nop; 1:", 1 + 2, "rules.late_flags"),
    ("mov r1,r2; it eq; moveq r0,r1", 2, "cycles.it"),
    ("vadd.f32 s0,s1,s2; vadd.f32 s3,s4,s5", 2, "cycles.float"),
    ("vadd.f32 s0,s0,s1", 2, "latency.float"),
    ("vmul.f32 s0,s1,s2; vmul.f32 s3,s4,s5", 2, "cycles.float_mul"),
    ("vmul.f32 s0,s0,s1", 2, "latency.float_mul"),
    ("vfma.f32 s0,s1,s2", 3, "busy.float_mac late.float_mac"),
    ("vfma.f32 s0,s1,s2; vfma.f32 s3,s0,s1", 4 + 3, "latency.float_mac"),
    ("vfma.f32 s0,s1,s2; mov.w r0,r1; mov.w r0,r2; mov.w r0,r1", 4, "cycles.float_mac"),
    ("vldr s0,[r6]; vadd.f32 s1,s0,s2", 2, "cycles.float_load per_register.float_load"),
    ("vldm r6,{s0-s3}; vldm r6,{s0-s3}", 8, "per_register.float_load"),
    ("vstr s0,[r7]; vstr d1,[r7]", 1 + 2, "cycles.float_store per_register.float_store"),
    ("vmov s0,r1; vadd.f32 s1,s0,s2", 2, "cycles.float_move"),
    ("vmov r0,s1; add.w r2,r0,r1", 3, "latency.float_to_core"),
) + _of(
    "m33", STATED,
    ("uxtb.w r0,r0; rev.w r0,r0", 2, "latency.extend latency.reverse"),
    ("udiv r0,r1,r2", (2, 7, 11), "cycles.div"),
    ("ldm r6,{r0-r2}; add.w r2,r2,r1", 5, "latency.load_multiple"),
    ("bl 1f; nop; 1:", (2, 3, 3), "cycles.call taken.call"),
    (_TO_REGISTER.format("bx r0"), (4, 5, 6), "cycles.return taken.return"),
    ("tbb [pc,r3]; .byte 1,0", (3, 5, 6), "cycles.table_branch taken.table_branch"),
    (_LOAD_PC, (3 + 3, 3 + 4, 3 + 5), "taken.load"),
    (_POP, (2 + 1 + 1 + 1, 2 + 1 + 1 + 2, 2 + 1 + 1 + 3), "taken.load_multiple"),
    ("mrs r0,primask", (1, 3, 6), "cycles.system"),
    ("vmov.f32 s1,s0; vadd.f32 s2,s1,s3", 2, "latency.float_copy"),
    ("vdiv.f32 s0,s1,s2", 14, "busy.float_div"),
    ("vdiv.f32 s0,s1,s2; vadd.f32 s3,s0,s1", 14 + 1 + 1, "latency.float_div"),
    ("vdiv.f32 s0,s1,s2;" + "adds.w r0,#1;" * 19, 1 + 19, "cycles.float_div"),
    ("vsqrt.f32 s0,s1", 14, "busy.float_sqrt"),
    ("vsqrt.f32 s0,s1; vadd.f32 s3,s0,s1", 14 + 1 + 1, "latency.float_sqrt"),
    ("vsqrt.f32 s0,s1;" + "adds.w r0,#1;" * 19, 1 + 19, "cycles.float_sqrt"),
)  # fmt: skip

_PAIR = "{}; adds r4,#1"  # what would be issued beside it
_BEHIND = "adds r4,#1; {}"
_THREE = "adds r4,#1; adds r5,#1; {}"  # so that it would be the second of two
_M7 = _of(
    "m7", LLVM_M7,
    ("adds r0,#1; adds r1,#1", 1, "cycles.alu"),
    ("adds r0,#1; adds r0,#1", 2, "cycles.alu"),
    ("sadd16 r0,r1,r2; uadd8 r4,r1,r2", 2, "cycles.simd issue.first.simd"),
    (_THREE.format("clz r0,r1"), 2, "issue.first.insert"),
    ("qadd16 r0,r0,r1", 2, "latency.saturating"),
    ("ssat r0,#8,r0", 2 + 1, "latency.saturate rules.early_shift"),
    ("rev r0,r1; add r2,r0,#1", 1, "latency.reverse"),
    ("ubfx r0,r0,#0,#8", 1 + 1, "rules.early_shift"),
    ("add r0,r0,r1,lsl #2; add r2,r2,r4,lsl #2", 2, "cycles.alu"),
    ("ldr r0,[r6]; add r1,r2,r0,lsl #2", 2, "rules.early_shift"),
    ("ldr r0,[r6]; add r1,r0,r2,lsl #2", 2, "rules.late_loads", M7_MEASURED),
    ("ldr r0,[r6]; mul r1,r0,r2", 2, "rules.late_loads", M7_MEASURED),
    ("add r0,r1,r2; eor r4,r5,r0", 1, "rules.early_alu", M7_MEASURED),
    ("ldr r0,[r6]; ldr r1,[r6,#4]", 1, "rules.two_loads rules.banks", M7_MEASURED),
    ("ldr r0,[r6]; ldr r1,[r6,#8]", 2, "rules.banks", M7_MEASURED),
    ("mul r0,r1,r2; str r4,[r7]", 2, "issue.apart.mul+store", M7_MEASURED),
    ("mla r0,r1,r2,r4; str r4,[r7]", 2, "issue.apart.mla+store", M7_MEASURED),
    ("smull r0,r1,r2,r4; str r4,[r7]", 2, "issue.apart.mull+store", M7_MEASURED),
    ("smlal r0,r1,r2,r4; str r4,[r7]", 2, "issue.apart.mlal+store", M7_MEASURED),
    *((";".join(f"{mac}.f32 s{i},s10,s11; {move} s{i + 20},[r7]" for i in range(4)), 8, f"issue.apart.{kinds}",
       M7_MEASURED)
      for mac, move, kinds in (
          ("vmla", "vldr", "float_mac+float_load"), ("vmla", "vstr", "float_mac+float_store"),
          ("vfma", "vldr", "float_fused+float_load"), ("vfma", "vstr", "float_fused+float_store"),
      )),
    ("mul r0,r1,r1; mul r2,r1,r1", 2, "cycles.mul"),
    ("mul r0,r0,r1", 2, "latency.mul"),
    ("mla r0,r1,r1,r0", 1, "cycles.mla late.mla"),
    ("mla r0,r1,r2,r4; adds r0,#1", 3, "latency.mla"),
    ("smull r0,r1,r2,r4; smull r0,r1,r2,r5", 2, "cycles.mull"),
    ("smull r0,r1,r2,r4; adds r0,#1", 3, "latency.mull"),
    ("smlal r0,r1,r2,r4", 1, "cycles.mlal late.mlal"),
    ("smlal r0,r1,r2,r4; adds r0,#1", 3, "latency.mlal"),
    (_PAIR.format("sdiv r0,r1,r2"), (4, 8, 21), "cycles.div issue.alone.div"),
    ("ldr r0,[r6]; ldr r1,[r7]", 1, "cycles.load rules.two_loads"),
    ("ldr r0,[r6]; adds r0,#1", 2, "cycles.load"),
    ("ldrb r0,[r6]; adds r0,#1", 3, "rules.narrow_load"),
    ("ldr r6,[r6]", 1 + 1, "rules.early_address"),
    ("ldr r0,[r7],#0; ldr r1,[r7],#0", 2, "rules.base_latency"),
    ("str r0,[r7]; str r1,[r7]", 2, "cycles.store"),
    ("adds r0,#4; str r0,[r7]", 1, "late.store"),
    ("ldrb r0,[r6]; str r0,[r7]", 1, "late.store", M7_MEASURED),
    (_PAIR.format("ldrd r0,r1,[r6]"), 2, "cycles.load_double issue.alone.load_double"),
    ("ldrd r0,r1,[r6]; adds r1,#1", 2, "cycles.load_double"),
    (_PAIR.format("strd r0,r1,[r7]"), 2, "cycles.store_double issue.alone.store_double"),
    (_PAIR.format("strex r0,r1,[r7]"), 2, "issue.alone.exclusive"),
    ("vadd.f32 s0,s1,s2; vabs.f32 s3,s4", 2, "cycles.float"),
    ("vadd.f32 s0,s0,s1", 3, "latency.float"),
    ("vmul.f32 s0,s1,s2; vmul.f32 s3,s1,s2", 2, "cycles.float_mul"),
    ("vmul.f32 s0,s0,s1", 3, "latency.float_mul"),
    ("vmla.f32 s0,s1,s2", 6 - 3, "late.float_mac"),
    ("vmla.f32 s0,s1,s2; vmla.f32 s3,s1,s2; vmla.f32 s4,s1,s2; vmla.f32 s5,s1,s2", 4, "cycles.float_mac"),
    ("vmla.f32 s0,s1,s2; vadd.f32 s3,s0,s1", 6 + 1, "latency.float_mac"),
    ("vfma.f32 s0,s1,s2", 5 - 2, "late.float_fused"),
    ("vfma.f32 s0,s1,s2; vadd.f32 s3,s0,s1", 5 + 1, "latency.float_fused"),
    ("vdiv.f32 s0,s0,s1", 16, "cycles.float_div", M7_MEASURED),
    ("vsqrt.f32 s0,s0", 14, "cycles.float_sqrt", M7_MEASURED),
    ("vmov r0,s1; eor r0,r0,r1", 2, "latency.float_to_core", M7_MEASURED),
    ("vmov s0,r1; vadd.f32 s1,s2,s3", 1, "cycles.float_move"),
    ("vmov s0,r1; vadd.f32 s1,s0,s2", 3, "latency.float_move"),
    (_PAIR.format("vmov r0,r1,s2,s3"), 2, "cycles.float_move"),
    ("vmov.f32 s0,s1; vadd.f32 s2,s3,s4", 1, "cycles.float"),
    ("vldr s0,[r6]; vadd.f32 s1,s2,s3", 1, "cycles.float_load"),
    ("vldr s0,[r6]; vadd.f32 s1,s0,s2", 1, "latency.float_load"),
    (_PAIR.format("vldr d0,[r6]"), 2, "cycles.float_load per_register.float_load rules.words_at_once"),
    ("vldr d0,[r6]; vadd.f64 d1,d0,d2", (2 + 1, 2 + 2, 2 + 3), "rules.double_load"),
    ("vadd.f32 s0,s1,s2; vstr s0,[r7]", 1, "late.float_store"),
    (_PAIR.format("vstr d0,[r7]"), 2, "cycles.float_store per_register.float_store"),
) + _of(
    "m7", M7_MEASURED,
    ("vadd.f64 d0,d1,d2; vadd.f64 d3,d1,d2", (2, 4, 6), "cycles.double"),
    ("vadd.f64 d0,d0,d1", (3, 4, 5), "latency.double"),
    (_THREE.format("vadd.f64 d0,d1,d2"), (2, 3, 4), "issue.first.double"),
    ("vmul.f64 d0,d1,d2", (4, 5, 5), "cycles.double_mul"),
    ("vmul.f64 d0,d0,d1", (4 + 2, 5 + 2, 5 + 2), "latency.double_mul"),
    ("vmla.f64 d0,d1,d2", (5, 7, 10), "late.double_mac"),
    ("vmla.f64 d0,d1,d2; vadd.f64 d3,d0,d1", (5 + 2 + 1, 7 + 2 + 2, 10 + 2 + 3), "latency.double_mac"),
    ("vdiv.f64 d0,d0,d1", (2, 30, 30), "cycles.double_div"),
    ("vsqrt.f64 d0,d0", (2, 30, 30), "cycles.double_sqrt"),
    (_PAIR.format("ldm r6,{r0-r2}"), 2 + 1, "cycles.load_multiple per_register.load_multiple"),
    (_PAIR.format("stm r7,{r0-r2}"), 2 + 1, "cycles.store_multiple per_register.store_multiple"),
    (_PAIR.format("vldm r6,{s0-s3}"), 2 + 1, "rules.words_at_once"),
    ("adds r4,#1; push {r0}; adds r5,#1; pop {r0}", 4, "issue.alone.store_multiple issue.alone.load_multiple"),
) + _of(
    "m7", STATED,
    ("adds r0,#1; b 1f; nop; 1:", (1, 1, 2), "cycles.branch taken.branch"),
    ("adds r0,#1; bl 1f; nop; 1:", (1, 2, 3), "cycles.call taken.call"),
    (_TO_REGISTER.format("bx r0"), (2, 3, 4), "cycles.return taken.return"),
    ("tbb [pc,r3]; .byte 1,0", (6, 9, 12), "cycles.table_branch taken.table_branch"),
    ("adds r4,#1; tbb [pc,r3]; .byte 1,0", (7, 10, 13), "issue.alone.table_branch"),
    (_LOAD_PC, (3 + 4, 3 + 6, 3 + 8), "taken.load"),
    (_POP, (2 + 1 + 1, 2 + 1 + 2, 2 + 1 + 3), "taken.load_multiple"),
    ("it eq; moveq r0,r1", 1, "cycles.it"),
    (_PAIR.format("mrs r0,primask"), (2, 4, 7), "cycles.system issue.alone.system"),
    (_BEHIND.format("vmul.f64 d0,d1,d2"), (5, 6, 6), "issue.first.double_mul"),
    (";".join(_BEHIND.format(f"vmla.f64 d{i},d8,d9") for i in range(6)), (6 * 6, 6 * 8, 6 * 11),
     "cycles.double_mac issue.first.double_mac"),
    (_BEHIND.format("vdiv.f64 d0,d1,d2"), (3, 31, 31), "issue.first.double_div"),
    (_BEHIND.format("vsqrt.f64 d0,d1"), (3, 31, 31), "issue.first.double_sqrt"),
)  # fmt: skip

_M55 = _of(
    "m55", LLVM_M55,
    ("add r0,r1,r2; add r4,r1,r2", (1.4, 2, 2), "cycles.alu"),
    ("add r0,r1,r0,lsl #2", (1.7, 2, 2), "rules.shifted_result"),
    ("sadd16 r0,r1,r2; sadd16 r4,r1,r2", 2, "cycles.simd"),
    ("sadd16 r0,r0,r1", 2, "latency.simd"),
    ("uxtb r0,r0", 1, "latency.extend"),
    ("rev r0,r0", 1, "latency.reverse"),
    ("mul r0,r1,r2; mul r4,r1,r2", 2, "cycles.mul"),
    ("mul r0,r0,r1", 2, "latency.mul"),
    ("mla r0,r1,r2,r5; mla r4,r1,r2,r5", 2, "cycles.mla"),
    ("mla r0,r1,r2,r0", 2, "latency.mla"),
    ("smull r0,r1,r2,r5; uxtb r4,r0", (3, 3, 4), "latency.mull cycles.mull"),
    ("smlal r0,r1,r2,r5", (2, 2, 3), "latency.mlal cycles.mlal"),
    ("ldr r0,[r6]; ldr r1,[r6]", 2, "cycles.load"),
    ("str r0,[r7]; str r1,[r7]", 2, "cycles.store"),
    ("ldr r0,[r6]; uxtb r0,r0", 3, "latency.load"),
    ("ldrd r0,r1,[r6]; uxtb r1,r1", 3, "latency.load_double"),
    ("ldm r6,{r0,r1}; uxtb r1,r1", (3, 4, 4), "latency.load_multiple"),
    ("vadd.f32 s0,s1,s2; vabs.f32 s3,s4", 2, "cycles.float"),
    ("vadd.f32 s0,s0,s1", 2, "latency.float"),
    ("vmul.f32 s0,s1,s2; vmul.f32 s3,s1,s2", 2, "cycles.float_mul"),
    ("vmul.f32 s0,s0,s1", 2, "latency.float_mul"),
    ("vmla.f32 s0,s1,s2; vmla.f32 s3,s1,s2; vmla.f32 s4,s1,s2; vmla.f32 s5,s1,s2", 4, "cycles.float_mac"),
    ("vmla.f32 s0,s1,s2", 4, "latency.float_mac"),
    ("vfma.f32 s0,s1,s2", 2, "latency.float_fused"),
    ("vmov.f32 s0,s0", 1, "latency.float_copy"),
    ("vmov s0,r1; vmov s1,r1", 2, "cycles.float_move"),
    ("vmov s0,r1; vadd.f32 s1,s0,s2", 3, "latency.float_move"),
    ("vmov r0,s1; uxtb r0,r0", 2, "latency.float_to_core"),
    ("vldr s0,[r6]; vldr s1,[r6]", 2, "cycles.float_load per_register.float_load"),
    ("vldr s0,[r6]; vadd.f32 s1,s0,s2", 3, "latency.float_load"),
    ("vstr s0,[r7]; vstr s1,[r7]", 2, "cycles.float_store per_register.float_store"),
    ("vdiv.f32 s0,s0,s1", 16, "latency.float_div"),
    ("vsqrt.f32 s0,s0", 16, "latency.float_sqrt"),
    ("vadd.f64 d0,d0,d1", 15, "latency.double"),
    ("vmul.f64 d0,d0,d1", 21, "latency.double_mul"),
    ("vmla.f64 d0,d1,d2", 36, "latency.double_mac"),
    ("vfma.f64 d0,d1,d2", 24, "latency.double_fused"),
    ("vdiv.f64 d0,d0,d1", 30, "latency.double_div"),
    ("vsqrt.f64 d0,d0", 30, "latency.double_sqrt"),
    ("vldrw.u32 q0,[r6]; vadd.i32 q1,q1,q2", 2, "rules.vector_overlap cycles.vector_load"),
    ("vadd.i32 q0,q0,q2; vadd.i32 q1,q1,q2", 4, "cycles.vector"),
    ("vadd.i32 q0,q0,q2; vstrw.32 q1,[r7]", 2, "rules.vector_overlap cycles.vector_store"),
) + _of(
    "m55", STATED,
    ("udiv r0,r1,r2", (2, 7, 11), "cycles.div"),
    ("ldrd r0,r1,[r6]; nop", (1.7, 2, 2), "cycles.load_double"),
    ("strd r0,r1,[r7]; strd r0,r1,[r7]", 2, "cycles.store_double"),
    ("ldm r6,{r0-r2}; ldm r6,{r0-r2}", (4, 6, 6),
     "cycles.load_multiple per_register.load_multiple rules.words_at_once"),
    ("stm r7,{r0-r2}; stm r7,{r0-r2}", (4, 6, 6), "cycles.store_multiple per_register.store_multiple"),
    ("cmp r3,#0; bne 1f; 1:", (1.7, 2, 2), "cycles.branch"),
    ("b 1f; nop; 1:", (2, 3, 4), "cycles.branch taken.branch"),
    ("bl 1f; nop; 1:", (2, 3, 4), "cycles.call taken.call"),
    (_TO_REGISTER.format("bx r0"), (1.4 + 3, 2 + 4, 2 + 5), "cycles.return taken.return"),
    ("tbb [pc,r3]; .byte 1,0", (2 + 2, 3 + 3, 4 + 4), "cycles.table_branch taken.table_branch"),
    (_LOAD_PC, (1.4 + 1 + 3, 2 + 1 + 4, 2 + 1 + 5), "taken.load"),
    (_POP, (1.4 + 1 + 1 + 2, 2 + 2 + 2 + 3, 2 + 2 + 2 + 4), "taken.load_multiple"),
    ("it eq; moveq r0,r1", (0.7, 2, 2), "cycles.it"),
    ("mrs r0,primask", (1, 3, 6), "cycles.system"),
    ("movs r0,#2; dls lr,r0; 1: mul r1,r2,r2; le lr,1b", (0.7 + 0.7 + 2, 4, 4 + 3), "cycles.loop taken.loop"),
    ("vdiv.f32 s0,s1,s2; vdiv.f32 s3,s1,s2", (2, 2, 32), "cycles.float_div"),
    ("vsqrt.f32 s0,s1; vsqrt.f32 s2,s1", (2, 2, 32), "cycles.float_sqrt"),
    ("vadd.f64 d0,d1,d2; vadd.f64 d3,d1,d2", (2, 30, 30), "cycles.double"),
    ("vmul.f64 d0,d1,d2; vmul.f64 d3,d1,d2", (2, 42, 42), "cycles.double_mul"),
    ("vmla.f64 d0,d1,d2; vmla.f64 d3,d1,d2", (36, 72, 72), "cycles.double_mac"),
    ("vfma.f64 d0,d1,d2; vfma.f64 d3,d1,d2", (24, 48, 48), "cycles.double_fused"),
    ("vdiv.f64 d0,d1,d2; vdiv.f64 d3,d1,d2", (2, 60, 60), "cycles.double_div"),
    ("vsqrt.f64 d0,d1; vsqrt.f64 d2,d1", (2, 60, 60), "cycles.double_sqrt"),
)  # fmt: skip

MICROS = {
    "cortex-m0plus": _M0PLUS, "cortex-m3": _M3, "cortex-m4": _M4 + _FPU, "cortex-m33": _M33, "cortex-m7": _M7,
    "cortex-m55": _M55,
}  # fmt: skip
_RUN = """.text
.global run
.type run,%function
run: push {{r4-r7,lr}}
 ldr r4,=table
{calls}
 pop {{r4-r7,pc}}
 .ltorg
.size run,.-run
{bodies}
.section .data
.balign 16
table: .word table
 .space 4092
"""
_BODY = """.balign 4
.global {name}
.type {name},%function
{name}: push {{r4-r7,lr}}
 mov r6,r0
 mov r7,r0
 adds r7,#64
 movs r3,#0
 b {name}_body
.balign 4
{name}_body:
{body}
{name}_end:
 pop {{r4-r7,pc}}
.size {name},.-{name}
"""


def source(core: str) -> str:
    """One program with all of a core's: f<i>_<n> has the body i n times, between the labels f<i>_<n>_body and _end."""
    names = [(f"f{i}_{n}", m, n) for i, m in enumerate(MICROS[core]) for n in (FEWER, FEWER + REPEATED)]
    calls = "\n".join(f" mov r0,r4\n bl {name}" for name, micro, _ in names if micro.runs)
    bodies = "\n".join(_BODY.format(name=name, body="\n".join([micro.body] * n)) for name, micro, n in names)
    fpu = "" if core in ("cortex-m0plus", "cortex-m3") else ".fpu fpv5-d16\n"
    return ("" if core == "cortex-m55" else fpu) + _RUN.format(calls=calls, bodies=bodies)
