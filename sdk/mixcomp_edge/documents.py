"""JSON and TOML from outside, read in one place: a manifest, a plan or a bundle's text may be anybody's.

What a parser would spend is bounded before it starts: the size, and the parts of a dotted TOML key, which `tomllib`
takes in quadratic time. What it returns is checked: nesting, numbers of at most 64 bits, text that is text. Each fault
is one sentence that names the file."""

from __future__ import annotations

import json
import math
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from mixcomp_edge.errors import MixcompError

MAX_BYTES = 8 << 20  # of JSON; a graph of 4096 nodes takes 4 MiB
MAX_TOML_BYTES = 1 << 20
MAX_DEPTH = 64  # of lists and tables
MAX_KEY_PARTS = 16  # a.b.c has three
MAX_BITS = 64  # of a whole number
MAX_TEXT = 1024  # characters of a name or a value in a file
BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}

# Where a dot is no syntax: strings of four kinds, and comments. One that never ends goes to the end, as it does for
# tomllib, and each character is looked at once.
_TOML_TEXT = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+"{0,5}'
    r"|'''(?:[^']|'(?!''))*+'{0,5}"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)


class _Refused(Exception):
    """Why a document is not taken; becomes the caller's kind of error."""


def read_bytes(path: Path, most: int, kind: type[MixcompError], what: str = "") -> bytes:
    """The content of a regular file of at most `most` bytes; else an error of the given kind. Never waits: a pipe, a
    device or a folder is refused. `what` stands before the path in messages."""
    name = f"{what} {path}".strip()
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise kind(f"{name}: is not a file.")
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise kind(f"{name}: is not a file.")
            if status.st_size > most:
                raise kind(f"{name}: {status.st_size} bytes; at most {most} are read.")
            data = file.read(most + 1)
    except OSError as error:
        raise kind(f"{name}: cannot read it ({error.strerror or error}).") from error
    except ValueError as error:  # a path with NUL or a lone surrogate
        raise kind(f"{name!a}: is not the name of a file ({error}).") from error
    if len(data) > most:
        raise kind(f"{name}: more than {most} bytes, and growing.")
    return data


def read_json(path: Path, kind: type[MixcompError], what: str = "", most: int = MAX_BYTES) -> dict[str, Any]:
    """The table in a JSON file."""
    return parse_json(read_bytes(path, most, kind, what), kind, f"{what} {path}".strip(), MAX_TEXT)


def read_toml(path: Path, kind: type[MixcompError], what: str = "") -> dict[str, Any]:
    """The table in a TOML file."""
    name = f"{what} {path}".strip()
    data = read_bytes(path, MAX_TOML_BYTES, kind, what)
    try:
        text = _text(data)
        _check_keys(text)
        try:
            table = tomllib.loads(text)
        except RecursionError:
            raise _Refused(f"nests lists and tables deeper than {MAX_DEPTH}") from None
        except tomllib.TOMLDecodeError as error:
            raise _Refused(f"is not TOML: {_short(error)}") from error
        except ValueError:  # more digits than Python reads
            raise _Refused(f"holds a number of more than {MAX_BITS} bits") from None
        _check_values(table, MAX_TEXT)
    except _Refused as error:
        raise kind(f"{name}: {error}.") from error
    return table


def parse_json(data: bytes | str, kind: type[MixcompError], name: str, longest: int = MAX_BYTES) -> dict[str, Any]:
    """The table in a JSON text, which messages call `name`. longest: characters of a text in it."""
    try:
        text = _text(data) if isinstance(data, bytes) else data
        try:
            value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_table)
        except RecursionError:
            raise _Refused(f"nests lists and tables deeper than {MAX_DEPTH}") from None
        except json.JSONDecodeError as error:
            raise _Refused(f"is not JSON: {_short(error)}") from error
        except ValueError:  # more digits than Python reads
            raise _Refused(f"holds a number of more than {MAX_BITS} bits") from None
        if not isinstance(value, dict):
            raise _Refused(f"holds a {type(value).__name__}, expected a table")
        _check_values(value, longest)
    except _Refused as error:
        raise kind(f"{name}: {error}.") from error
    return value


def _text(data: bytes) -> str:
    """UTF-8, with or without a byte order mark."""
    if data[:2] in BOMS:
        raise _Refused(f"is {BOMS[data[:2]]}; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Refused(f"is not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def _check_keys(text: str) -> None:
    """Of TOML, before it is parsed: outside of strings and comments only keys have more dots than one."""
    if max(part.count(".") for part in re.split(r"[=,\[\]{}\n]", _TOML_TEXT.sub("", text))) >= MAX_KEY_PARTS:
        raise _Refused(f"has a key of more than {MAX_KEY_PARTS} parts")


def _check_values(value: Any, longest: int) -> None:
    """Whatever the parser let through: nesting, size of numbers and texts, NUL and lone surrogates."""
    level = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                deeper += item.keys()
                deeper += item.values()
            elif isinstance(item, list):
                deeper += item
            elif isinstance(item, str):
                if "\0" in item or not _is_unicode(item):
                    raise _Refused(f"holds text that is none, {item[:40]!a}")
                if len(item) > longest:
                    raise _Refused(
                        f"holds a text of {len(item)} characters, {item[:20]!a}…; at most {longest} are read"
                    )
            elif isinstance(item, int):
                if item.bit_length() > MAX_BITS:
                    raise _Refused(f"holds a number of more than {MAX_BITS} bits")
            elif isinstance(item, float) and not math.isfinite(item):
                raise _Refused(f"holds the number {item}")
        if not deeper:
            return
        level = deeper
    raise _Refused(f"nests lists and tables deeper than {MAX_DEPTH}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Refused(f"holds the key {twice[:40]!a} twice")
    return table


def _refuse_constant(name: str) -> NoReturn:
    raise _Refused(f"holds the number {name}")


def _short(error: ValueError) -> str:
    """What a parser says, on one line and without the document in it."""
    text = " ".join(str(error).split()).rstrip(".")
    return text if len(text) <= 200 else f"{text[:120]} … {text[-60:]}"
