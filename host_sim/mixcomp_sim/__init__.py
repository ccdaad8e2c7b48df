"""Execute a Thumb ELF on an emulated Cortex-M core and count its instructions exactly; needs neither torch nor a board.
`mixcomp-sim` is the command; README.md beside this package's folder tells what it can do.

Function after function, memory kept between the calls:

from pathlib import Path
from mixcomp_sim import Emulator

emulator = Emulator(Path("kws.elf"), "cortex-m4")
x, y = emulator.symbol("mce_input"), emulator.symbol("mce_output")
emulator.write(x.address, bytes(x.size))
result = emulator.call("mce_run", x.address, y.address, count=True)
print(result.value, result.stack_bytes, result.counts.total, result.counts.layers)
print(result.counts.mnemonics())                # {'ldr': 812, 'smlad': 640, ...}
print(emulator.read(y.address, y.size))

A whole program on a chip, with what it costs:

from mixcomp_sim import Limits, Start, System, find_chip, make_report

chip = find_chip("stm32l4r5")
system = System(Path("firmware.elf"), chip, Start(), output=print)
report = make_report("firmware.elf", system.image, chip, system.run(Limits(seconds=0.5)))
print(report.cycles, report.by_cause, report.functions[0])

Each of the names below is imported when it is first used, so that finding a compiler takes no emulator."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .boards import Memory
    from .chips import Chip, find_chip, read_chip
    from .cores import Core, find_core
    from .counts import Counts
    from .elf import Symbol
    from .emulator import Emulator
    from .errors import EmulatorError
    from .hostcc import BuildError, build_shared, host_compiler
    from .isa import Foreign, foreign_instructions
    from .machine import CallResult, Machine, image_memory, open_machine
    from .outcome import Limits, Outcome, Start
    from .qemu import QemuBoard
    from .report import Report, make_report
    from .riscv import RiscvProgram
    from .system import System

__all__ = [
    "BuildError",
    "CallResult",
    "Chip",
    "Core",
    "Counts",
    "Emulator",
    "EmulatorError",
    "Foreign",
    "Limits",
    "Machine",
    "Memory",
    "Outcome",
    "QemuBoard",
    "Report",
    "RiscvProgram",
    "Start",
    "Symbol",
    "System",
    "build_shared",
    "find_chip",
    "find_core",
    "foreign_instructions",
    "host_compiler",
    "image_memory",
    "make_report",
    "open_machine",
    "read_chip",
]

_HOME = {
    "boards": ("Memory",),
    "chips": ("Chip", "find_chip", "read_chip"),
    "cores": ("Core", "find_core"),
    "counts": ("Counts",),
    "elf": ("Symbol",),
    "emulator": ("Emulator",),
    "errors": ("EmulatorError",),
    "hostcc": ("BuildError", "build_shared", "host_compiler"),
    "isa": ("Foreign", "foreign_instructions"),
    "machine": ("CallResult", "Machine", "image_memory", "open_machine"),
    "outcome": ("Limits", "Outcome", "Start"),
    "qemu": ("QemuBoard",),
    "report": ("Report", "make_report"),
    "riscv": ("RiscvProgram",),
    "system": ("System",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module 'mixcomp_sim' has no attribute {name!r}")
