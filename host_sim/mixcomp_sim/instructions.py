"""What a pipeline model must know of an instruction: its kind, the registers it reads and writes, and those that form
an address. Capstone decodes; what it does not know (MVE, low-overhead loops) is told apart by its encoding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from .counts import halfwords

# Kinds. timing/*.toml has a number for each of them.
KINDS = (
    "alu", "mul", "mla", "mull", "div", "it", "system",
    "load", "load_double", "load_multiple", "store", "store_double", "store_multiple",
    "branch", "call", "return", "table_branch", "loop",
    "vector", "vector_load", "vector_store",
)  # fmt: skip
_MULTIPLY = {
    "mul": {"mul", "smulbb", "smulbt", "smultb", "smultt", "smulwb", "smulwt", "smuad", "smuadx", "smusd", "smusdx",
            "smmul", "smmulr", "usad8"},
    "mla": {"mla", "mls", "smlabb", "smlabt", "smlatb", "smlatt", "smlawb", "smlawt", "smlad", "smladx", "smlsd",
            "smlsdx", "smmla", "smmlar", "smmls", "smmlsr", "usada8"},
    "mull": {"smull", "umull", "smlal", "umlal", "umaal", "smlalbb", "smlalbt", "smlaltb", "smlaltt", "smlald",
             "smlaldx", "smlsld", "smlsldx"},
    "div": {"sdiv", "udiv"},
}  # fmt: skip
_BY_NAME = {name: kind for kind, names in _MULTIPLY.items() for name in names} | {
    "it": "it", "bl": "call", "blx": "call", "bx": "return", "b": "branch", "cbz": "branch", "cbnz": "branch",
    "tbb": "table_branch", "tbh": "table_branch", "ldrd": "load_double", "strd": "store_double",
    "mrs": "system", "msr": "system", "dmb": "system", "dsb": "system", "isb": "system", "cps": "system",
    "svc": "system", "bkpt": "system", "wfi": "system",
}  # fmt: skip


@dataclass(frozen=True)
class Instruction:
    """Registers are numbers 0 … 15; 16 stands for the flags. `moves`: registers that a load or store moves."""

    name: str
    kind: str
    size: int  # bytes
    reads: frozenset[int] = frozenset()
    writes: frozenset[int] = frozenset()
    address: frozenset[int] = frozenset()
    moves: int = 0
    indexed: bool = False  # address is a register plus a register
    jumps: bool = False  # may write the pc


FLAGS = 16


@cache
def decode_instruction(code: bytes) -> Instruction:
    """The instruction of two or four bytes."""
    found = next(_decoder().disasm(code, 0, 1), None)
    if found is None or found.size != len(code):
        return _undecoded(code)
    name = found.insn_name()
    reads, writes = (frozenset(map(_number, part)) - {-1} for part in found.regs_access())
    memory = [operand.mem for operand in found.operands if operand.type == 3]  # ARM_OP_MEM
    address = frozenset(_number(r) for m in memory for r in (m.base, m.index)) - {-1}
    indexed = any(m.index for m in memory)
    kind, moves = _kind(name, found, writes)
    if kind in ("load_multiple", "store_multiple"):
        address = frozenset({13}) if name in ("push", "pop") else frozenset({_number(found.operands[0].reg)})
    return Instruction(name, kind, len(code), reads, writes, address, moves, indexed, 15 in writes or _jumps(kind))


def _kind(name: str, found: Any, writes: frozenset[int]) -> tuple[str, int]:
    if name in ("push", "pop") or name.startswith(("ldm", "stm")):
        moves = len(found.operands) - (name not in ("push", "pop"))
        return ("load_multiple" if name == "pop" or name.startswith("ldm") else "store_multiple"), moves
    if name in _BY_NAME:
        return _BY_NAME[name], 0
    if name.startswith(("ldr", "ldrex", "lda")):
        return "load", 1
    if name.startswith(("str", "stl")):
        return "store", 1
    if name.startswith("v"):
        kind = "vector_load" if name.startswith(("vld", "vpop")) else "vector"
        return ("vector_store" if name.startswith(("vst", "vpush")) else kind), 0
    return ("return" if 15 in writes else "alu"), 0


def _jumps(kind: str) -> bool:
    return kind in ("branch", "call", "return", "table_branch", "loop")


def _undecoded(code: bytes) -> Instruction:
    """MVE and low-overhead loops, from the first halfword (Arm DDI 0553, C2)."""
    from .isa import decode

    name = decode(code)[0] or "unknown"
    high = int.from_bytes(code[:2], "little")
    if name in ("le", "letp", "wls", "wlstp"):
        return Instruction(name, "loop", len(code), jumps=True)
    if not name.startswith("vector"):
        return Instruction(name, "alu", len(code))
    kind = "vector"
    if high & 0x0E00 == 0x0C00:  # 111x110: load or store; bit 4 tells which
        kind = "vector_load" if high & 0x10 else "vector_store"
    return Instruction(name, kind, len(code), address=frozenset({high & 15}) if kind != "vector" else frozenset())


def size_of(code: bytes) -> int:
    """Bytes of the instruction that code begins with."""
    return 2 * halfwords(code[1])


@cache
def _decoder() -> Any:
    import capstone

    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8)
    decoder.detail = True
    return decoder


@cache
def _numbers() -> dict[int, int]:
    from capstone import arm

    names = {f"ARM_REG_R{i}": i for i in range(13)} | {"ARM_REG_SP": 13, "ARM_REG_LR": 14, "ARM_REG_PC": 15}
    return {getattr(arm, name): number for name, number in names.items()} | {arm.ARM_REG_CPSR: FLAGS}


def _number(register: int) -> int:
    return _numbers().get(register, -1)
