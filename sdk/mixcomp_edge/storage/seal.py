"""Documents that show whether they were changed: a JSON object that holds the SHA-256 of all its other entries."""

from __future__ import annotations

import hashlib
import json
from typing import Any

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
        document = json.loads(data)
        seal = document.pop(KEY)
        whole = seal == _seal(document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return document if whole else None


def _seal(content: dict[str, Any]) -> str:
    return digest(json.dumps(content, sort_keys=True).encode())
