"""A program that does something wrong is stopped with an error that says what and where."""

import re
import subprocess
import time

import pytest

from mixcomp_sim import Emulator, EmulatorError

PROGRAM = """.text
.macro function name
.global \\name
.type \\name,%function
\\name:
.endm
 function store
 str r1,[r0]
 bx lr
 function load
 nop
 ldr r0,[r0]
 bx lr
 function forever
 b forever
 function undefined
 nop
 udf #0
 function trap
 bkpt #1
 function sleep
 wfi
 movs r0,#3
 bx lr
 function jump
 push {r4,lr}
 blx r0
 pop {r4,pc}
 function recurse
 push {r0-r7}
 push {r4,lr}
 bl recurse
 pop {r4,pc}
 function deep
 sub sp,#128
 str r0,[sp]
 add sp,#128
 bx lr
 function touch
 movs r4,#1
 lsls r4,#31
 msr apsr_nzcvq,r4
 bx lr
 function flags
 mrs r0,apsr
 bx lr
.data
.global cell
cell: .word 42
"""


@pytest.fixture
def emulator(gcc, core):
    return Emulator(gcc.build(core, PROGRAM), core, ram_bytes=4096, stack_bytes=2048)


def fault(emulator, *call, **options):
    with pytest.raises(EmulatorError) as caught:
        emulator.call(*call, **options)
    assert emulator.call("load", emulator.symbol("cell").address).value == 42, "the emulator must stay usable"
    return caught.value


def test_a_write_past_ram_names_function_and_address(emulator):
    assert emulator.call("store", 0x20000FFC, 1)
    error = fault(emulator, "store", 0x20001000, 1)
    assert (error.kind, error.address) == ("write", 0x20001000)
    assert re.search(r"store: write at address 0x20001000 in store\+0x0 \(p\d+\.s:\d+, pc 0x08000000\)", str(error))


def test_a_read_of_nothing(emulator):
    error = fault(emulator, "load", 0x70000000)
    assert (error.kind, error.address) == ("read", 0x70000000)
    assert "load+0x2" in str(error)


def test_a_write_to_flash(emulator):
    assert fault(emulator, "store", 0x08000000, 1).kind == "write to flash"


def test_a_jump_astray_names_the_caller(emulator):
    error = fault(emulator, "jump", 0x70000001)
    assert (error.kind, error.address) == ("fetch", 0x70000000)
    assert "last call in jump+0x2" in str(error)


def test_an_even_jump_is_a_switch_to_arm_state(emulator):
    assert "Arm state" in str(fault(emulator, "jump", emulator.symbol("load").address))


def test_an_undefined_instruction(emulator):
    error = fault(emulator, "undefined")
    assert error.kind == "illegal instruction"
    assert "undefined+0x2" in str(error)


def test_a_breakpoint(emulator):
    assert fault(emulator, "trap").kind == "breakpoint"


def test_sleeping_is_not_returning(emulator):
    error = fault(emulator, "sleep")
    assert error.kind == "halted"
    assert "sleep+0x2" in str(error)


def test_armv6m_refuses_what_only_armv7m_has(gcc):
    elf = gcc.build("cortex-m3", ".text\n.global f\n.type f,%function\nf: movw r0,#1\n bx lr")
    assert Emulator(elf, "cortex-m3").call("f").value == 1
    with pytest.raises(EmulatorError, match="illegal instruction in f"):
        Emulator(elf, "cortex-m0plus").call("f")


def test_unaligned_access_faults_on_armv6m_only(emulator):
    address = emulator.symbol("cell").address + 1
    if emulator.core.architecture == "armv6-m":
        assert fault(emulator, "load", address).kind == "unaligned access"
    else:
        emulator.call("load", address)


@pytest.mark.parametrize("count", [False, True])
def test_an_endless_loop_ends_by_timeout(emulator, count):
    start = time.monotonic()
    error = fault(emulator, "forever", count=count, timeout_s=0.05)
    assert error.kind == "timeout"
    assert "forever" in str(error)
    assert time.monotonic() - start < 5


def test_an_endless_loop_ends_by_budget(emulator):
    error = fault(emulator, "forever", count=True, budget=10_000)
    assert error.kind == "budget"
    assert "10000 instructions" in str(error)


def test_the_budget_is_exact(emulator):
    assert emulator.call("flags", count=True, budget=2).counts.total == 2
    assert fault(emulator, "flags", count=True, budget=1).kind == "budget"


def test_recursion_without_end_is_a_stack_overflow(emulator):
    error = fault(emulator, "recurse")
    assert error.kind == "stack overflow"
    assert "2048 bytes" in str(error)


