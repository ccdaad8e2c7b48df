"""Whole programs: from reset, with exceptions, peripherals and semihosting, in the model's time."""

import pytest

from mixcomp_sim import EmulatorError
from mixcomp_sim.chips import find_chip
from mixcomp_sim.outcome import Limits, Start
from mixcomp_sim.pipeline import core_cycles
from mixcomp_sim.system import System, zero_wait

CHIPS = {"cortex-m0plus": "stm32g0b1", "cortex-m3": "stm32f103", "cortex-m4": "stm32l4r5", "cortex-m7": "stm32h7a3",
         "cortex-m33": "stm32u575"}  # fmt: skip
VECTORS = """
.section .keep.vectors,"a"
.word 0x20010000, reset + 1
.rept 9
.word hang + 1
.endr
.word svc + 1, hang + 1, 0, pendsv + 1, systick + 1
.text
.weak svc, pendsv, systick
.type hang,%function
hang: b hang
.global reset
.type reset,%function
reset:
"""
EXIT = "\n ldr r1,=0x20026\n movs r0,#0x18\n bkpt 0xab\n .ltorg\n"
PRINT = """
typedef unsigned u32;
#define R(a) (*(volatile u32 *)(a))
static int ask(int op, const void *what)
{
    register int r0 __asm("r0") = op;
    register const void *r1 __asm("r1") = what;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}
static void quit(int status) { u32 block[2] = {0x20026, (u32)status}; ask(0x20, block); }
int main(void);
void reset(void) { quit(main()); }
void __attribute__((weak)) svc(void);
void __attribute__((weak)) pendsv(void);
void __attribute__((weak)) systick(void);
__attribute__((section(".keep.vectors"), used)) static void *const vectors[16] = {
    (void *)0x20010000, reset, 0, 0, 0, 0, 0, 0, 0, 0, 0, svc, 0, 0, pendsv, systick};
"""


class Ran:
    """A program that has run: its outcome and what it printed."""

    def __init__(self, gcc, core, text, *, start=None, limits=None, chip=None, **options):
        elf = gcc.build(core, text, ".s" if ".section" in text or ".text" in text else ".c")
        self.said = b""
        self.system = System(
            elf, chip or zero_wait(find_chip(CHIPS[core])), start or Start(), output=self._hear, **options
        )
        self.outcome = self.system.run(limits or Limits(instructions=2_000_000))

    def _hear(self, text):
        self.said += text


def test_a_program_prints_reads_and_ends_with_its_status(gcc, core):
    program = (
        PRINT
        + """
    int main(void)
    {
        char line[8];
        u32 read[3] = {1, (u32)line, 5};
        ask(4, "say ");
        int left = ask(6, read);
        u32 write[3] = {2, (u32)line, 5 - left};
        ask(5, write);
        return ask(0x10, 0) + 7;
    }"""
    )
    ran = Ran(gcc, core, program, input=b"abcdefg")
    assert (ran.said, ran.outcome.ending.kind, ran.outcome.ending.status) == (b"say abcde", "exit", 7)


def test_the_cycle_counter_counts_the_models_cycles(gcc, mainline):
    body = (
        " ldr r0,=0xe0001000\n movs r1,#1\n str r1,[r0]\n b 1f\n.ltorg\n1: ldr r2,[r0,#4]\n"
        + " adds r3,r3,#1\n" * 100
        + " ldr r4,[r0,#4]\n subs r0,r4,r2\n bx lr\n"
    )
    ran = Ran(gcc, mainline, ".text\n.global f\n.type f,%function\nf:\n" + body, start=Start("f"))
    assert ran.outcome.ending.value == pytest.approx(100, abs=3)


def test_the_time_of_a_run_is_that_of_the_finished_count(gcc, core):
    program = PRINT + "int a[9]; int main(void) { for (int i = 0; i < 999; i++) a[i % 9] += i / 3; return 0; }"
    ran = Ran(gcc, core, program)
    [cycles] = core_cycles(ran.outcome.counts, core)
    assert ran.system.now == pytest.approx(cycles.nominal, rel=0.01)
    assert sum(call.total for call in ran.outcome.calls) == pytest.approx(ran.system.now, rel=1e-3)


TICKS = (
    PRINT
    + """
volatile u32 ticks;
void systick(void) { ticks++; }
int main(void)
{
    R(0xE000E014) = 999;
    R(0xE000E018) = 0;
    R(0xE000E010) = 7;
    %s
    return (int)ticks;
}"""
)


