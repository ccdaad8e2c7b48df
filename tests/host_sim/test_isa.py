"""The ISA check against the GNU assembler, which knows by itself what each core has."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from mixcomp_sim import EmulatorError, find_core, foreign_instructions
from mixcomp_sim.isa import ARCHITECTURES, decode

# One encoding each; lines that assemble to 16 bits on every core are those of ARMv6-M.
TEXT = """
adds r0, r1, #1; adds r0, #200; adds r0, r1, r2; mov r8, r1; add r8, r1; cmp r8, r1; bx lr; blx r3; muls r0, r1, r0
ldr r0, [r1, r2]; ldr r0, [r1, #4]; ldr r0, [sp, #4]; ldrsb r0, [r1, r2]; ldrh r0, [r1, #2]; strb r0, [r1, #1]
add r0, sp, #4; sub sp, #8; push {r4, lr}; pop {r4, pc}; sxth r0, r1; uxtb r0, r1; rev r0, r1; rev16 r0, r1
revsh r0, r1; cpsie i; bkpt #1; nop; wfi; ldmia r0!, {r1}; stmia r0!, {r1}; beq .+4; udf #1; b .+4; bl .+4
mrs r0, primask; msr primask, r0; dsb; dmb; isb; rsbs r0, r1, #0; mvns r0, r1; bics r0, r1; adcs r0, r1
cbz r0, .+4; cbnz r0, .+6; clrex; b.w .+4; beq.w .+4; dbg #1
stmdb r0!, {r1, r2}; ldmdb r0!, {r1, r2}; ldm.w r8!, {r1, r2}; stm.w r8!, {r1, r2}; ldrd r0, r1, [r2, #8]
strd r0, r1, [r2, #-8]!; ldrd r0, r1, [r2], #8; ldrex r0, [r1]; strex r0, r1, [r2]; ldrexb r0, [r1]
strexh r0, r1, [r2]; tbb [r0, r1]; tbh [r0, r1, lsl #1]
and r0, r1, r2, lsl #3; tst r8, r1; bic r0, r1, r2; orr r0, r1, r2, ror #4; orn r0, r1, r2; mvn r8, r1; mov.w r0, r1
lsl r0, r1, #3; asr r8, r1, #3; rrx r0, r1; eor r0, r1, r2; teq r0, r1; add r0, r1, r2, lsl #2; cmn r8, r1
adc r0, r1, r2; sbc r0, r1, r2; sub r0, r1, r2; cmp r0, r1, lsl #1; rsb r0, r1, r2
and r0, r1, #0xff00ff00; bic r0, r1, #1; orr r0, r1, #1; orn r0, r1, #1; mov r0, #0xab00ab; mvn r0, #1
eor r0, r1, #1; teq r0, #1; add r0, r1, #0x1000; cmn r0, #1; adc r0, r1, #1; sbc r0, r1, #1; sub r8, r1, #0x1000
rsb r0, r1, #1; addw r0, r1, #4095; subw r0, r1, #4095; ssat r0, #8, r1; ssat r0, #8, r1, asr #3
usat r0, #8, r1, lsl #2; usat r0, #4, r1; sbfx r0, r1, #4, #8; ubfx r0, r1, #4, #8; bfi r0, r1, #4, #8; bfc r0, #4, #8
ldr r0, [r1, #-4]; ldr r0, [r1], #4; ldr r0, [r1, #4]!; ldr r0, [r1, r2, lsl #2]; ldr.w r0, [r1, #400]
str r0, [r1], #4; str.w r0, [r1, #400]; strb r0, [r1], #1; strb.w r0, [r1, #400]; strh r0, [r1], #2
ldrb r0, [r1], #1; ldrb.w r0, [r1, #400]; ldrsb r0, [r1, #4]; ldrh r0, [r1], #2; ldrsh r0, [r1, #4]; pld [r0, #4]
lsl r0, r1, r2; ror r0, r1, r2; sxth.w r0, r1, ror #8; uxth.w r0, r1; sxtb.w r0, r1; uxtb.w r0, r1, ror #16
rbit r0, r1; rev.w r8, r1; clz r0, r1; mul r0, r1, r2; mla r0, r1, r2, r3; mls r0, r1, r2, r3
sdiv r0, r1, r2; udiv r0, r1, r2; smull r0, r1, r2, r3; umull r0, r1, r2, r3; smlal r0, r1, r2, r3; umlal r0, r1, r2, r3
pkhbt r0, r1, r2, lsl #16; pkhtb r0, r1, r2, asr #16; ssat16 r0, #8, r1; usat16 r0, #4, r1; sxtb16 r0, r1
uxtb16 r0, r1, ror #8; sxtab16 r0, r1, r2; uxtab16 r0, r1, r2; sxtab r0, r1, r2; uxtah r0, r1, r2; sxtah r0, r1, r2
sadd16 r0, r1, r2; uqadd8 r0, r1, r2; ssub16 r0, r1, r2; uhadd8 r0, r1, r2; sasx r0, r1, r2; usad8 r0, r1, r2
usada8 r0, r1, r2, r3; qadd r0, r1, r2; qdsub r0, r1, r2; sel r0, r1, r2; smlad r0, r1, r2, r3; smuad r0, r1, r2
smladx r0, r1, r2, r3; smlsd r0, r1, r2, r3; smlabb r0, r1, r2, r3; smlatb r0, r1, r2, r3; smulbt r0, r1, r2
smlawb r0, r1, r2, r3; smulwt r0, r1, r2; smmul r0, r1, r2; smmulr r0, r1, r2; smmla r0, r1, r2, r3
smmlar r0, r1, r2, r3; smmlsr r0, r1, r2, r3; smlalbb r0, r1, r2, r3; smlald r0, r1, r2, r3; smlsld r0, r1, r2, r3
umaal r0, r1, r2, r3
sg; tt r0, r1; tta r0, r1; lda r0, [r1]; stlb r0, [r1]; bxns lr; blxns r3; ldaex r0, [r1]
dls lr, r0; wls lr, r0, .+8; le lr, .-8; le .-8; csel r0, r1, r2, ne; csinc r0, r1, r2, ne; clrm {r0, r1}
vldrb.u8 q0, [r0]; vldrw.u32 q0, [r0], #16; vstrb.8 q0, [r0]; vmladav.s8 r0, q0, q1; vmladava.s8 r0, q0, q1
vand q0, q1, q2; vmov.i32 q0, #0; vmovlb.s8 q0, q1; vshl.i8 q0, q1, #2; vctp.8 r0; dlstp.8 lr, r0; letp lr, .-8; lctp
lsll r0, r1, #3; asrl r0, r1, r2; vqrdmulh.s32 q0, q1, r0; vldrb.s16 q0, [r0, q1]; vmul.i16 q0, q1, r0
"""
LINES = [line.strip() for line in TEXT.replace("\n", ";").split(";") if line.strip()]


def assemble(architecture: str, folder: Path) -> tuple[set[str], dict[str, bytes]]:
    """(the lines that the assembler refuses, the code of each line if it refuses none)."""
    source, obj = folder / "lines.s", folder / "lines.o"
    parts = [f'.section .text.{i}, "ax"; {line}' for i, line in enumerate(LINES)]
    source.write_text("\n".join([".syntax unified; .thumb", *parts]) + "\n")
    words = ["arm-none-eabi-as", f"-march={architecture}", "-mthumb", str(source), "-o", str(obj)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    refused = {LINES[int(number) - 2] for number in re.findall(r"\.s:(\d+): Error", done.stderr)}
    assert done.returncode == 0 or refused, done.stderr
    if refused:
        return refused, {}
    with obj.open("rb") as file:
        elf = ELFFile(file)
        return refused, {line: elf.get_section_by_name(f".text.{i}").data() for i, line in enumerate(LINES)}


@pytest.fixture(scope="module")
def encoded(tmp_path_factory) -> dict[str, bytes]:
    """The bytes of each line."""
    if shutil.which("arm-none-eabi-as") is None:
        pytest.skip("arm-none-eabi-as is not installed")
    refused, code = assemble("armv8.1-m.main+mve", tmp_path_factory.mktemp("lines"))
    assert refused == set()
    return code


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name.startswith("arm")])
def test_the_table_allows_what_the_assembler_allows(architecture, encoded, tmp_path):
    ours = {line for line, code in encoded.items() if decode(code)[1] not in ARCHITECTURES[architecture]}
    assert ours == assemble(architecture, tmp_path)[0]


PROGRAM = """
.section .text.f, "ax"
.global f
.type f, %function
f:
  ldr r0, =0xfb20f302   @ a constant that looks like smuad is data
  bx lr
  {planted}
.size f, . - f
"""


@pytest.mark.parametrize(
    ("core", "planted", "told"),
    [
        ("cortex-m0plus", ".inst.w 0xfb01f002", "f+0x4: fb01 f002 (mul, mla, mls, needs ARMv7-M)"),
        ("cortex-m0plus", ".inst.n 0xb900", "f+0x4: b900 (cbz, cbnz, needs ARMv7-M)"),
        ("cortex-m3", ".inst.w 0xfb203102", "f+0x4: fb20 3102 (smlad, smlabb, smmla, usada8, needs the DSP extension)"),
        ("cortex-m4", ".inst.w 0xef000e40", "(vector or floating-point instruction, needs MVE or an FPU)"),
        ("cortex-m33", ".inst.w 0xf040e001", "f+0x4: f040 e001 (dls, needs ARMv8.1-M)"),
        ("cortex-m7", ".inst.w 0xf9000000", "f+0x4: f900 0000 (no instruction of any such core)"),
    ],
)
def test_an_instruction_that_no_run_reaches_is_found(core, planted, told, toolchain):
    architecture = find_core(core).architecture
    assert foreign_instructions(toolchain.build(core, PROGRAM.format(planted="nop")), architecture) == []
    (found,) = foreign_instructions(toolchain.build(core, PROGRAM.format(planted=planted)), architecture)
    assert told in str(found)


def test_a_stripped_image_and_an_unknown_architecture_are_refused(gcc, tmp_path):
    elf = gcc.build("cortex-m4", PROGRAM.format(planted="nop"))
    stripped = tmp_path / "stripped.elf"
    subprocess.run(["arm-none-eabi-strip", str(elf), "-o", str(stripped)], check=True)
    with pytest.raises(EmulatorError, match="no mapping symbols"):
        foreign_instructions(stripped, "armv7e-m")
    with pytest.raises(EmulatorError, match="unknown architecture 'armv5'"):
        foreign_instructions(elf, "armv5")
