"""How a function is called on a QEMU board whose processor stands still: the registers of a call by the numbers of
QEMU's debug stub, the dozen instructions of ours that a call ends in, and what they say of a fault, by family."""

from __future__ import annotations

from typing import ClassVar, Protocol

from .families import RISCV, Family
from .gdb import GdbClient

END, STOP, ENABLE, FAULT = 0x100, 0x102, 0x110, 0x120  # from the page of ours on
_CPACR, _CPACR_FPU = 0xE000ED88, 0xF << 20  # full access to coprocessors 10 and 11, FPU and MVE. Arm DDI 0553, D1.2.14
_CFSR, _MMFAR, _BFAR = 0xE000ED28, 0xE000ED34, 0xE000ED38
_XPSR = 25  # in the M-profile description
_THUMB = 1 << 24
FAULTS = (  # bits of CFSR, the telling ones first. Arm DDI 0553, D1.2.35 ff.
    (1 << 16, "illegal instruction"),
    (1 << 17, "branch to an even address (Arm state)"),
    (1 << 19, "coprocessor or FPU instruction that this core lacks"),
    (1 << 20, "stack overflow"),
    (1 << 24, "unaligned access"),
    (1 << 25, "division by zero"),
    (1 << 8 | 1, "fetch"),
    (1 << 9 | 1 << 1, "access"),
    (1 << 10 | 0x3E, "access"),
)
_CAUSES = {0: "fetch", 1: "fetch", 2: "illegal instruction", 3: "breakpoint", 5: "access", 7: "access"}  # of mcause


class Calls(Protocol):
    """`stub`: offset in our page -> code; `fault`: offset where it stops after a fault; `free`: registers to clear."""

    program: str
    stub: ClassVar[dict[int, str]]
    fault: int
    free: range
    first: int  # of the arguments; also the result
    stack: int
    link: int
    pc: int
    entry: int  # set in an address that code is entered at

    def prepare(self, gdb: GdbClient, page: int, top: int) -> None:
        """Before the one run from ENABLE: what the page holds beside the stub, and that run's registers."""

    def begin(self, gdb: GdbClient, address: int) -> None:
        """The next instruction is the one at address."""

    def told(self, gdb: GdbClient) -> tuple[str, int, int, int | None]:
        """Of a fault: its kind, the pc, the link register, and the address that was accessed."""


class ArmCalls:
    program = "qemu-system-arm"
    stub: ClassVar[dict[int, str]] = {
        END: "00bf00bf fee7",  # nop (counts are written here); nop (the call ends here); b .
        ENABLE: "0160 bff34f8f bff36f8f f1e7",  # str r1,[r0]; dsb; isb; b END
        FAULT: "00bffee7",  # nop; b .
    }
    fault, free = FAULT, range(13)
    first, stack, link, pc, entry = 0, 13, 14, 15, 1

    def prepare(self, gdb: GdbClient, page: int, top: int) -> None:
        table = [top, *[page + FAULT | 1] * 15]
        gdb.write(page, b"".join(word.to_bytes(4, "little") for word in table))
        gdb.set_register(0, _CPACR)
        gdb.set_register(1, _CPACR_FPU)

    def begin(self, gdb: GdbClient, address: int) -> None:
        gdb.set_register(self.pc, address)
        gdb.set_register(_XPSR, _THUMB)

    def told(self, gdb: GdbClient) -> tuple[str, int, int, int | None]:
        frame = gdb.registers()[self.stack]
        lr, pc = (int.from_bytes(gdb.read(frame + at, 4), "little") for at in (20, 24))
        status = int.from_bytes(gdb.read(_CFSR, 4), "little")
        kind = next((name for bits, name in FAULTS if status & bits), "hard fault")
        address = None
        for valid, register in ((1 << 7, _MMFAR), (1 << 15, _BFAR)):
            if status & valid:
                address = int.from_bytes(gdb.read(register, 4), "little")
        return kind, pc, lr, address


class RiscvCalls:
    program = "qemu-system-riscv32"
    stub: ClassVar[dict[int, str]] = {
        END: "0100 0100 01a0",  # nop (counts are written here); nop (the call ends here); j .
        ENABLE: "73905530 f5b7",  # csrw mtvec, a1; j END
        FAULT: "73252034 f3251034 73263034 0100 01a0",  # csrr a0, mcause; csrr a1, mepc; csrr a2, mtval; nop; j .
    }
    fault, free = FAULT + 12, range(1, 32)
    first, stack, link, pc, entry = 10, 2, 1, 32, 0

    def prepare(self, gdb: GdbClient, page: int, top: int) -> None:
        gdb.set_register(self.first + 1, page + FAULT)

    def begin(self, gdb: GdbClient, address: int) -> None:
        gdb.set_register(self.pc, address)

    def told(self, gdb: GdbClient) -> tuple[str, int, int, int | None]:
        registers = gdb.registers()
        cause, pc, address = registers[self.first : self.first + 3]
        kind = _CAUSES.get(cause, f"trap {cause}")
        return kind, pc, registers[self.link], address if kind in ("access", "fetch") else None


def calls_of(family: Family) -> Calls:
    return RiscvCalls() if family is RISCV else ArmCalls()