def test_stack_is_measured_at_its_deepest(emulator):
    assert emulator.call("deep", 5).stack_bytes == 128
    assert emulator.call("load", emulator.symbol("cell").address).stack_bytes == 0
    assert emulator.call("deep", 5).stack_bytes == 128


def test_registers_and_flags_do_not_survive_a_call(emulator):
    before = emulator.call("flags").value
    emulator.call("touch")
    assert emulator.call("flags").value == before


def test_ten_thousand_calls(emulator):
    cell = emulator.symbol("cell").address
    for i in range(10_000):
        emulator.call("store", cell, i)
    assert emulator.call("load", cell).value == 9_999


def test_data_larger_than_ram_is_refused(gcc):
    elf = gcc.build("cortex-m4", PROGRAM + ".bss\n.space 8192\n")
    with pytest.raises(EmulatorError, match=r"is 4096 bytes, but the program's data needs 8\d\d\d"):
        Emulator(elf, "cortex-m4", ram_bytes=4096)


def test_unknown_names_are_refused(emulator, gcc):
    with pytest.raises(EmulatorError, match="no symbol 'nowhere'"):
        emulator.call("nowhere")
    with pytest.raises(ValueError, match="only four"):
        emulator.call("load", 1, 2, 3, 4, 5)
    with pytest.raises(ValueError, match=r"unknown core 'cortex-m9'. Known: cortex-m0plus, "):
        Emulator(gcc.build("cortex-m4", PROGRAM), "cortex-m9")
    with pytest.raises(EmulatorError, match="cannot read 4 bytes at 0x70000000"):
        emulator.read(0x70000000, 4)
    with pytest.raises(EmulatorError, match="cannot write 1 bytes at 0x70000000"):
        emulator.write(0x70000000, b"x")


LINES = """int table[8];
int past(int i)
{
    ((volatile int *)table)[i] = 1; /* line 4 */
    return 0;
}
int forever(void)
{
    volatile int n = 0;
    for (;;) { n++; } /* line 10 */
}
int illegal(void)
{
    __asm__ volatile("udf #3"); /* line 14 */
    return 1;
}
int recurse(int n) /* line 17 */
{
    volatile int frame[32];
    frame[0] = n; /* line 20 */
    return recurse(n + 1) + frame[0];
}
"""


@pytest.mark.parametrize(
    ("call", "cause", "lines"),
    [
        (("past", 1 << 16), "write at address", {4}),
        (("forever",), "timeout", {9, 10}),
        (("illegal",), "illegal instruction", {14}),
        (("recurse", 1), "stack overflow", {17, 18, 20, 21}),
    ],
)
def test_a_fault_names_function_line_and_cause(toolchain, core, call, cause, lines):
    elf = toolchain.build(core, LINES, ".c")
    emulator = Emulator(elf, core, ram_bytes=None)
    start = time.monotonic()
    with pytest.raises(EmulatorError, match=cause) as caught:
        emulator.call(*call, timeout_s=0.2)
    assert time.monotonic() - start < 10
    found = re.search(r"in (\w+)\+0x[0-9a-f]+ \(p\d+\.c:(\d+), pc 0x", str(caught.value))
    assert found[1] == call[0]
    assert int(found[2]) in lines


def test_without_a_limit_of_ones_own_an_endless_loop_ends_within_ten_seconds(gcc):
    emulator = Emulator(gcc.build("cortex-m4", LINES, ".c"), "cortex-m4")
    start = time.process_time()  # what the limit is about: a busy machine takes longer
    with pytest.raises(EmulatorError, match="timeout"):
        emulator.call("forever")
    assert time.process_time() - start < 10


def test_without_debug_information_the_function_is_named(gcc):
    elf = gcc.build("cortex-m4", PROGRAM)
    bare = elf.with_suffix(".bare")
    subprocess.run(["arm-none-eabi-objcopy", "--strip-debug", elf, bare], check=True)
    emulator = Emulator(bare, "cortex-m4", ram_bytes=4096)
    assert "in undefined+0x2 (pc 0x" in str(fault(emulator, "undefined"))


def test_ram_of_the_programs_own_size_ends_with_its_data(gcc):
    emulator = Emulator(gcc.build("cortex-m4", PROGRAM), "cortex-m4", ram_bytes=None)
    page_end = emulator.symbol("cell").address // 1024 * 1024 + 1024
    emulator.call("store", page_end - 4, 1)
    assert fault(emulator, "store", page_end, 1).kind == "write"
