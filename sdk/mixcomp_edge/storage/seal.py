"""Documents that show whether they were changed: a JSON object that holds the SHA-256 of all its other entries, a page
of HTML whose last line is a comment with that of all before it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from mixcomp_edge.documents import MAX_BYTES, parse_json, read_bytes
from mixcomp_edge.errors import StorageError
from mixcomp_edge.storage.parts import there, told

KEY = "seal"
_LAST_LINE = re.compile(rb"<!-- seal: ([0-9a-f]{64}) -->\n\Z")


def digest(data: bytes) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(data).hexdigest()


def sealed(content: dict[str, Any]) -> bytes:
    """The document as a file."""
    content = json.loads(json.dumps(content))  # as it will be read: every key a text, every tuple a list
    return (json.dumps({**content, KEY: _seal(content)}, indent=1) + "\n").encode()


def sealed_page(text: str) -> str:
    """The page with its last line."""
    return f"{text}<!-- {KEY}: {digest(text.encode())} -->\n"


def unsealed(data: bytes) -> dict[str, Any] | None:
    """The content of a document as `sealed` made it; None for whatever else or was changed since."""
    try:
        document = parse_json(data, StorageError, "document")
        seal = document.pop(KEY)
    except (StorageError, KeyError):
        return None
    return document if seal == _seal(document) else None


def check_sealed(path: Path, *, force: bool = False) -> None:
    """StorageError where a file lies at `path` that neither `sealed` nor `sealed_page` made, or that was changed since,
    unless forced."""
    with told(path):
        if force or not there(path):
            return
        data = read_bytes(path, MAX_BYTES, StorageError)
        if unsealed(data) is None and not _is_sealed_page(data):
            raise StorageError(f"{path}: is not ours, or was changed since. Move it, or pass --force to replace it.")


def _is_sealed_page(data: bytes) -> bool:
    found = _LAST_LINE.search(data)
    return found is not None and found[1].decode() == digest(data[: found.start()])


def _seal(content: dict[str, Any]) -> str:
    return digest(json.dumps(content, sort_keys=True).encode())
