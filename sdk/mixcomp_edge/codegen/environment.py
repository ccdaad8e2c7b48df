"""Jinja2 as all templates are read."""

from __future__ import annotations

import jinja2
from jinja2.bccache import Bucket

from mixcomp_edge import resources


class _Compiled(jinja2.BytecodeCache):
    """Templates, compiled once a process: an export takes fifteen, and compiling them most of its time."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._code.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def environment() -> jinja2.Environment:
    """A new one: who renders adds filters and globals of its own. A name that a template does not know is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.templates()),
        bytecode_cache=_COMPILED,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
