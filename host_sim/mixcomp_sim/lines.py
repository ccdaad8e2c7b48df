"""Source lines of addresses, from an ELF's DWARF line programs: what an error needs to say where it happened."""

from __future__ import annotations

import bisect
import io
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from elftools.elf.elffile import ELFFile

_open: Any = ELFFile  # pyelftools is untyped
_OVERLAPPING = 32  # rows at most that an address may lie in: functions that the linker dropped lie where others are


def source_line(elf: bytes, address: int) -> str:
    """'file.c:12' for an address in code; empty where the ELF was built without -g or says nothing of it."""
    rows = _rows(elf)
    at = bisect.bisect_right(rows, address, key=lambda row: row[0])
    found = [row for row in rows[max(0, at - _OVERLAPPING) : at] if address < row[1]]
    return min(found, key=lambda row: row[1] - row[0])[2] if found else ""


@lru_cache(maxsize=2)
def _rows(elf: bytes) -> list[tuple[int, int, str]]:
    """(first address, address behind, 'file:line') of every row of every line program, by address; none of a damaged
    one."""
    return sorted(_read_rows(elf))


def _read_rows(elf: bytes) -> list[tuple[int, int, str]]:
    rows: list[tuple[int, int, str]] = []
    try:
        file = _open(io.BytesIO(elf))
        if not file.has_dwarf_info():
            return rows
        dwarf = file.get_dwarf_info()
        for unit in dwarf.iter_CUs():
            program = dwarf.line_program_for_CU(unit)
            rows += _rows_of(program) if program is not None else []
    except Exception:  # pyelftools has many ways to stumble over damaged bytes; a line is only a courtesy
        return rows
    return rows


def _rows_of(program: Any) -> list[tuple[int, int, str]]:
    names = [entry.name.decode(errors="replace") for entry in program["file_entry"]]
    first = 0 if program["version"] >= 5 else 1  # DWARF 5, 6.2.4: files are numbered from 0
    rows, before = [], None
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if before is not None and before.address < state.address:
            name = PurePosixPath(names[before.file - first]).name
            rows.append((before.address, state.address, f"{name}:{before.line}"))
        before = None if state.end_sequence else state
    return rows
