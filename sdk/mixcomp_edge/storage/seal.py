"""Documents that show whether they were changed: a JSON object that holds the SHA-256 of all its other entries."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from mixcomp_edge.documents import parse_json
from mixcomp_edge.errors import StorageError

KEY = "seal"


def digest(data: bytes) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(data).hexdigest()


def sealed(content: dict[str, Any]) -> bytes:
    """The document as a file."""
    return (json.dumps({**content, KEY: _seal(content)}, indent=1) + "\n").encode()


def unsealed(data: bytes) -> dict[str, Any] | None:
    """The content of a document as `sealed` made it; None for whatever else or was changed since."""
    try:
        document = parse_json(data, StorageError, "document")
        seal = document.pop(KEY)
    except (StorageError, KeyError):
        return None
    return document if seal == _seal(document) else None


def _seal(content: dict[str, Any]) -> str:
    return digest(json.dumps(content, sort_keys=True).encode())
