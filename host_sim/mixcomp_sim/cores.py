"""A core is a name, the Unicorn processor that runs its code, and an architecture. The list is cores.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from unicorn.unicorn_py3.unicorn import Uc

from .families import ARM, RISCV, Family


@dataclass(frozen=True)
class Core:
    name: str  # as gcc's -mcpu writes it: "cortex-m4"; of RISC-V the architecture's
    model: str  # UC_CPU_ARM_<model> or UC_CPU_RISCV32_<model> in unicorn; empty where Unicorn lacks the core
    architecture: str  # as gcc's -march writes it: "armv7e-m"

    @property
    def family(self) -> Family:
        return RISCV if self.architecture.startswith("rv") else ARM


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
    uc = make(*core.family.engine)
    uc.ctl_set_cpu_model(getattr(core.family.models, core.family.prefix + core.model))
    return uc
