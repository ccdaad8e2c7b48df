"""The flash model in C against the slow one in Python, against a person, and on a program's own addresses."""

import random

import pytest

from host_sim.flash_judge import Judge
from host_sim.random_programs import random_program
from mixcomp_sim import Emulator, EmulatorError
from mixcomp_sim.chips import Cache, Flash, chips, find_chip
from mixcomp_sim.flash import FlashModel

BASE = 0x08000000
SHAPES = {
    "none": Flash(3, 8, False),
    "none, prefetch": Flash(3, 8, True),
    "sectors": Flash(5, 8, False, Cache(128, 4, 32), Cache(64, 2, 32)),
    "sectors, prefetch": Flash(5, 8, True, Cache(128, 4, 32), Cache(64, 2, 32)),
    "unified": Flash(4, 16, False, Cache(256, 2, 16), unified=True, refill_cycles=1),
    "direct": Flash(2, 4, True, Cache(64, 1, 8)),
}


def random_trace(rng, n):
    """(address, size) of blocks (size > 0) and data reads: loops, jumps, straight code and streams."""
    trace, code, data = [], BASE, BASE + 4096
    for _ in range(n):
        match rng.randrange(6):
            case 0:
                code = BASE + 2 * rng.randrange(400)
            case 1:
                data = BASE + 4096 + 4 * rng.randrange(100)
            case 2 | 3:
                trace.append((code, size := 2 * rng.randrange(1, 40)))
                code += size
            case 4:
                trace += [(data, 0)] * rng.randrange(1, 3)
                data += 4
            case 5:
                trace.append((0x20000000 + 4 * rng.randrange(9), rng.choice([0, 8])))  # RAM: never stalls
    return trace


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", [*SHAPES, *chips()])
def test_the_model_equals_the_slow_one_on_random_traces(shape, seed):
    rng = random.Random(f"{shape} {seed}")
    flash = SHAPES.get(shape) or find_chip(shape).flash
    trace, pace = random_trace(rng, 300), rng.choice([0.5, 1.0, 1.3])
    shift = flash.base - BASE
    trace = [(address + shift if address < 0x10000000 else address, size) for address, size in trace]
    model, judge = FlashModel(flash, pace), Judge(flash, pace)
    model.trace(*zip(*trace, strict=True))
    for address, size in trace:
        if address >= 0x20000000:
            judge.now += size // 2 * judge.pace
        elif size:
            judge.execute(address, size)
        else:
            judge.read(address)
    [stalls] = model.stalls()
    assert (stalls.fetch_cycles, stalls.read_cycles) == tuple(map(float, judge.stalls))
    assert (stalls.fetch_misses, stalls.read_misses) == tuple(judge.misses)


def test_a_person_counts_a_loop_that_fits_and_one_that_does_not():
    flash = Flash(5, 8, False, Cache(32, 4, 8))
    small, large = FlashModel(flash, 1.0), FlashModel(flash, 1.0)
    small.trace([BASE] * 10, [32] * 10)
    assert small.stalls()[0].fetch_cycles == 4 * 5  # four sectors once
    large.trace([BASE] * 10, [40] * 10)
    assert large.stalls()[0].fetch_cycles == 10 * 5 * 5  # the least recently used is always the next


def test_prefetch_hides_what_the_code_takes_to_run():
    flash = Flash(5, 8, True)
    model = FlashModel(flash, 1.0)  # four halfwords a sector: four of five cycles are hidden
    model.trace([BASE], [800])
    assert model.stalls()[0].fetch_cycles == 5 + 99 * (5 - 4)


def test_weights_that_do_not_fit_are_read_again():
    chip = find_chip("stm32l4r5")
    fits, streams = FlashModel(chip.flash, 1.0), FlashModel(chip.flash, 1.0)
    words = [BASE + 4 * i for i in range(64)]  # 256 bytes: all of the data cache
    fits.trace(words * 10, [0] * 640)
    assert fits.stalls()[0].read_misses == 32
    words += [BASE + 256 + 4 * i for i in range(8)]
    streams.trace(words * 10, [0] * 720)
    assert streams.stalls()[0].read_misses == 36 * 10


