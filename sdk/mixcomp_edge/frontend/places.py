"""Where the operations of a model file lie in the torch module that is made of it: paths like those of the modules that
it was exported from, each taken once."""

from __future__ import annotations

import re
from typing import Any

from torch import nn


def path_of(text: str) -> str:
    """A module path of a name in a file: parts of letters, digits and underscores with dots between them."""
    parts = [re.sub(r"[^A-Za-z0-9_]", "_", part) for part in re.split(r"[./:;]+", text) if part]
    return ".".join(parts) or "node"


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
