"""C out of a bundle. Templates print data and calls; the algorithms are the runtime's."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name in ("export", "read_project"):
        from mixcomp_edge.codegen import project

        return getattr(project, name)
    raise AttributeError(name)
