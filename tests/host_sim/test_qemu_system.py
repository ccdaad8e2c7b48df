"""Whole programs on Cortex-M55, which Unicorn lacks: under QEMU, with semihosting of our own."""

import pytest

from mixcomp_sim import EmulatorError, Limits, Memory, Start, make_report
from mixcomp_sim.chips import default_chip
from mixcomp_sim.command import main
from mixcomp_sim.qemu_system import QemuSystem

pytestmark = pytest.mark.usefixtures("needs_qemu")
ITCM = Memory(flash=(0, 0x40000), ram=(0x20000000, 0x40000))
PROGRAM = """.section .keep, "ax"
 .word 0x20020000, start
 .word fault, fault, fault, fault, fault
 .space 32
 .word tick
.text
.global start, tick
.thumb_func
start: ldr r0,=0xE000ED88
 mov r1,#0xF00000
 str r1,[r0]
 dsb
 isb
 ldr r0,=0xE000E010
 movw r1,#999
 str r1,[r0,#4]
 movs r1,#7
 str r1,[r0]
wait: wfi
 ldr r2,=ticks
 ldr r1,[r2]
 cmp r1,#3
 blt wait
 movs r1,#0
 str r1,[r0]
 vmov.i32 q0,#5
 vaddv.u32 r4,q0
 movs r0,#4
 ldr r1,=text
 bkpt 0xab
 ldr r3,=0x20026
 push {r3,r4}
 mov r1,sp
 movs r0,#0x20
 bkpt 0xab
.thumb_func
fault: b fault
.type tick,%function
tick: ldr r2,=ticks
 ldr r3,[r2]
 adds r3,#1
 str r3,[r2]
 bx lr
.ltorg
text: .asciz "three ticks\n"
.bss
.balign 4
ticks: .space 4
"""


def ran(elf, start=None):
    said = bytearray()
    system = QemuSystem(elf, default_chip("cortex-m55"), start or Start(), output=said.extend)
    outcome = system.run(Limits(timeout_s=20))
    return make_report("x", system.image, system.chip, outcome), bytes(said)


@pytest.fixture
def elf(gcc):
    return gcc.build("cortex-m55", PROGRAM, ".s", ITCM)


def test_a_program_ticks_prints_and_ends_with_its_status(elf):
    report, said = ran(elf)
    assert (said, report.ending["status"]) == (b"three ticks\n", 20)
    by_name = {share.name: share for share in report.functions}
    assert by_name["tick"].instructions == 3 * 5
    assert report.cycles.low < report.cycles.nominal < report.cycles.high
    assert report.stack_bytes is None
    assert any("QEMU" in note for note in report.notes)


def test_a_fault_without_a_handler_is_named_with_its_place(gcc):
    program = PROGRAM.replace("fault, fault, fault, fault, fault", "0, 0, 0, 0, 0").replace(
        " vmov.i32 q0,#5", " udf #1"
    )
    with pytest.raises(EmulatorError, match=r"the program faults in .* on cortex-m55, and has no handler"):
        ran(gcc.build("cortex-m55", program, ".s", ITCM))


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--seconds", "1"], "needs a model of time"), (["--stub", "0x40000000=1"], "--stub: cortex-m55 runs in QEMU"),
     (["--flame", "f.svg"], "--flame: cortex-m55 runs in QEMU")],
)  # fmt: skip
def test_what_qemu_has_not_is_refused(elf, words, said, capfd):
    with pytest.raises(SystemExit) as end:
        main(["run", str(elf), "--core", "cortex-m55", *words])
    assert end.value.code == 2
    assert said in capfd.readouterr().err
