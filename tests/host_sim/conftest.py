"""Small Thumb and RISC-V programs, built with each toolchain that this machine has."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mixcomp_sim import Memory

CORES = ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"]
RISCV = "rv32imac"
FLAGS = ["-g", "-O2", "-ffreestanding", "-ffunction-sections", "-fdata-sections", "-std=c99"]
ANYWHERE = Memory(flash=(0x08000000, 1 << 20), ram=(0x20000000, 256 << 10))
LINKER_SCRIPT = """
MEMORY { FLASH (rx) : ORIGIN = %d, LENGTH = %d   RAM (rwx) : ORIGIN = %d, LENGTH = %d }
SECTIONS {
    .text : { KEEP(*(.keep*)) *(.text*) *(.rodata*) } > FLASH
    .ARM.exidx : { *(.ARM.exidx*) } > FLASH
    /DISCARD/ : { *(.eh_frame*) }
    .data : { KEEP(*(.ramcode*)) *(.data*) *(.sdata*) } > RAM AT > FLASH
    .bss (NOLOAD) : { *(.bss*) *(.sbss*) *(COMMON) } > RAM
}
"""


class Toolchain:
    """Builds an ELF that keeps every function."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.built: dict[tuple[str, str, str, Memory], Path] = {}

    def build(self, core: str, text: str, suffix: str = ".s", memory: Memory = ANYWHERE) -> Path:
        key = (core, text, suffix, memory)
        if key not in self.built:
            stem = self.folder / f"p{len(self.built)}"
            source, obj, elf = stem.with_suffix(suffix), stem.with_suffix(".o"), stem.with_suffix(".elf")
            thumb = suffix == ".s" and core != RISCV
            source.write_text(f".syntax unified\n.thumb\n{text}" if thumb else text)
            script = stem.with_suffix(".ld")
            script.write_text(LINKER_SCRIPT % (*memory.flash, *memory.ram))
            (self._gcc if self.name == "gcc" else self._zig)(core, source, obj, elf, script)
            self.built[key] = elf
        return self.built[key]

    def _gcc(self, core: str, source: Path, obj: Path, elf: Path, script: Path) -> None:
        gcc = ["arm-none-eabi-gcc", f"-mcpu={core}", "-mthumb", *(["-mfloat-abi=hard"] if core == "cortex-m55" else [])]
        libraries = ["-lc_nano", "-lgcc"]
        if core == RISCV:
            if shutil.which("riscv64-unknown-elf-gcc") is None:
                pytest.skip("riscv64-unknown-elf-gcc is not installed")
            gcc = ["riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32"]
            libraries = ["--specs=picolibc.specs", "-lc", "-lgcc"]
        run([*gcc, *FLAGS, "-c", source, "-o", obj])
        link = ["-nostdlib", "-Wl,--no-gc-sections,--no-warn-rwx-segments,-e,0", "-T", script]
        run([*gcc, *link, obj, *libraries, "-o", elf])

    def _zig(self, core: str, source: Path, obj: Path, elf: Path, script: Path) -> None:
        zig = [sys.executable, "-m", "ziglang"]
        mcpu = core.replace("-", "_") + ("+dsp" if core == "cortex-m33" else "")
        cpu = ["-target", "thumb-freestanding-eabi", f"-mcpu={mcpu}"]
        if core == RISCV:
            cpu = ["-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m+a+c"]
        flags = [*FLAGS, "-fomit-frame-pointer", "-fno-sanitize=undefined"]
        run([*zig, "cc", *cpu, *flags, "-c", source, "-o", obj])
        runtime = self.folder / f"librt-{core}.a"
        if not runtime.exists():
            run(
                [
                    *zig,
                    "build-lib",
                    *cpu,
                    "-O",
                    "ReleaseSmall",
                    "-fcompiler-rt",
                    "--name",
                    "rt",
                    f"-femit-bin={runtime}",
                ]
            )
        keep = ["--no-gc-sections", "-e", "0"]
        run([*zig, "ld.lld", *keep, "-T", script, obj, runtime, "-o", elf])


def run(command: list[object]) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="session", params=["gcc", "zig"])
def toolchain(request, tmp_path_factory):
    if request.param == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    if request.param == "zig" and importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed (pip install ziglang)")
    return Toolchain(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def gcc(tmp_path_factory):
    """Where one toolchain is as good as two: the assembler decides nothing."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    return Toolchain("gcc", tmp_path_factory.mktemp("asm"))


@pytest.fixture(scope="session")
def needs_qemu():
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")


@pytest.fixture(params=CORES)
def core(request):
    return request.param


@pytest.fixture(params=[name for name in CORES if name != "cortex-m0plus"])
def mainline(request):
    """Cores that have IT and most 32-bit instructions."""
    return request.param
