"""What differs between Arm's Cortex-M and RISC-V for whoever runs a function: the registers of a call, where memory may
be mapped, and how a fault is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unicorn import arm_const, riscv_const
from unicorn.unicorn_const import UC_ARCH_ARM, UC_ARCH_RISCV, UC_MODE_RISCV32, UC_MODE_THUMB

from .faults import EXCEPTIONS, RISCV_EXCEPTIONS, THUMB_STATE

_ILLEGAL = "illegal instruction"


@dataclass(frozen=True)
class Family:
    """Numbers of registers, models and exceptions are Unicorn's."""

    machine: str  # as an ELF's header names it
    engine: tuple[int, int]  # architecture and mode
    models: Any  # where the constants <prefix><model> of its processors are
    prefix: str
    page_bytes: int
    arguments: tuple[int, ...]  # the first also holds the result. AAPCS32; RISC-V ELF psABI, ilp32
    stack: int
    link: int
    pc: int
    entry: int  # what is set in an address that code is entered at: the Thumb bit
    returns: bool  # whether memory must be mapped where a call returns to: Unicorn fetches there before it stops
    exceptions: Mapping[int, str]
    beyond: int  # bytes from an instruction that raised an exception to the pc that is told

    def illegal(self, uc: Any) -> str:
        """What an illegal instruction is called: on a Cortex-M it may be a switch to Arm state."""
        arm_state = self is ARM and not uc.reg_read(arm_const.UC_ARM_REG_CPSR) & THUMB_STATE
        return "branch to an even address (Arm state)" if arm_state else _ILLEGAL


ARM = Family(
    "EM_ARM", (UC_ARCH_ARM, UC_MODE_THUMB), arm_const, "UC_CPU_ARM_", 1024,
    tuple(getattr(arm_const, f"UC_ARM_REG_R{n}") for n in range(4)),
    arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR, arm_const.UC_ARM_REG_PC, 1, False, EXCEPTIONS, 0,
)  # fmt: skip
RISCV = Family(
    "EM_RISCV", (UC_ARCH_RISCV, UC_MODE_RISCV32), riscv_const, "UC_CPU_RISCV32_", 4096,
    tuple(getattr(riscv_const, f"UC_RISCV_REG_A{n}") for n in range(4)),
    riscv_const.UC_RISCV_REG_SP, riscv_const.UC_RISCV_REG_RA, riscv_const.UC_RISCV_REG_PC, 0, True, RISCV_EXCEPTIONS, 4,
)  # fmt: skip