SUM = """
const int weights[1024] = {[0] = 3, [1023] = 4};
int run(void)
{
    int s = 0;
    for (int k = 0; k < 2; k++) { for (int i = 0; i < 1024; i++) { s += ((const volatile int *)weights)[i]; }
                                  __asm__ volatile(""); }
    __asm__ volatile("mce_layer_0_end:");
    return s;
}
"""


@pytest.mark.parametrize("chip", [c for c in chips().values() if c.flash.miss_cycles], ids=lambda chip: chip.name)
def test_a_program_stalls_where_it_reads_its_constants(chip, gcc):
    emulator = Emulator(gcc.build(chip.core, SUM, ".c"), chip.core)
    plain = emulator.call("run", count=True)
    result = emulator.call("run", count=True, flash=chip.flash)
    assert (result.value, result.counts) == (14, plain.counts)
    first, rest = result.stalls
    cached = {"stm32h7a3", "stm32u575", "rp2040", "stm32f746"}  # the 4 KiB are read once
    reads = 4096 // chip.flash.read_bytes if chip.flash.dcache or chip.flash.unified else 1024
    expected = reads * (1 if chip.name in cached else 2)
    assert 0 <= first.read_misses - expected <= 8  # the table's address itself, a line at either end
    assert first.read_cycles >= first.read_misses * chip.flash.wait_states
    assert rest.read_misses <= 2
    assert emulator.call("run", count=True).stalls is None


CONDITIONAL = """.text
.type run,%function
.global run
run: movs r0,#0
 movs r3,#10
 adr r1,table
again: tst r3,#1
 ite ne
 ldrne r2,[r1]
 ldreq r2,[r1,#4]
 add r0,r2
 subs r3,#1
 bne again
 bx lr
.balign 4
table: .word 3,5
"""


def test_loads_inside_it_blocks_are_followed_and_the_block_still_ends(mainline, gcc):
    """Unicorn leaves the IT bits set behind a hook of memory, and what follows would run on their condition."""
    emulator = Emulator(gcc.build(mainline, CONDITIONAL), mainline)
    result = emulator.call("run", count=True, flash=Flash(3, 4, False))
    assert result.value == 5 * 3 + 5 * 5
    assert result.counts == emulator.call("run", count=True).counts
    assert result.stalls[0].read_misses == 10  # a skipped load reads nothing


@pytest.mark.parametrize("seed", range(6))
def test_a_random_program_computes_the_same_when_it_is_followed(core, seed, gcc):
    emulator = Emulator(gcc.build(core, random_program(core, seed)), core)
    buffer = emulator.symbol("buffer").address
    plain = emulator.call("run", count=True)
    memory = emulator.read(buffer, 256)
    emulator.write(buffer, bytes(256))
    followed = emulator.call("run", count=True, flash=find_chip("stm32l4r5").flash)
    assert (followed.value, followed.counts, emulator.read(buffer, 256)) == (plain.value, plain.counts, memory)
    assert any(stalls.cycles for stalls in followed.stalls)


def test_after_a_fault_nothing_is_followed_any_more(gcc):
    emulator = Emulator(gcc.build("cortex-m4", SUM + "void bad(void) { *(volatile int *)8 = 1; }", ".c"), "cortex-m4")
    flash = find_chip("stm32l4r5").flash
    with pytest.raises(EmulatorError, match="write"):
        emulator.call("bad", count=True, flash=flash)
    assert emulator.call("run").stalls is None
    with pytest.raises(ValueError, match="needs count=True"):
        emulator.call("run", flash=flash)
    assert emulator.call("run", count=True, flash=flash).stalls[0].read_misses >= 1024
