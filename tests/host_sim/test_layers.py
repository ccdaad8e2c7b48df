"""Layer marks split the counts by time, at the exact instruction."""

import pytest

from mixcomp_sim import Emulator, EmulatorError

SPLIT = """.text
.global kernel
.type kernel,%function
kernel: subs r0,#1
 bne kernel
 bx lr
.global run
.type run,%function
run: push {r4,lr}
 movs r0,#3
 bl kernel
 movs r1,#1
 movs r2,#2
mce_layer_0_end:
 movs r3,#3
mce_layer_1_end:
mce_layer_2_end:
 ldr r3,=value
 movs r0,#10
 str r0,[r3]
 bl kernel
mce_layer_3_end:
 movs r0,#0
 pop {r4,pc}
.ltorg
.size run,.-run
.bss
.global value
value: .space 4
"""
#        push movs bl + 3*2+1 + 2 | 1 | 0 | ldr movs str bl + 21 | movs pop
LAYERS = (12, 1, 0, 25, 2)


def test_a_block_is_split_at_the_marks_inside_it(toolchain, core):
    counts = Emulator(toolchain.build(core, SPLIT), core).call("run", count=True).counts
    assert counts.layers == LAYERS
    assert counts.total == sum(LAYERS)
    assert [sum(part.values()) for part in counts.by_address] == list(LAYERS)


def test_a_shared_kernel_belongs_to_the_layer_that_calls_it(toolchain, core):
    emulator = Emulator(toolchain.build(core, SPLIT), core)
    counts = emulator.call("run", count=True).counts
    kernel = emulator.symbol("kernel").address
    assert [part.get(kernel, 0) for part in counts.by_address] == [3, 0, 0, 10, 0]
    assert counts.mnemonics(3)["sub"] == 10


@pytest.mark.parametrize("count", [False, True])
def test_on_layer_is_called_in_order_with_memory_as_it_is(toolchain, core, count):
    emulator = Emulator(toolchain.build(core, SPLIT), core)
    value = emulator.symbol("value").address
    emulator.call("run")  # translated before the hooks exist
    emulator.write(value, bytes(4))
    for _ in range(2):
        seen = []
        result = emulator.call(
            "run", count=count, on_layer=lambda i, seen=seen: seen.append((i, emulator.read(value, 4)[0]))
        )
        assert seen == [(0, 0), (1, 0), (2, 0), (3, 10)]
        assert result.counts is None or result.counts.layers == LAYERS
        emulator.write(value, bytes(4))
    assert emulator.call("run", count=True).counts.layers == LAYERS


def test_an_exception_in_on_layer_reaches_the_caller(gcc):
    emulator = Emulator(gcc.build("cortex-m4", SPLIT), "cortex-m4")
    with pytest.raises(ZeroDivisionError):
        emulator.call("run", on_layer=lambda i: 1 // 0)
    assert emulator.call("run", count=True).counts.layers == LAYERS


def test_a_program_that_never_reaches_a_mark_is_all_layer_0(gcc):
    emulator = Emulator(gcc.build("cortex-m4", SPLIT), "cortex-m4")
    assert emulator.layers == 4
    assert emulator.call("kernel", 4, count=True).counts.layers == (9, 0, 0, 0, 0)


def test_a_missing_mark_is_named(gcc):
    elf = gcc.build("cortex-m4", SPLIT.replace("mce_layer_1_end:\n", ""))
    with pytest.raises(EmulatorError, match="3 layer marks, but mce_layer_1_end is not"):
        Emulator(elf, "cortex-m4")


def test_marks_in_c_survive_the_optimizer(toolchain, core):
    text = """
    int total;
    __attribute__((noinline)) void kernel(int n) { for (volatile int i = 0; i < n; i++) { total += i; } }
    int run(void)
    {
        kernel(5);
        __asm__ volatile("mce_layer_0_end:" ::: "memory");
        kernel(50);
        __asm__ volatile("mce_layer_1_end:" ::: "memory");
        return 0;
    }"""
    emulator = Emulator(toolchain.build(core, text, ".c"), core)
    first, second, outside = emulator.call("run", count=True).counts.layers
    alone = [emulator.call("kernel", n, count=True).counts.total for n in (5, 50)]
    assert alone[0] < first < alone[0] + 8
    assert alone[1] < second < alone[1] + 8
    assert 0 < outside < 8
