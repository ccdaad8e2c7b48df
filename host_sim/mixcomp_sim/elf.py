"""An ELF file as the emulator needs it: bytes to load, symbols, code sections and layer marks."""

from __future__ import annotations

import bisect
import io
import itertools
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from elftools.elf.constants import P_FLAGS, SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from .errors import EmulatorError
from .lengths import RISCV, instruction_bytes
from .lines import source_line

_MARK = re.compile(r"mce_layer_(\d+)_end")
_open: Any = ELFFile  # pyelftools is untyped
_MAX_SEGMENT_BYTES = 256 << 20  # a size beyond it is a damaged header, not a microcontroller


@dataclass(frozen=True)
class Symbol:
    name: str
    address: int  # without the Thumb bit
    size: int


@dataclass(frozen=True)
class Segment:
    address: int  # where the program sees it
    load_address: int  # where it lies in flash before startup code copies it; equal to address for constants
    data: bytes
    size: int  # bytes; beyond len(data) it is zero
    writable: bool


@dataclass(frozen=True)
class Code:
    """One stretch of executable bytes."""

    address: int
    data: bytes
    machine: str

    def instruction(self, at: int) -> bytes:
        """The two or four bytes of the instruction that begins `at` bytes into it."""
        return self.data[at : at + instruction_bytes(self.machine, self.data, at)]


@dataclass(frozen=True)
class Image:
    machine: str  # as the header names it: EM_ARM or EM_RISCV
    segments: tuple[Segment, ...]
    symbols: dict[str, Symbol]
    code: tuple[Code, ...]
    marks: tuple[int, ...]  # marks[i]: address of mce_layer_<i>_end
    labels: tuple[Symbol, ...]  # symbols in code, by address
    instructions: tuple[Code, ...]  # the code without the constants in it; empty when nothing tells them apart
    entry: int  # as the header says it
    constant: tuple[tuple[int, int], ...]  # (address in flash, bytes) of what is not written to, and of initial values
    tables: tuple[int, ...]  # addresses that a section of vectors may have, most likely first
    file: bytes = field(repr=False)

    def symbol(self, name: str) -> Symbol:
        """The symbol of that name; EmulatorError if there is none."""
        try:
            return self.symbols[name]
        except KeyError:
            raise EmulatorError(f"the program has no symbol {name!r}. Was it dropped by --gc-sections?") from None

    def nearest(self, address: int) -> str:
        """'function+0x12' for an address in code, else the bare address."""
        inside = any(0 <= address - part.address < len(part.data) for part in self.code)
        at = bisect.bisect_right(self.labels, address, key=lambda s: s.address) - 1
        if not inside or at < 0:
            return f"0x{address:08x}"
        return f"{self.labels[at].name}+0x{address - self.labels[at].address:x}"

    def where(self, address: int) -> str:
        """'function+0x12 (file.c:34, pc 0x08000012)'; the line where the ELF has debug information."""
        line = source_line(self.file, address)
        return f"{self.nearest(address)} ({line + ', ' if line else ''}pc 0x{address:08x})"