def test_systick_comes_every_reload_plus_one_cycles(gcc, core):
    ran = Ran(gcc, core, TICKS % "while (ticks < 20) {}")
    assert ran.outcome.exceptions == {15: 20}
    assert ran.system.now == pytest.approx(20_000, abs=200)


def test_sleep_passes_the_time_to_the_next_tick(gcc, core):
    ran = Ran(gcc, core, TICKS % 'while (ticks < 20) { __asm volatile("wfi"); }')
    assert ran.outcome.exceptions == {15: 20}
    assert ran.system.now == pytest.approx(20_000, abs=200)
    assert ran.outcome.asleep_cycles > 15_000


def test_a_masked_exception_waits_until_it_may_come(gcc, core):
    body = 'for (int i = 0; i < 2000; i++) __asm volatile("nop"); int before = ticks; __asm volatile("cpsie i"); return'
    ran = Ran(gcc, core, TICKS % f'__asm volatile("cpsid i"); {body} 100 * before + ticks;')
    assert ran.outcome.ending.status == 1


TASKS = (
    PRINT
    + """
static u32 stacks[2][64], *at[2], turn;
static volatile u32 work[2];
void systick(void) { R(0xE000ED04) = 1u << 28; }
u32 *swap(u32 *sp) { at[turn] = sp; return at[turn ^= 1]; }
__attribute__((naked)) void pendsv(void)
{
    __asm volatile("mrs r0, psp\\n stmdb r0!, {r4-r11, lr}\\n bl swap\\n"
                   "ldmia r0!, {r4-r11, lr}\\n msr psp, r0\\n bx lr");
}
__attribute__((naked)) void svc(void)
{
    __asm volatile("ldr r0, =at\\n ldr r0, [r0]\\n ldmia r0!, {r4-r11, lr}\\n msr psp, r0\\n bx lr");
}
static void task(u32 me)
{
    for (;;) {
        work[me]++;
        if (work[0] > 3000 && work[1] > 3000) quit(work[0] + work[1] > 6500 ? 1 : 0);
    }
}
static void make(u32 me)
{
    u32 *sp = stacks[me] + 64;
    *--sp = 1u << 24; *--sp = (u32)task; *--sp = 0;
    for (int i = 0; i < 4; i++) *--sp = 0;
    *--sp = me; *--sp = 0xFFFFFFFD;
    for (int i = 0; i < 8; i++) *--sp = 0;
    at[me] = sp;
}
int main(void)
{
    make(0); make(1);
    R(0xE000ED20) = 0xFFFF0000u;
    R(0xE000E014) = 1999; R(0xE000E018) = 0; R(0xE000E010) = 7;
    __asm volatile("svc 0");
    return 9;
}"""
)


def test_two_tasks_take_turns_on_stacks_of_their_own(gcc, mainline):
    outcome = Ran(gcc, mainline, TASKS).outcome
    assert (outcome.ending.kind, outcome.ending.status) == ("exit", 0)
    assert outcome.exceptions[11] == 1
    assert outcome.exceptions[14] == outcome.exceptions[15] > 10


FLOATS = (
    VECTORS
    + """
 vmov.f32 s0,#1.5
 vmov.f32 s20,#2.5
 ldr r0,=0xe000ed04
 ldr r1,=0x10000000
 str r1,[r0]
 isb
 vadd.f32 s0,s0,s20
 vcvt.s32.f32 s0,s0
 vmov r1,s0
 ldr r0,=0x20000100
 ldr r2,=0x20026
 str r2,[r0]
 str r1,[r0,#4]
 mov r1,r0
 movs r0,#0x20
 bkpt 0xab
 .ltorg
.type pendsv,%function
pendsv:
 vmov.f32 s0,#8.0
 vmov.f32 s1,#8.0
 bx lr
"""
)


def test_a_handler_that_uses_the_fpu_leaves_the_registers_of_what_it_interrupts(gcc):
    outcome = Ran(gcc, "cortex-m4", ".fpu fpv4-sp-d16\n" + FLOATS).outcome
    assert outcome.exceptions == {14: 1}
    assert outcome.ending.status == 4


def handled(main, handlers="", svc=" bx lr"):
    """A program that runs `main` once; svc, pendsv as given."""
    return VECTORS + f"{main}\n{EXIT}.type svc,%function\nsvc:\n{svc}\n.ltorg\n{handlers}"


