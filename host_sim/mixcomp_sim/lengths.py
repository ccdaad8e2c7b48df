"""How long an instruction is, by its first halfword: all that counting must know of an instruction set."""

from __future__ import annotations

RISCV = "EM_RISCV"  # as an ELF's header names the machine; any other is Thumb


def instruction_bytes(machine: str, code: bytes, at: int = 0) -> int:
    """Bytes of the instruction that begins at code[at]. Thumb: Arm DDI 0403, A5.1. RISC-V: unprivileged ISA 1.5; no
    core here has instructions of 48 bits or more."""
    if machine == RISCV:
        return 4 if code[at] & 3 == 3 else 2
    return 4 if code[at + 1] >> 3 >= 0b11101 else 2
