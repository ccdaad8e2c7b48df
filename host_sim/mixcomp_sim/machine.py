"""What runs a program: the interface that Unicorn's emulator and QEMU's boards share, and the choice between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .boards import Memory, find_board
from .cores import find_core

if TYPE_CHECKING:
    from .counts import Counts
    from .elf import Symbol
    from .flash import Stalls

DEFAULT_TIMEOUT_S = 5.0  # of processor time: an endless loop is told within ten seconds; long work asks for more
ANY_CHIP = Memory(flash=(0x08000000, 32 << 20), ram=(0x20000000, 16 << 20))  # enough for any model


@dataclass(frozen=True)
class CallResult:
    value: int  # r0 as int32
    stack_bytes: int  # deepest byte that changed, counted from the top; untouched reserved space below it is not seen
    counts: Counts | None
    stalls: tuple[Stalls, ...] | None = None  # of each layer, as in counts.layers, when a flash was given


class Machine(Protocol):
    """An ELF in memory and a core to run it. Memory lives on between calls; registers and flags do not."""

    @property
    def layers(self) -> int: ...

    def symbol(self, name: str) -> Symbol: ...

    def read(self, address: int, n: int) -> bytes: ...

    def write(self, address: int, data: bytes) -> None: ...

    def call(
        self,
        function: str,
        *args: int,
        count: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        on_layer: Callable[[int], None] | None = None,
    ) -> CallResult: ...

    def close(self) -> None: ...


def call_entry(machine: Machine, function: str, args: Sequence[int]) -> int:
    """Address of a function that is about to be called; ValueError where its arguments do not fit into registers."""
    if len(args) > 4:
        raise ValueError(f"{function}: {len(args)} arguments, but only four fit into registers")
    return machine.symbol(function).address


def as_int32(register: int) -> int:
    """A register's 32 bits as a signed number."""
    return register - (register >> 31 << 32)


class LayerPasses:
    """Tells a listener of each layer mark that execution reaches; marks of empty layers share an address."""

    def __init__(self, marks: Sequence[int], on_layer: Callable[[int], None] | None) -> None:
        self.marks, self._on_layer, self._passed = marks if on_layer else (), on_layer, 0

    def at(self, address: int) -> None:
        while self._on_layer and self._passed < len(self.marks) and self.marks[self._passed] == address:
            self._passed += 1
            self._on_layer(self._passed - 1)


def open_machine(elf: Path | bytes, core: str, engine: str | None = None) -> Machine:
    """The machine for a core. engine: "unicorn", "qemu", or None for Unicorn where it has the core, else QEMU.

    Under Unicorn the program has no more RAM than its data needs: a write behind it is a fault. QEMU has the board's.
    """
    if _engine(core, engine) == "qemu":
        from .qemu import QemuBoard

        return QemuBoard(elf, core)
    from .emulator import Emulator

    return Emulator(elf, core, ram_bytes=None)


def image_memory(core: str, engine: str | None = None) -> Memory:
    """Where to link an image for `open_machine(elf, core, engine)`."""
    return find_board(core).memory if _engine(core, engine) == "qemu" else ANY_CHIP


def _engine(core: str, engine: str | None) -> str:
    if engine not in (None, "unicorn", "qemu"):
        raise ValueError(f"unknown engine {engine!r}. Known: unicorn, qemu.")
    return engine or ("unicorn" if find_core(core).model else "qemu")
