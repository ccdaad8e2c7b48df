"""Targets: a core, the kernels that suit it and the compiler flags. One TOML file each, beside this module."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mixcomp_edge.documents import read_toml
from mixcomp_edge.errors import TargetError

_FOLDER = Path(__file__).resolve().parent
DEFAULT = "cortex-m4"
ARM = "arm-none-eabi"


@dataclass(frozen=True)
class Target:
    """`core` is empty for a target that cannot be emulated; `gcc` and `libraries` are words for <triple>-gcc."""

    name: str
    description: str
    core: str
    isas: tuple[str, ...]
    gcc: tuple[str, ...]
    zig_cpu: str
    zig_target: str = "thumb-freestanding-eabi"  # eabihf for a core with FPU registers, which MVE uses
    triple: str = ARM
    startup: str = "startup.c"  # of firmware/ports/common
    qemu: str = "qemu-system-arm"
    machine: int = 0x28  # e_machine of an ELF
    libraries: tuple[str, ...] = ("-lc_nano", "-lgcc")


@cache
def targets() -> dict[str, Target]:
    """All targets by name."""
    found = {}
    for path in sorted(_FOLDER.glob("*.toml")):
        table: dict[str, Any] = read_toml(path, TargetError)
        lists: dict[str, Any] = {key: tuple(table[key]) for key in ("isas", "gcc", "libraries") if key in table}
        found[path.stem] = Target(name=path.stem, **table | lists)
    return found


def target(name: str) -> Target:
    """The target of that name."""
    if name not in targets():
        raise TargetError(f"unknown target '{name}'. Known targets: {', '.join(targets())}.")
    return targets()[name]


def emulated(name: str) -> Target:
    """The target of that name, if the emulator runs its core."""
    found = target(name)
    if not found.core:
        runnable = ", ".join(t.name for t in targets().values() if t.core)
        raise TargetError(f"target '{name}' cannot be emulated. These can: {runnable}.")
    return found
