"""QEMU's own count of every instruction, by address, equals ours."""

import shutil
import subprocess
from pathlib import Path

import pytest

from mixcomp_sim import BuildError, Emulator, build_shared

MACHINES = {  # core: machine, its flash, its RAM
    "cortex-m0plus": ("microbit", 0, 0x20000000),  # a Cortex-M0: the same ISA
    "cortex-m3": ("mps2-an385", 0, 0x20000000),
    "cortex-m4": ("mps2-an386", 0, 0x20000000),
    "cortex-m7": ("mps2-an500", 0, 0x20000000),
    "cortex-m33": ("mps2-an505", 0x10000000, 0x38000000),
}
SCRIPT = """
MEMORY { FLASH (rx) : ORIGIN = FLASH_START, LENGTH = 64K   RAM (rwx) : ORIGIN = RAM_START, LENGTH = 16K }
SECTIONS {
    .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > FLASH
    .data : { *(.data*) } > RAM
    .bss (NOLOAD) : { *(.bss*) *(COMMON) } > RAM
}
"""
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
__attribute__((noinline)) int run(void)
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
extern uint32_t result;
uint32_t result;
static void exit_qemu(void)
{
    register uint32_t r0 __asm__("r0") = 0x18;
    register uint32_t r1 __asm__("r1") = 0x20026;
    __asm__ volatile("bkpt #0xAB" : : "r"(r0), "r"(r1) : "memory");
}
void reset(void) { result = (uint32_t)run(); exit_qemu(); for (;;) { } }
__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {(void *)STACK_TOP, (void *)reset};
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    if shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("needs qemu-system-arm and arm-none-eabi-gcc")
    source = Path(__file__).with_name("qemu_count.c")
    try:
        return build_shared([source], tmp_path_factory.mktemp("plugin") / "count.so", ["-O2"])
    except BuildError as error:
        pytest.skip(f"cannot build the plugin: {error}")


@pytest.mark.parametrize("optimize", ["-Os", "-O3"])
@pytest.mark.parametrize("core", MACHINES)
def test_every_instruction_is_counted_as_qemu_counts_it(plugin, tmp_path, core, optimize):
    source, script, elf, out = (tmp_path / name for name in ("p.c", "p.ld", "p.elf", "counts"))
    source.write_text(PROGRAM)
    machine, flash, ram = MACHINES[core]
    script.write_text(SCRIPT.replace("FLASH_START", hex(flash)).replace("RAM_START", hex(ram)))
    flags = [
        f"-mcpu={core}",
        "-mthumb",
        f"-DSTACK_TOP={ram + 0x4000}",
        optimize,
        "-ffreestanding",
        "-nostdlib",
        "-Wl,-e,reset",
        "-T",
        script,
        source,
    ]
    subprocess.run(["arm-none-eabi-gcc", *flags, "-lgcc", "-o", elf], check=True)
    board = ["-machine", machine, "-nographic", "-semihosting-config", "enable=on,target=native"]
    done = subprocess.run(
        ["qemu-system-arm", *board, "-kernel", elf, "-plugin", f"{plugin},out={out}"],
        timeout=60, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if "-plugin" in done.stderr or "--enable-plugins" in done.stderr:
        pytest.skip("this QEMU has no TCG plugins")
    assert done.returncode == 0, done.stderr
    expected = {flash + int(a): int(n) for a, n in (line.split() for line in out.read_text().splitlines())}

    emulator = Emulator(elf, core)
    counts = emulator.call("run", count=True).counts
    [ours] = counts.by_address
    shell = emulator.symbol("reset")  # calls run
    theirs = {a: n for a, n in expected.items() if not shell.address <= a < shell.address + shell.size}
    assert ours == theirs
    assert counts.total > 20_000
