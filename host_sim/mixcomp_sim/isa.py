"""Which instructions of an image its core does not have. Emulators are no judge of that: the Cortex-M3 of Unicorn runs
DSP instructions that silicon refuses, and code that a run does not reach is never looked at. So every instruction of
the image is decoded, by the tables in encodings.py and encodings_riscv.py."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import encodings, encodings_riscv
from .elf import read_elf
from .encodings import DSP, MVE, V6M, V7M, V8M, V81M
from .encodings_riscv import RV32I, ZICSR, ZIFENCEI, A, C, F, M, V
from .errors import EmulatorError
from .lengths import RISCV

ARCHITECTURES = {  # as gcc's -march writes them
    "armv6-m": {V6M},
    "armv7-m": {V6M, V7M},
    "armv7e-m": {V6M, V7M, DSP},
    "armv8-m.main": {V6M, V7M, V8M},
    "armv8-m.main+dsp": {V6M, V7M, V8M, DSP},
    "armv8.1-m.main": {V6M, V7M, V8M, V81M},
    "armv8.1-m.main+mve": {V6M, V7M, V8M, V81M, DSP, MVE},
    "rv32imac_zicsr": {RV32I, M, A, C, ZICSR},
}
_BROUGHT_BY = {
    V7M: "ARMv7-M", DSP: "the DSP extension", V8M: "ARMv8-M", V81M: "ARMv8.1-M", MVE: "MVE or an FPU",
    RV32I: "RV32I", M: "M", A: "A", C: "C", ZICSR: "Zicsr", ZIFENCEI: "Zifencei", F: "F or D", V: "V",
}  # fmt: skip


@dataclass(frozen=True)
class Foreign:
    """An instruction that the architecture lacks."""

    where: str  # function+offset
    code: bytes
    name: str
    feature: str  # of its table; empty where no architecture has it

    def __str__(self) -> str:
        words = " ".join(self.code[i : i + 2][::-1].hex() for i in range(0, len(self.code), 2))
        needs = f"{self.name}, needs {_BROUGHT_BY[self.feature]}" if self.feature else "no instruction of any such core"
        return f"{self.where}: {words} ({needs})"


def foreign_instructions(elf: Path | bytes, architecture: str) -> list[Foreign]:
    """Every instruction of an ELF, executed or not, that `architecture` lacks. Empty for a sound image.

    Constants between the code of an Arm image are left out by the mapping symbols of its ABI ($t, $d); an image without
    these is an error. RISC-V has none between its code."""
    if architecture not in ARCHITECTURES:
        raise EmulatorError(f"unknown architecture {architecture!r}. Known: {', '.join(ARCHITECTURES)}.")
    image = read_elf(elf)
    if (image.machine == RISCV) != architecture.startswith("rv"):
        raise EmulatorError(f"the image is for {image.machine}, not for {architecture}.")
    if not image.instructions:
        raise EmulatorError(
            "the image has no mapping symbols ($t, $d), so code cannot be told from data. Not stripped?"
        )
    allowed, found = ARCHITECTURES[architecture], []
    for part in image.instructions:
        at = 0
        while at < len(part.data):
            code = part.instruction(at)
            name, feature = decode(code, image.machine)
            if feature not in allowed:
                found.append(Foreign(image.nearest(part.address + at), code, name, feature))
            at += len(code)
    return found


@cache
def decode(code: bytes, machine: str = "EM_ARM") -> tuple[str, str]:
    """(name, feature) of the two or four bytes of one instruction; two empty strings for none."""
    word = int.from_bytes(code, "little")
    if machine != RISCV and len(code) == 4:  # Thumb's first halfword is the upper one
        word = word >> 16 | (word & 0xFFFF) << 16
    for mask, value, name, feature in _rows(len(code) == 2, machine):
        if word & mask == value:
            return name, feature
    return "", ""


@cache
def _rows(narrow: bool, machine: str) -> tuple[tuple[int, int, str, str], ...]:
    """The table as (mask, value, name, feature)."""
    rows, table = [], encodings_riscv if machine == RISCV else encodings
    for bits, name, feature in table.NARROW if narrow else table.WIDE:
        bits = bits.replace(" ", "")
        mask = int(bits.translate(str.maketrans("01x", "110")), 2)
        rows.append((mask, int(bits.replace("x", "0"), 2), name, feature))
    return tuple(rows)