PEND = " ldr r0,=0xe000ed04\n ldr r1,=0x10000000\n str r1,[r0]\n dsb\n"
CHAINED = PEND + " bx lr"
PENDSV = ".type pendsv,%function\npendsv: bx lr"
USES_FPU, FPU_OFF = "vadd.f32 s0,s0,s0", "ldr r0,=0xe000ef34\n ldr r1,=0x80000000\n str r1,[r0]\n"
ENTRY = {"cortex-m0plus": 15, "cortex-m3": 12, "cortex-m4": 12, "cortex-m7": 12, "cortex-m33": 12}  # Arm's figures
EXIT_CYCLES = {"cortex-m0plus": 13} | dict.fromkeys(set(ENTRY) - {"cortex-m0plus"}, 10)  # assumed
TAIL_CHAIN, FPU_FRAME = 6, 17  # Yiu, Definitive Guide; 29 cycles of entry where lazy saving is off


def exception_cycles(gcc, core, text):
    """Of a hundred rounds, by what the model accounts for them; its clock has to agree."""
    with_fpu = ".fpu fpv4-sp-d16\n" if "f32" in text else ""
    found = []
    for rounds in (2, 102):
        ran = Ran(gcc, core, with_fpu + text.replace("ROUNDS", str(rounds)))
        [cycles] = core_cycles(ran.outcome.counts, core)
        found.append((ran.outcome.exception_cycles, ran.system.now - cycles.nominal, ran.outcome.exceptions))
    (few, few_clock, _), (many, many_clock, taken) = found
    assert many_clock - few_clock == pytest.approx(many - few, rel=0.1)
    return many - few, taken


def rounds(body):
    return f" movs r4,#ROUNDS\n1:\n {body}\n subs r4,#1\n bne 1b"


def test_a_hundred_exceptions_cost_their_entries_and_returns(gcc, core):
    cycles, taken = exception_cycles(gcc, core, handled(rounds("svc 0")))
    assert (cycles, taken) == (100 * (ENTRY[core] + EXIT_CYCLES[core]), {11: 102})


def test_an_exception_that_waits_for_the_end_of_another_costs_no_frame_of_its_own(gcc, core):
    cycles, taken = exception_cycles(gcc, core, handled(rounds("svc 0"), PENDSV, CHAINED))
    assert (cycles, taken) == (100 * (ENTRY[core] + TAIL_CHAIN + EXIT_CYCLES[core]), {11: 102, 14: 102})


@pytest.mark.parametrize(
    ("before", "in_handler", "frames"),
    [("", "nop", 0), ("", USES_FPU, 0), (USES_FPU, "nop", 0), (USES_FPU, USES_FPU, 2), (FPU_OFF + USES_FPU, "nop", 2)],
    ids=["no floats", "floats in the handler alone", "kept", "saved when the handler needs them", "saved at once"],
)
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7", "cortex-m33"])
def test_registers_of_the_fpu_cost_their_frame_only_where_they_are_saved(gcc, core, before, in_handler, frames):
    text = handled(f" {before}\n" + rounds("svc 0"), svc=f" {in_handler}\n bx lr")
    cycles, _ = exception_cycles(gcc, core, text + "\n@ f32")
    assert cycles == 100 * (ENTRY[core] + EXIT_CYCLES[core] + frames * FPU_FRAME)


def test_a_uart_prints_and_a_stub_is_read(gcc, core):
    program = (
        PRINT + "int main(void) { R(0x40001000) = 'h'; R(0x40001000) = 'i'; return R(0x40002004) + R(0x40002000); }"
    )
    ran = Ran(gcc, core, program, uarts=[0x40001000], stubs=[(0x40002004, 40)])
    assert (ran.said, ran.outcome.ending.status) == (b"hi", 40)
    assert list(ran.outcome.unknown) == [0x40002000]


def test_a_stub_may_lie_where_nothing_is(gcc):
    program = PRINT + "int main(void) { return R(0x10000130); }"
    assert Ran(gcc, "cortex-m4", program, stubs=[(0x10000130, 8)]).outcome.ending.status == 8


def test_waiting_for_a_register_without_a_model_is_told_by_its_address(gcc):
    program = PRINT + "int main(void) { while (!(R(0x40021000) & 2)) {} return 0; }"
    with pytest.raises(EmulatorError, match=r"waits in main\+.* for 0x40021000.*--stub 0x40021000=VALUE"):
        Ran(gcc, "cortex-m4", program, limits=Limits(instructions=10_000_000))


def test_a_fault_names_its_place(gcc, core):
    program = PRINT + "int main(void) { return *(volatile int *)0x90000000; }"
    with pytest.raises(EmulatorError, match=r"read at address 0x90000000 in (main|reset)\+.*p\d+\.c:\d+") as caught:
        Ran(gcc, core, program)
    assert caught.value.address == 0x90000000


