"""Where the Verilog, the gate library, the netlists and the operand streams lie: inside the wheel, or in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


class MacError(RuntimeError):
    """What a user can cause: a tool that is missing, a file that is stale or damaged."""


def folder() -> Path:
    """The folder host_sim/mac."""
    for candidate in (_PACKAGE / "_mac", _PACKAGE.parent / "mac"):
        if candidate.is_dir():
            return candidate
    raise MacError("mixcomp_sim is not installed completely: its folder 'mac' is missing.")
