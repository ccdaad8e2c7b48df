"""Where the operations of a model file lie in the torch module that is made of it: paths like those of the modules that
it was exported from, each taken once."""

from __future__ import annotations

import re
from typing import Any

from torch import nn

LONGEST = 80  # characters of a path; the IR takes 96 of a name
DEEPEST = 12  # modules within modules


def path_of(text: str) -> str:
    """A module path of a name in a file: parts of letters, digits and underscores with dots between them. Of a long one
    the end, which tells most."""
    parts = [re.sub(r"[^A-Za-z0-9_]", "_", part) for part in re.split(r"[./:;]+", text[-LONGEST:]) if part]
    return ".".join(parts[-DEEPEST:]) or "node"


def shown(text: str, most: int = LONGEST) -> str:
    """A text of a file as messages show it: short, on one line, and with nothing that a terminal acts on."""
    text = text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def put(root: nn.Module, place: str, module: nn.Module) -> str:
    """Adds the module at that path, or at one like it that is free; the path."""
    place = _free(root, place)
    *folders, name = place.split(".")
    at: Any = root
    for folder in folders:
        if folder not in at._modules:
            at.add_module(folder, nn.Module())
        at = at._modules[folder]
    at.add_module(name, module)
    return place


def _free(root: nn.Module, place: str) -> str:
    candidate, count = place, 1
    while _taken(root, candidate):
        candidate, count = f"{place}_{count}", count + 1
    return candidate


def _taken(root: nn.Module, place: str) -> bool:
    """Whether something lies at the path, or the path crosses an attribute that is no module."""
    at: Any = root
    for name in place.split("."):
        if name not in at._modules:
            return hasattr(at, name)
        at = at._modules[name]
    return True