def read_elf(source: Path | bytes) -> Image:
    """Read a 32-bit little-endian ELF of Arm or RISC-V; EmulatorError if it is anything else or damaged."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    name = "ELF image" if isinstance(source, bytes) else str(source)
    try:
        elf = _open(io.BytesIO(data))
        machine = str(elf["e_machine"])
        if elf.elfclass != 32 or not elf.little_endian or machine not in ("EM_ARM", RISCV):
            raise EmulatorError(f"{name} is for another machine: need a 32-bit little-endian ELF of Arm or RISC-V.")
        segments = _segments(elf)
        symbols, labels = _symbols(elf)
        code = _code(elf)
        instructions = _thumb(elf) if machine == "EM_ARM" else code
        entry, constant, tables = int(elf["e_entry"]), _constant(elf, segments), _tables(elf, segments)
    except EmulatorError:
        raise
    except Exception as error:  # pyelftools has many ways to stumble over damaged bytes
        raise EmulatorError(f"{name} is not a readable ELF file: {type(error).__name__}: {error}") from error
    if not segments:
        raise EmulatorError(f"{name} has nothing to load. An object file? Link it first.")
    marks = _marks(symbols, name)
    return Image(machine, segments, symbols, code, marks, labels, instructions, entry, constant, tables, data)


def _segments(elf: Any) -> tuple[Segment, ...]:
    found = []
    for part in elf.iter_segments("PT_LOAD"):
        size, address = part["p_memsz"], part["p_vaddr"]
        if size > _MAX_SEGMENT_BYTES or address + size > 1 << 32 or part["p_filesz"] > size:
            raise EmulatorError(f"segment at 0x{address:08x} has {size} bytes, more than a microcontroller has.")
        if size:
            writable = bool(part["p_flags"] & P_FLAGS.PF_W)
            found.append(Segment(address, part["p_paddr"], part.data(), size, writable))
    return tuple(found)


def _symbols(elf: Any) -> tuple[dict[str, Symbol], tuple[Symbol, ...]]:
    symbols: dict[str, Symbol] = {}
    labels: list[tuple[Symbol, bool]] = []
    table = elf.get_section_by_name(".symtab")
    entries = table.iter_symbols() if isinstance(table, SymbolTableSection) else ()
    for entry in sorted(entries, key=lambda e: e["st_info"]["bind"] != "STB_LOCAL"):  # a global name wins
        kind, section = entry["st_info"]["type"], entry["st_shndx"]
        if (
            not entry.name
            or entry.name.startswith("$")
            or section == "SHN_UNDEF"
            or kind in ("STT_FILE", "STT_SECTION")
        ):
            continue
        address = entry["st_value"] & ~1 if kind == "STT_FUNC" else entry["st_value"]
        symbol = Symbol(entry.name, address, entry["st_size"])
        symbols[entry.name] = symbol
        if isinstance(section, int) and elf.get_section(section)["sh_flags"] & SH_FLAGS.SHF_EXECINSTR:
            labels.append((symbol, kind == "STT_FUNC"))
    functions = [s for s, is_function in labels if is_function and not _MARK.fullmatch(s.name)]
    chosen = functions or [s for s, _ in labels if not _MARK.fullmatch(s.name)]
    return symbols, tuple(sorted(chosen, key=lambda s: s.address))


def _code(elf: Any) -> tuple[Code, ...]:
    """Executable sections, neighbours joined: a block may run from one into the next."""
    flags = SH_FLAGS.SHF_EXECINSTR | SH_FLAGS.SHF_ALLOC
    found = [(s["sh_addr"], s.data()) for s in elf.iter_sections("SHT_PROGBITS") if s["sh_flags"] & flags == flags]
    if not found:  # no section headers: take whole segments
        parts = elf.iter_segments("PT_LOAD")
        found = [(p["p_vaddr"], p.data()) for p in parts if p["p_flags"] & P_FLAGS.PF_X]
    joined: list[Code] = []
    for address, data in sorted(part for part in found if part[1]):
        data += b"\0" * (len(data) % 2)
        if joined and address == joined[-1].address + len(joined[-1].data):
            joined[-1] = replace(joined[-1], data=joined[-1].data + data)
        else:
            joined.append(Code(address, data, elf["e_machine"]))
    return tuple(joined)


def _constant(elf: Any, segments: tuple[Segment, ...]) -> tuple[tuple[int, int], ...]:
    """Sections that are not written to, where they lie in flash; whole segments where there are no sections."""
    found = []
    for section in elf.iter_sections("SHT_PROGBITS"):
        start, size, flags = section["sh_addr"], section["sh_size"], section["sh_flags"]
        home = next((s for s in segments if s.address <= start < s.address + s.size), None)
        if home is None or not size or not flags & SH_FLAGS.SHF_ALLOC:
            continue
        if not flags & SH_FLAGS.SHF_WRITE or home.address != home.load_address:
            found.append((start - home.address + home.load_address, size))
    return tuple(found) or tuple((s.load_address, len(s.data)) for s in segments if s.data)


def _tables(elf: Any, segments: tuple[Segment, ...]) -> tuple[int, ...]:
    """Sections whose name says vectors, then the lowest segments."""
    named = [s["sh_addr"] for s in elf.iter_sections() if re.search(r"vect|isr|intv", s.name) and s["sh_addr"] % 4 == 0]
    return tuple(named) + tuple(sorted(s.address for s in segments if s.data))


def _thumb(elf: Any) -> tuple[Code, ...]:
    """From each mapping symbol $t to the next mapping symbol or the end of its section (Arm ABI, AAELF32 5.5.5)."""
    table = elf.get_section_by_name(".symtab")
    entries = table.iter_symbols() if isinstance(table, SymbolTableSection) else ()
    borders: dict[int, list[tuple[int, str]]] = {}  # section -> (address, kind)
    for entry in entries:
        if re.fullmatch(r"\$[atd](\..*)?", entry.name) and isinstance(entry["st_shndx"], int):
            borders.setdefault(entry["st_shndx"], []).append((entry["st_value"], entry.name[1]))
    found = []
    for index, marks in sorted(borders.items()):
        section = elf.get_section(index)
        if not section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR:
            continue
        start, data = section["sh_addr"], section.data()
        marks = sorted(marks)
        for (address, kind), (end, _) in itertools.pairwise([*marks, (start + len(data), "")]):
            if kind == "t" and end > address:
                found.append(Code(address, data[address - start : end - start], "EM_ARM"))
    return tuple(found)


def _marks(symbols: dict[str, Symbol], name: str) -> tuple[int, ...]:
    marks = {int(m[1]): s.address & ~1 for s in symbols.values() if (m := _MARK.fullmatch(s.name))}
    for index in range(len(marks)):
        if index not in marks:
            raise EmulatorError(f"{name} has {len(marks)} layer marks, but mce_layer_{index}_end is not among them.")
    return tuple(marks[index] for index in range(len(marks)))
