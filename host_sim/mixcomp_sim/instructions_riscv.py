"""What a pipeline model must know of a RISC-V instruction, from its bits. Formats: RISC-V Instruction Set Manual,
volume I (20191213), chapters 2, 7 and 16."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from .encodings_riscv import A, F, V
from .instructions import Instruction
from .isa import decode
from .lengths import RISCV

_FIRST = 100  # our number of x0: apart from Arm's, whose 13 and 16 have a meaning
_RA, _SP = 1, 2
_OPCODES = {0x03: "load", 0x23: "store", 0x63: "branch", 0x6F: "call", 0x67: "return", 0x73: "system", 0x0F: "system"}


@cache
def decode_riscv(code: bytes) -> Instruction:
    """The instruction of two or four bytes."""
    name, feature = decode(code, RISCV)
    if not any(code) or feature in ("", A, F, V):
        return Instruction(name or code.hex(), "unknown", len(code))
    word = int.from_bytes(code, "little")
    return replace(_narrow(word) if len(code) == 2 else _wide(word), name=name, size=len(code))


def _wide(word: int) -> Instruction:
    opcode, rd, rs1, rs2 = word & 0x7F, word >> 7 & 31, word >> 15 & 31, word >> 20 & 31
    kind = _OPCODES.get(opcode, "alu")
    if opcode == 0x33 and word >> 25 == 1:  # by funct3: mul; mulh, mulhsu, mulhu; div and rem
        kind = ("mul", "mull", "mull", "mull", "div", "div", "div", "div")[word >> 12 & 7]
    if kind == "branch":
        parts = (
            (31, 12),
            (7, 11),
            (30, 10),
            (29, 9),
            (28, 8),
            (27, 7),
            (26, 6),
            (25, 5),
            (11, 4),
            (10, 3),
            (9, 2),
            (8, 1),
        )
        return _made(kind, reads=(rs1, rs2), offset=_signed(word, parts))
    if kind == "call":
        return _made("call" if rd else "jump", writes=(rd,))
    if kind == "store":
        return _made(kind, reads=(rs1, rs2), address=(rs1,))
    if opcode in (0x37, 0x17):  # lui, auipc
        return _made(kind, writes=(rd,))
    reads = (rs1, rs2) if opcode == 0x33 else (rs1,)
    return _made(kind, reads, (rd,), (rs1,) if kind == "load" else ())


def _narrow(half: int) -> Instruction:
    """By quadrant and funct3; small registers are x8 to x15."""
    rd, rs2, small, small2 = half >> 7 & 31, half >> 2 & 31, 8 + (half >> 7 & 7), 8 + (half >> 2 & 7)
    match half & 3, half >> 13:
        case 0, 0:
            return _made("alu", (_SP,), (small2,))
        case 0, 2:
            return _made("load", (small,), (small2,), (small,))
        case 0, 6:
            return _made("store", (small, small2), (), (small,))
        case 1, 1:
            return _made("call", writes=(_RA,))
        case 1, 5:
            return _made("jump")
        case 1, (2 | 3):
            return _made("alu", (_SP,) if rd == _SP and half >> 13 == 3 else (), (rd,))
        case 1, 4:
            return _made("alu", (small, small2) if half >> 10 & 3 == 3 else (small,), (small,))
        case 1, (6 | 7):
            parts = ((12, 8), (6, 7), (5, 6), (2, 5), (11, 4), (10, 3), (4, 2), (3, 1))
            return _made("branch", (small,), offset=_signed(half, parts))
        case 2, 2:
            return _made("load", (_SP,), (rd,), (_SP,))
        case 2, 6:
            return _made("store", (_SP, rs2), (), (_SP,))
        case 2, 4 if not rs2:
            return _made("return" if rd else "system", (rd,), (_RA,) if half >> 12 & 1 else ())
        case 2, 4:
            return _made("alu", (rd, rs2) if half >> 12 & 1 else (rs2,), (rd,))
    return _made("alu", (rd,), (rd,))


def _made(
    kind: str,
    reads: tuple[int, ...] = (),
    writes: tuple[int, ...] = (),
    address: tuple[int, ...] = (),
    offset: int = 0,
) -> Instruction:
    jumps = kind in ("branch", "call", "return", "jump")
    r, w, a = (frozenset(_FIRST + number for number in numbers if number) for numbers in (reads, writes, address))
    return Instruction("", kind, 0, r, w, a, moves=int(kind in ("load", "store")), jumps=jumps, offset=offset)


def _signed(word: int, parts: tuple[tuple[int, int], ...]) -> int:
    """An immediate whose bits, (in the word, in the number), the sign first, are all over the word."""
    (sign, top), *rest = parts
    return sum((word >> at & 1) << bit for at, bit in rest) - ((word >> sign & 1) << top)
