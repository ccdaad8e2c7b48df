"""Where the C runtime and the templates lie: inside the wheel, or in the folders of a source checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    for candidate in (_PACKAGE / "_resources" / name, _PACKAGE.parents[1] / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"mixcomp-edge is not installed completely: its folder '{name}' is missing.")


def firmware() -> Path:
    """The C runtime: include/ and kernels/."""
    return _folder("firmware")


def templates() -> Path:
    """The Jinja2 templates."""
    return _folder("codegen_templates")
