"""What a pipeline model must know of an instruction: its kind, the registers it reads and writes, and those that form
an address. Capstone decodes; what it does not know (MVE, low-overhead loops) is told apart by its encoding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from .counts import disassembler
from .lengths import instruction_bytes

# Kinds. timing/*.toml has a number for each of them, or for the wider one that it is part of.
KINDS = (
    "alu", "simd", "mul", "mla", "mull", "mlal", "div", "it", "system",
    "load", "load_double", "load_multiple", "store", "store_double", "store_multiple",
    "branch", "call", "jump", "return", "table_branch", "loop",
    "float", "float_mul", "float_mac", "float_div", "float_sqrt", "float_move", "float_load", "float_store",
    "double", "double_mul", "double_mac", "double_div", "double_sqrt",
    "vector", "vector_load", "vector_store", "unknown",
)  # fmt: skip
PART_OF = {
    "insert": "alu",  # BFI, BFC, CLZ
    "extend": "simd", "saturate": "simd", "saturating": "simd", "reverse": "simd", "extract": "simd",
    "barrier": "system", "flush": "system", "mask": "system", "wait": "system",  # DMB, DSB; ISB; CPS; WFI, WFE
    "exclusive": "load",  # LDREX and STREX
    "call_register": "call",  # BLX of a register
    "float_copy": "float", "float_to_core": "float_move", "float_fused": "float_mac", "double_fused": "double_mac",
}  # fmt: skip
_MULTIPLY = {
    "mul": {"mul", "smulbb", "smulbt", "smultb", "smultt", "smulwb", "smulwt", "smuad", "smuadx", "smusd", "smusdx",
            "smmul", "smmulr", "usad8"},
    "mla": {"mla", "mls", "smlabb", "smlabt", "smlatb", "smlatt", "smlawb", "smlawt", "smlad", "smladx", "smlsd",
            "smlsdx", "smmla", "smmlar", "smmls", "smmlsr", "usada8"},
    "mull": {"smull", "umull"},
    "mlal": {"smlal", "umlal", "umaal", "smlalbb", "smlalbt", "smlaltb", "smlaltt", "smlald", "smlaldx", "smlsld",
             "smlsldx"},
    "div": {"sdiv", "udiv"},
}  # fmt: skip
_SIMD = {  # by how a name begins
    **dict.fromkeys(("sadd", "uadd", "ssub", "usub", "sasx", "uasx", "ssax", "usax", "shadd", "uhadd", "shsub", "uhsub",
                     "shasx", "uhasx", "shsax", "uhsax", "sel", "sxta", "uxta", "pkh"), "simd"),
    **dict.fromkeys(("qadd", "qsub", "qasx", "qsax", "uqadd", "uqsub", "uqasx", "uqsax"), "saturating"),
    **dict.fromkeys(("ssat", "usat", "qdadd", "qdsub"), "saturate"),
    **dict.fromkeys(("sxt", "uxt"), "extend"),
    **dict.fromkeys(("sbfx", "ubfx"), "extract"),
    **dict.fromkeys(("rev", "rbit"), "reverse"),
    **dict.fromkeys(("bfi", "bfc", "clz"), "insert"),
}  # fmt: skip
_FLOATS = {
    "mul": {"vmul", "vnmul"},
    "mac": {"vmla", "vmls", "vnmla", "vnmls"},
    "fused": {"vfma", "vfms", "vfnma", "vfnms"},
    "div": {"vdiv"},
    "sqrt": {"vsqrt"},
}
_FLOAT = {name: kind for kind, names in _FLOATS.items() for name in names}
_BY_NAME = {name: kind for kind, names in _MULTIPLY.items() for name in names} | {
    "it": "it", "bl": "call", "blx": "call_register", "bx": "return", "b": "branch", "cbz": "branch", "cbnz": "branch",
    "tbb": "table_branch", "tbh": "table_branch", "ldrd": "load_double", "strd": "store_double",
    "mrs": "system", "msr": "system", "dmb": "barrier", "dsb": "barrier", "isb": "flush", "cps": "mask",
    "svc": "system", "bkpt": "system", "wfi": "wait", "wfe": "wait",
}  # fmt: skip


@dataclass(frozen=True)
class Instruction:
    """Registers of Arm are numbers 0 … 15; 16 stands for the flags, 17 for the FPU's, 32 and up for s0, s1 …

    `moves`: words that a load, a store or a move between the register files moves; `base`: a base register that a load
    or store writes back; `shifted`: registers read through the shifter; `accumulates`: registers that are added to."""

    name: str
    kind: str
    size: int  # bytes
    reads: frozenset[int] = frozenset()
    writes: frozenset[int] = frozenset()
    address: frozenset[int] = frozenset()
    base: frozenset[int] = frozenset()
    shifted: frozenset[int] = frozenset()
    accumulates: frozenset[int] = frozenset()
    moves: int = 0
    indexed: bool = False  # address is a register plus a register
    narrow: bool = False  # loads a byte or a halfword
    jumps: bool = False  # may write the pc
    early: bool = False  # so simple that an ALU ahead of the others may do it: ADD, SUB, MOV, shifts
    offset: int = 0  # bytes, from the base of an address; of RISC-V's branches from here to the target


FLAGS, FLOAT_FLAGS, FLOAT_REGISTERS = 16, 17, 32
_REGISTER, _MEMORY = 1, 3  # capstone's kinds of operand
_SUMS = ("float_mac", "float_fused", "double_mac", "double_fused")  # whose first register is added to
_SIMPLE = ("add", "addw", "sub", "subw", "mov", "movs", "movw", "movt", "lsl", "lsr", "asr", "ror")
_EARLY = ("saturate", "extract", "reverse")  # whose operands go through the shifter


@cache
def decode_instruction(code: bytes) -> Instruction:
    """The instruction of two or four bytes."""
    found = next(_decoder().disasm(code, 0, 1), None)
    if found is None or found.size != len(code):
        return _undecoded(code)
    name, operands = found.insn_name(), found.operands
    if name == "hint":
        name = found.mnemonic.partition(".")[0]
    registers = [_numbers(o.reg) for o in operands if o.type == _REGISTER]
    reads, writes = (frozenset().union(*map(_numbers, part)) for part in found.regs_access())
    memory = [operand.mem for operand in operands if operand.type == _MEMORY]
    address = frozenset().union(*(_numbers(r) for m in memory for r in (m.base, m.index)))
    indexed, offset = any(m.index for m in memory), sum(m.disp for m in memory)
    kind, moves = _kind(name, found, registers, writes)
    base, shifted, accumulates = frozenset[int](), frozenset[int](), frozenset[int]()
    if kind in ("load_multiple", "store_multiple") or name.startswith(("vldm", "vstm", "vpush", "vpop")):
        implicit = name in ("push", "pop", "vpush", "vpop")
        address = frozenset({13}) if implicit else registers[0]
        listed = frozenset().union(*registers[not implicit :])
        base = address if implicit or found.writeback else base
        loads = kind in ("load_multiple", "float_load")
        reads, writes = (address, listed | base) if loads else (address | listed, base)
    elif found.writeback:
        base = address & writes
    if kind in ("mla", *_SUMS):
        accumulates = registers[0] if kind != "mla" else registers[-1]
    elif kind == "mlal":
        accumulates = registers[0] | registers[1]
    elif kind in _EARLY:
        shifted = frozenset().union(*registers[1:])  # capstone leaves out what SSAT and USAT read
    elif name.startswith(("sxta", "uxta", "pkh")):
        shifted = registers[2]
    if kind == "alu":
        shifted = frozenset().union(*(_numbers(o.reg) for o in operands if o.type == _REGISTER and o.shift.type))
    reads |= accumulates | shifted
    narrow = kind == "load" and name.rstrip("t").endswith(("b", "h"))
    jumps = 15 in writes or _jumps(kind)
    early = kind == "alu" and name in _SIMPLE and not shifted
    return Instruction(
        name, kind, len(code), reads, writes, address, base, shifted, accumulates, moves, indexed, narrow, jumps, early,
        offset,
    )  # fmt: skip


def _kind(name: str, found: Any, registers: list[frozenset[int]], writes: frozenset[int]) -> tuple[str, int]:
    if name in ("push", "pop") or name.startswith(("ldm", "stm")):
        moves = len(found.operands) - (name not in ("push", "pop"))
        return ("load_multiple" if name == "pop" or name.startswith("ldm") else "store_multiple"), moves
    if name in _BY_NAME:
        return _BY_NAME[name], 0
    if name.startswith(("ldrex", "strex", "ldaex", "stlex")):
        return "exclusive", 1
    if name.startswith(("ldr", "lda")):
        return "load", 1
    if name.startswith(("str", "stl")):
        return "store", 1
    if name.startswith(("v", "fconst", "fmstat", "fmd", "fmrd")):
        return _float_kind(name, registers)
    for beginning, kind in _SIMD.items():
        if name.startswith(beginning):
            return kind, 0
    return ("return" if 15 in writes else "alu"), 0


def _float_kind(name: str, registers: list[frozenset[int]]) -> tuple[str, int]:
    """Of an instruction of the FPU, and of MVE where it names a vector register: those have four words."""
    words = [len([r for r in register if r >= FLOAT_REGISTERS]) for register in registers]
    if max(words, default=0) > 2:
        kind = "vector_load" if name.startswith(("vld", "vpop")) else "vector"
        return ("vector_store" if name.startswith(("vst", "vpush")) else kind), 0
    if name.startswith(("vldr", "vldm", "vpop")):
        return "float_load", sum(words)
    if name.startswith(("vstr", "vstm", "vpush")):
        return "float_store", sum(words)
    if name == "vmov" and 0 in words:  # of two halves of a double only one: as any other instruction of the FPU
        if words.count(0) == 1 and 2 in words:
            return "float", 0
        return ("float_move" if words[0] else "float_to_core"), words.count(0)
    if name.startswith(("fmd", "fmrd")):
        return "float", 0
    if name in ("vmov", "fconsts", "fconstd"):
        return "float_copy", 0
    family = "double" if 2 in words else "float"
    return (f"{family}_{_FLOAT[name]}" if name in _FLOAT else family), 0


def _jumps(kind: str) -> bool:
    return kind in ("branch", "call", "call_register", "return", "table_branch", "loop")


def _undecoded(code: bytes) -> Instruction:
    """MVE and low-overhead loops, from the first halfword (Arm DDI 0553, C2)."""
    from .isa import decode

    name = decode(code)[0]
    high = int.from_bytes(code[:2], "little")
    if name in ("le", "letp", "wls", "wlstp"):
        return Instruction(name, "loop", len(code), jumps=True)
    if not name.startswith("vector"):
        return Instruction(name or code.hex(), "alu" if name else "unknown", len(code))
    kind = "vector"
    if high & 0x0E00 == 0x0C00:  # 111x110: load or store; bit 4 tells which
        kind = "vector_load" if high & 0x10 else "vector_store"
    return Instruction(name, kind, len(code), address=frozenset({high & 15}) if kind != "vector" else frozenset())


def size_of(code: bytes) -> int:
    """Bytes of the instruction that code begins with."""
    return instruction_bytes("EM_ARM", code)


@cache
def _decoder() -> Any:
    decoder = disassembler("EM_ARM")
    decoder.detail = True
    return decoder


@cache
def _numbers(register: int) -> frozenset[int]:
    """Our numbers of capstone's register: one, two words of a double, four of a vector; none for what has none."""
    name = _decoder().reg_name(register) or ""
    if name in _NAMED:
        return frozenset({_NAMED[name]})
    if name[:1] in _WORDS and name[1:].isdigit():
        words = _WORDS[name[0]]
        first = FLOAT_REGISTERS + words * int(name[1:])
        return frozenset(range(first, first + words))
    return frozenset({int(name[1:])}) if name[:1] == "r" and name[1:].isdigit() else frozenset()


_NAMED = {"sb": 9, "sl": 10, "fp": 11, "ip": 12, "sp": 13, "lr": 14, "pc": 15, "cpsr": FLAGS, "fpscr_nzcv": FLOAT_FLAGS,
          "fpscr": FLOAT_FLAGS, "apsr_nzcv": FLAGS}  # fmt: skip
_WORDS = {"s": 1, "d": 2, "q": 4}
