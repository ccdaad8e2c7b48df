"""Execute a Thumb ELF on an emulated Cortex-M core and count its instructions exactly; needs neither torch nor a board.

from pathlib import Path
from mixcomp_sim import Emulator

emulator = Emulator(Path("kws.elf"), "cortex-m4")
x, y = emulator.symbol("mce_input"), emulator.symbol("mce_output")
emulator.write(x.address, bytes(x.size))
result = emulator.call("mce_run", x.address, y.address, count=True)
print(result.value, result.stack_bytes, result.counts.total, result.counts.layers)
print(result.counts.mnemonics())                # {'ldr': 812, 'smlad': 640, ...}
print(emulator.read(y.address, y.size))
"""

from .boards import Memory
from .cores import Core, cores, find_core
from .counts import Counts
from .elf import Symbol
from .emulator import Emulator
from .errors import EmulatorError
from .hostcc import BuildError, build_shared, host_compiler
from .isa import Foreign, foreign_instructions
from .machine import CallResult, Machine, image_memory, open_machine
from .qemu import QemuBoard

__all__ = [
    "BuildError",
    "CallResult",
    "Core",
    "Counts",
    "Emulator",
    "EmulatorError",
    "Foreign",
    "Machine",
    "Memory",
    "QemuBoard",
    "Symbol",
    "build_shared",
    "cores",
    "find_core",
    "foreign_instructions",
    "host_compiler",
    "image_memory",
    "open_machine",
]
