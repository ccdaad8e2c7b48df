"""A core is a name, the Unicorn processor that runs its code, and an architecture. The list is cores.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from unicorn import arm_const
from unicorn.unicorn_const import UC_ARCH_ARM, UC_MODE_THUMB
from unicorn.unicorn_py3.unicorn import Uc


@dataclass(frozen=True)
class Core:
    name: str  # as gcc's -mcpu writes it: "cortex-m4"
    model: str  # UC_CPU_ARM_<model> in unicorn.arm_const; empty where Unicorn lacks the core
    architecture: str  # as gcc's -march writes it: "armv7e-m"


@cache
def cores() -> dict[str, Core]:
    """Every known core by name, in the order of cores.toml."""
    table = tomllib.loads((Path(__file__).parent / "cores.toml").read_text(encoding="utf-8"))
    return {name: Core(name, row["model"], row["architecture"]) for name, row in table.items()}


def find_core(name: str) -> Core:
    """The core of that name; ValueError lists the names there are."""
    try:
        return cores()[name]
    except KeyError:
        raise ValueError(f"unknown core {name!r}. Known: {', '.join(cores())}.") from None


def new_engine(core: Core) -> Any:
    """A Unicorn machine with that processor and no memory. (Unicorn is untyped: Any.)"""
    if not core.model:
        raise ValueError(f"Unicorn has no {core.name}; QEMU has: open_machine(elf, {core.name!r}).")
    make: Any = Uc
    # UC_MODE_MCLASS would override the chosen processor with a Cortex-M33.
    uc = make(UC_ARCH_ARM, UC_MODE_THUMB)
    uc.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_{core.model}"))
    return uc
