"""A chip as a TOML file, ours or the user's: every number is checked, and what is wrong is said by its name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

from .chip import Cache, Chip, Flash, Power, Uart
from .cores import cores
from .errors import EmulatorError

_LARGEST = 1 << 20  # bytes of a file


def read_chip(path: Path) -> Chip:
    """A chip from a file of the user's; EmulatorError says what it lacks or has wrong."""
    try:
        if path.stat().st_size > _LARGEST:
            raise EmulatorError(f"{path.stat().st_size} bytes are no chip file.")
        return _chip(tomllib.loads(path.read_text(encoding="utf-8")), path.stem)
    except OSError as error:
        raise EmulatorError(f"cannot read the chip file {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EmulatorError(f"{path} is no TOML file: {error}.") from None
    except EmulatorError as error:
        raise EmulatorError(f"{path}: {error} A whole file: mixcomp-sim chips stm32l4r5.") from None


_NUMBERS = {"flash_kib": (1, 1 << 20), "ram_kib": (1, 1 << 20), "clock_hz": (1000, 10**10)}
_TABLES = ("flash", "power", "stubs")
_KEYS = {"description", "core", "default", "judged", "assumed", "uart", *_NUMBERS, *_TABLES}


def _chip(table: Mapping[str, Any], name: str) -> Chip:
    if unknown := table.keys() - _KEYS:
        raise EmulatorError(f"unknown key {min(unknown)!r}. Known: {', '.join(sorted(_KEYS))}.")
    for key in ("core", *_NUMBERS, "flash"):
        if key not in table:
            raise EmulatorError(f"{key!r} is missing.")
    if table["core"] not in cores():
        raise EmulatorError(f"core = {table['core']!r}, but these are known: {', '.join(cores())}.")
    for key, (least, most) in _NUMBERS.items():
        value = table[key]
        if not isinstance(value, int) or not least <= value <= most:
            raise EmulatorError(f"{key} = {value!r} is no whole number from {least} to {most}.")
    for key in _TABLES:
        if not isinstance(table.get(key, {}), dict):
            raise EmulatorError(f"{key!r} is no table: write [{key}].")
    return Chip(
        name,
        str(table.get("description", name)),
        table["core"],
        table["clock_hz"],
        bool(table.get("default", False)),
        1024 * table["flash_kib"],
        1024 * table["ram_kib"],
        _flash(table["flash"]),
        _record(Power, table["power"], "power") if "power" in table else None,
        str(table.get("judged", "")),
        _texts(table.get("assumed", []), "assumed"),
        tuple(_uart(entry) for entry in table.get("uart", ())),
        tuple((_address(a, "stubs"), _address(v, "stubs")) for a, v in table.get("stubs", {}).items()),
    )


def _texts(values: Any, where: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise EmulatorError(f"{where} is a list of texts: which figures are not from a document.")
    return tuple(values)


def _flash(values: Mapping[str, Any]) -> Flash:
    parts = dict(values)
    for key in ("icache", "dcache"):
        if key in parts:
            parts[key] = _cache(parts[key], f"flash.{key}")
    waits = parts.pop("waits", [])
    if not isinstance(waits, list) or not all(
        isinstance(row, list) and len(row) == 2 and all(isinstance(n, int | float) for n in row) for row in waits
    ):
        raise EmulatorError("flash.waits is a list of [MHz, wait states].")
    flash: Flash = _record(Flash, parts, "flash")
    if flash.read_bytes not in (4, 8, 16, 32, 64):
        raise EmulatorError(f"flash.read_bytes = {flash.read_bytes}, but a read has 4, 8, 16, 32 or 64 bytes.")
    if not 0 <= flash.wait_states <= 1000 or not 0 <= flash.refill_cycles <= 1000:
        raise EmulatorError("flash.wait_states and flash.refill_cycles are from 0 to 1000 cycles.")
    return replace(flash, waits=tuple(sorted((float(mhz), int(states)) for mhz, states in waits)))


def _cache(values: Any, where: str) -> Cache:
    found: Cache = _record(Cache, values, where)
    sets, rest = divmod(found.bytes, max(1, found.ways * found.line_bytes))
    if found.ways < 1 or found.line_bytes not in (4, 8, 16, 32, 64, 128) or rest or sets < 1 or found.bytes > 1 << 20:
        raise EmulatorError(
            f"{where}: {found.bytes} bytes in {found.ways} ways of lines of {found.line_bytes} make no cache: bytes is "
            "a multiple of ways times line_bytes, and line_bytes 4 to 128, a power of two."
        )
    return found


def _uart(entry: Any) -> Uart:
    if not isinstance(entry, dict) or "data" not in entry or entry.keys() - {"data", "receive", "status"}:
        raise EmulatorError("[[uart]] has data, and may have receive and status.")
    status = entry.get("status", {})
    if not isinstance(status, dict) or not all(isinstance(v, list) and len(v) == 2 for v in status.values()):
        raise EmulatorError('[[uart]] status is { "address" = [value, value while input waits] }.')
    receive = entry.get("receive")
    return Uart(
        _address(entry["data"], "uart.data"),
        None if receive is None else _address(receive, "uart.receive"),
        tuple(
            (_address(a, "uart.status"), _address(v[0], "uart.status"), _address(v[1], "uart.status"))
            for a, v in status.items()
        ),
    )


def _address(value: Any, where: str) -> int:
    """A number, or a text that is one: TOML has no numbers as keys."""
    try:
        number = int(value, 0) if isinstance(value, str) else value
        if not isinstance(number, int) or not 0 <= number < 1 << 32:
            raise ValueError
    except ValueError:
        raise EmulatorError(f"{where}: {value!r} is no number of 32 bits.") from None
    return number


def _record(kind: Any, values: Any, where: str) -> Any:
    """A dataclass from a table whose keys and types are its fields'."""
    if not isinstance(values, dict):
        raise EmulatorError(f"{where!r} is no table.")
    known = {f.name: f for f in fields(kind)}
    if unknown := values.keys() - known.keys():
        raise EmulatorError(f"{where} has no {min(unknown)!r}. It has {', '.join(known)}.")
    for name, f in known.items():
        if name not in values and f.default is MISSING:
            raise EmulatorError(f"{where} lacks {name!r}.")
    for name, value in values.items():
        wanted = {"int": int, "bool": bool, "float": int | float, "str": str}.get(str(known[name].type))
        if wanted is not None and (not isinstance(value, wanted) or (wanted is not bool and isinstance(value, bool))):
            raise EmulatorError(f"{where}.{name} = {value!r} is of the wrong type: {known[name].type} is wanted.")
        if isinstance(value, int | float) and value < 0:
            raise EmulatorError(f"{where}.{name} = {value!r} is below 0.")
    return kind(**values)
