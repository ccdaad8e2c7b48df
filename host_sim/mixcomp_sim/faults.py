"""What Unicorn tells of a fault, as words."""

from __future__ import annotations

from dataclasses import dataclass

from unicorn import unicorn_const as const

ACCESS = {
    const.UC_MEM_READ_UNMAPPED: "read",
    const.UC_MEM_READ_PROT: "read",
    const.UC_MEM_WRITE_UNMAPPED: "write",
    const.UC_MEM_WRITE_PROT: "write to flash",
    const.UC_MEM_FETCH_UNMAPPED: "fetch",
    const.UC_MEM_FETCH_PROT: "fetch",
}
SVC, BREAKPOINT = 2, 7
EXCEPTIONS = {  # numbers of target/arm/cpu.h in QEMU 5, which Unicorn 2 is made of
    1: "illegal instruction",
    SVC: "svc",
    3: "fetch",
    4: "unaligned access",
    BREAKPOINT: "breakpoint",
    17: "coprocessor or FPU instruction that this core lacks",
}
RISCV_EXCEPTIONS = {  # causes of mcause, RISC-V privileged ISA, table 3.6
    0: "unaligned fetch",
    2: "illegal instruction",
    3: "breakpoint",
    4: "unaligned access",
    6: "unaligned access",
    8: "ecall",
    11: "ecall",
}
THUMB_STATE = 1 << 5  # of CPSR


@dataclass
class Fault:
    kind: str
    address: int | None
    raised: bool = False  # as an exception of the core
