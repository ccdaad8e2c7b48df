"""Whole programs of RV32IMAC by `mixcomp-sim run`, counted by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import capstone
import pytest

from host_sim.conftest import RISCV
from mixcomp_sim.command import main
from mixcomp_sim.elf import read_elf

UART = 0x10000000
PROGRAM = """.macro ask
.option push
.option norvc
 slli x0,x0,31
 ebreak
 srai x0,x0,7
.option pop
.endm
.text
.global _start
.type _start,%function
_start:
 li a0,10
 call squares
 la t0,wanted
 lw t0,0(t0)
 bne a0,t0,3f
 li a0,4
 la a1,text
 ask
 lui t0,0x10000
 li t1,33
 sb t1,0(t0)
 li a0,0x18
 lui a1,0x20
 addi a1,a1,0x26
 ask
3: j 3b
.global squares
.type squares,%function
squares:
 li a1,0
1: mul a2,a0,a0
 add a1,a1,a2
 addi a0,a0,-1
 bnez a0,1b
 mv a0,a1
 ret
.global asleep
.type asleep,%function
asleep:
 wfi
 j asleep
.global astray
.type astray,%function
astray:
 lui a0,0x50000
 lw a0,0(a0)
 ret
.section .rodata
text: .asciz "sum right"
.data
wanted: .word 385
"""


@pytest.fixture(scope="module")
def elf(toolchain, tmp_path_factory):
    """The program with its entry, which the tests' linker script leaves out."""
    built = toolchain.build(RISCV, PROGRAM)
    data = bytearray(built.read_bytes())
    data[24:28] = read_elf(built).symbol("_start").address.to_bytes(4, "little")
    path = tmp_path_factory.mktemp("riscv") / "program.elf"
    path.write_bytes(data)
    return path


def ran(capsys, monkeypatch, *words: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["mixcomp-sim", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def instructions(elf: Path, first: str, end: str) -> list[object]:
    """By capstone, from one function to the next."""
    image = read_elf(elf)
    start, stop = (image.symbol(name).address for name in (first, end))
    [code] = [part for part in image.code if part.address <= start < part.address + len(part.data)]
    decoder = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC)
    return list(decoder.disasm(code.data[start - code.address : stop - code.address], start))


def test_a_program_prints_ends_and_is_counted_by_function(elf, capsys, monkeypatch):
    words = ("run", elf, "--core", RISCV, "--uart", hex(UART), "--json")
    code, said, _ = ran(capsys, monkeypatch, *words)
    told = json.loads(said)
    assert (code, told["ending"]["kind"], told["ending"]["status"]) == (0, "exit", 0)
    assert told["output"] == "sum right!"
    counted = {share["name"]: share["instructions"] for share in told["functions"]}
    assert counted["squares"] == 1 + 10 * 4 + 2
    assert (
        counted["_start"] == len(instructions(elf, "_start", "squares")) - 2
    )  # each once, but what stands behind the exit
    assert told["instructions"] == sum(counted.values())
    assert told["cycles"]["nominal"] >= told["instructions"]
    code, said, _ = ran(capsys, monkeypatch, *words[:-1])
    assert code == 0
    assert said.startswith("sum right!\n")
    assert "squares" in said
    assert "stack" not in said  # is not known of a whole program


def test_a_function_gets_arguments_and_a_stack_of_its_own(elf, capsys, monkeypatch):
    code, said, _ = ran(
        capsys, monkeypatch, "run", elf, "--core", RISCV, "--function", "squares", "--args", 3, "--json"
    )
    told = json.loads(said)
    assert (code, told["ending"]["value"], told["instructions"]) == (0, 9 + 4 + 1, 1 + 3 * 4 + 2)


def test_what_stops_a_program_is_told(elf, capsys, monkeypatch):
    def why(*words: object) -> str:
        code, said, error = ran(capsys, monkeypatch, "run", elf, "--core", RISCV, *words)
        return f"{code} {said.splitlines()[0] if said else ''}{error}"

    assert "0 program.elf on rp2350-riscv" in why("--function", "asleep")
    assert "2 error: the program faults: read at address 0x50000000 in astray" in why("--function", "astray")
    assert "2 error: the program executed more than 20 instructions" in why("--max-instructions", 20)
    assert "--seconds needs a clock" in why("--seconds", 1)
    assert "--flame and --trace follow the calls of Cortex-M programs" in why("--flame", "f.svg")
    assert "error: the program faults: write at address 0x10000000 in _start" in why()


def test_a_core_that_does_not_run_it_is_told(elf, capsys, monkeypatch):
    code, _, error = ran(capsys, monkeypatch, "run", elf, "--core", "cortex-m4")
    assert code == 2
    assert "the program is for EM_RISCV, which cortex-m4 does not run: --core rv32imac?" in error
