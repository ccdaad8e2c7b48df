"""Names of a model's classes. They travel in a bundle's origin, which a stranger may have written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

KEY = "classes"  # in a bundle's origin
LONGEST = 80  # characters of a name


def are_names(given: Sequence[Any]) -> bool:
    """Whether all are different lines of text, fit for a table and a C string."""
    return len(set(map(str, given))) == len(given) and all(
        isinstance(name, str) and 0 < len(name) <= LONGEST and name.isprintable() for name in given
    )


def class_count(shape: Sequence[int]) -> int:
    """Classes of an output (C, ...): a channel each, but two of a lone one."""
    return max(2, shape[0]) if shape else 2


def class_names(origin: Mapping[str, Any], shapes: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """Those that a bundle with outputs of these shapes, channels first, says it has; () where they do not fit."""
    found = origin.get(KEY)
    if not isinstance(found, list) or len(shapes) != 1 or len(found) != class_count(shapes[0]) or not are_names(found):
        return ()
    return tuple(found)