@pytest.mark.parametrize(
    ("body", "kind"), [(" b .", "loop"), ("1: wfi\n b 1b", "sleep"), (EXIT, "exit"), (" bkpt 7", None)]
)
def test_the_end_of_a_program_has_a_name(gcc, core, body, kind):
    if kind is None:
        with pytest.raises(EmulatorError, match="breakpoint 7"):
            Ran(gcc, core, VECTORS + body)
    else:
        assert Ran(gcc, core, VECTORS + body).outcome.ending.kind == kind


def test_a_run_ends_when_the_chips_time_is_over(gcc):
    chip = zero_wait(find_chip("stm32l4r5"))
    ran = Ran(gcc, "cortex-m4", VECTORS + "1: adds r0,#1\n adds r0,#1\n b 1b", limits=Limits(seconds=0.001), chip=chip)
    assert ran.outcome.ending.kind == "time"
    assert ran.system.now == pytest.approx(120_000, abs=10)


def test_a_program_that_goes_on_for_ever_is_an_error_that_names_the_way_out(gcc):
    with pytest.raises(EmulatorError, match=r"more than 1000 instructions.*--max-instructions.*--seconds"):
        Ran(gcc, "cortex-m4", VECTORS + "1: adds r0,#1\n adds r0,#1\n b 1b", limits=Limits(instructions=1000))


def test_the_stack_is_measured_to_its_deepest_byte(gcc, core):
    body = " sub sp,#40\n str r0,[sp,#8]\n push {r0-r3}\n add sp,#56" + EXIT
    assert Ran(gcc, core, VECTORS + body).outcome.stack_bytes == 56


@pytest.mark.parametrize(
    ("load", "cycles"), [("ldr r1,[r0]", 0), ("ldr r1,[r0,#2]", 1), ("ldr r1,[r0,#1]", 2), ("ldrh r1,[r0,#1]", 1),
                         ("ldrh r1,[r0,#2]", 0), ("ldrb r1,[r0,#3]", 0), ("str r1,[r0,#3]", 0)]
)  # fmt: skip
@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4"])
def test_an_unaligned_load_costs_a_cycle_for_each_part_more(gcc, core, load, cycles):
    outcome = Ran(gcc, core, VECTORS + " ldr r0,=0x20000100\n" + f" {load}\n" * 10 + EXIT).outcome
    assert outcome.stalls.unaligned_cycles == 10 * cycles


def test_hints_that_the_emulator_lacks_do_nothing(gcc, core):
    assert Ran(gcc, core, VECTORS + " sev\n wfe\n yield\n wfe\n nop" + EXIT).outcome.ending.status == 0


def test_an_instruction_that_the_core_lacks_is_named(gcc):
    with pytest.raises(EmulatorError, match=r"cortex-m4 has no vadd.f64 d0, d1, d2 in "):
        Ran(gcc, "cortex-m4", ".fpu fpv5-d16\n" + VECTORS + " vadd.f64 d0,d1,d2" + EXIT)


def test_a_vector_table_may_name_a_stack_in_low_memory(gcc):
    program = VECTORS.replace("0x20010000", "0x00020000") + EXIT
    assert Ran(gcc, "cortex-m4", program).outcome.ending.kind == "exit"


def test_the_tree_of_calls_shows_who_called_whom(gcc, core):
    program = (
        PRINT
        + """
    __attribute__((noinline)) int leaf(int n) { for (volatile int i = 0; i < n; i++) {} return n; }
    __attribute__((noinline)) int left(void) { return leaf(10) + leaf(10); }
    __attribute__((noinline)) int right(void) { return leaf(100) + 1; }
    int main(void) { return left() + right() - 121; }"""
    )
    ran = Ran(gcc, core, program)
    names = [label.name for label in ran.system.image.labels]

    def tree(calls):
        return {names[call.function]: (call.calls, tree(call.below)) for call in calls}

    found = tree(ran.outcome.calls)["reset"][1]
    found = found.get("main", (1, found))[1]
    assert found == {"left": (1, {"leaf": (2, {})}), "right": (1, {"leaf": (1, {})})}


def test_the_flash_makes_a_program_wait_and_the_waits_belong_to_its_blocks(gcc):
    text = VECTORS + " adds r0,#1\n" * 64 + EXIT
    outcome = Ran(gcc, "cortex-m4", text, chip=find_chip("stm32l4r5")).outcome
    assert outcome.stalls.cycles > 50
    assert sum(outcome.block_stalls.values()) == pytest.approx(outcome.stalls.cycles)
