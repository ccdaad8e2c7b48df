"""A Cortex-M with a model of its chip around it: Unicorn runs the firmware's very code from the reset vector, and every
access to a peripheral goes to the model, which knows the manual's rules and writes down each one that is broken."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from unicorn import arm_const

from mixcomp_sim.cores import find_core, new_engine

STOP = 0x3FFFFFF0  # where an interrupt handler returns to; nothing is mapped there
PIECE = 20_000  # instructions between two looks for interrupts
TICK = 4096  # cycles that pass with each look at SysTick's counter


class Chip:
    """Registers by name. What is not named must not be touched.

    Models give `registers` (name -> address) and `reset` (name -> value, else 0), and `loaded`, `stored`."""

    registers: ClassVar[dict[str, int]] = {}
    reset: ClassVar[dict[str, int]] = {}
    uart_irq = -1

    def __init__(self) -> None:
        core = {"ISER0": 0xE000E100, "ISER1": 0xE000E104, "ISER2": 0xE000E108, "VTOR": 0xE000ED08, "CPACR": 0xE000ED88,
                "SYST_CSR": 0xE000E010, "SYST_RVR": 0xE000E014, "SYST_CVR": 0xE000E018,
                "ICSR": 0xE000ED04}  # fmt: skip
        self.names = {address: name for name, address in (core | self.registers).items()}
        self.value = dict.fromkeys(self.names.values(), 0) | self.reset
        self.broken: list[str] = []
        self.sent = bytearray()
        self.waiting: deque[int] = deque()  # received bytes that nobody has read
        self.cycles = 0
        self.ticked = False

    def rule(self, kept: bool, text: str) -> None:
        """Writes `text` down unless the rule is kept."""
        if not kept and text not in self.broken:
            self.broken.append(text)

    def bit(self, name: str, number: int) -> bool:
        return bool(self.value[name] >> number & 1)

    def field(self, name: str, low: int, width: int) -> int:
        return self.value[name] >> low & (1 << width) - 1

    def address_of(self, address: int) -> tuple[int, int]:
        """(register's address, how a write works: 0 plain, 1 toggle, 2 set, 3 clear)."""
        return address, 0

    def load(self, address: int) -> int:
        name = self.names.get(self.address_of(address)[0])
        self.rule(name is not None, f"reads 0x{address:08x}, which is no register of the model")
        if name is None:
            return 0
        if name == "SYST_CVR":
            before, self.cycles = self.cycles, self.cycles + TICK
            self.ticked |= before >> 24 != self.cycles >> 24
            return -self.cycles & 0xFFFFFF
        if name == "ICSR":
            return 1 << 26 if self.ticked else 0  # PENDSTSET
        return self.loaded(name) & 0xFFFFFFFF

    def store(self, address: int, value: int) -> None:
        plain, way = self.address_of(address)
        name = self.names.get(plain)
        self.rule(name is not None, f"writes 0x{address:08x}, which is no register of the model")
        if name is None:
            return
        old = self.value[name]
        new = (value, old ^ value, old | value, old & ~value)[way]
        self.value[name] = old | new if name.startswith("ISER") else new
        if not name.startswith(("ISER", "SYST", "VTOR", "CPACR")):
            self.stored(name, old, new)

    def loaded(self, name: str) -> int:
        """What a read gives."""
        return self.value[name]

    def stored(self, name: str, old: int, new: int) -> None:
        """What a write does, after it took effect."""

    def wants_interrupt(self) -> bool:
        """Whether the UART asks the NVIC."""
        raise NotImplementedError

    @property
    def core_hz(self) -> float:
        raise NotImplementedError

    @property
    def baud(self) -> float:
        raise NotImplementedError

    def uart_enabled_in_nvic(self) -> bool:
        return self.bit(f"ISER{self.uart_irq // 32}", self.uart_irq % 32)


class Machine:
    """chunks: (address, bytes) of flash; vectors: address of the vector table."""

    def __init__(
        self, chip: Chip, core: str, chunks, flash: tuple[int, int], ram: tuple[int, int], vectors: int
    ) -> None:
        self.chip, self.vectors = chip, vectors
        self.uc = new_engine(find_core(core))
        for base, size in (flash, ram):
            self.uc.mem_map(base, size + 0xFFF & ~0xFFF)
        for address, data in chunks:
            self.uc.mem_write(address, data)
        for base, size in ((0x40000000, 0x20000000), (0xE0000000, 0x100000)):
            self.uc.mmio_map(base, size, self._read, base, self._write, base)
        self.pc = self._vector(1)
        self.uc.reg_write(arm_const.UC_ARM_REG_SP, self._vector(0))

    def run(self, until, pieces: int = 400, instructions: int = PIECE) -> bool:
        """Runs until `until()` holds, which is asked after each piece; False if it does not come in time."""
        for _ in range(pieces):
            self.uc.emu_start(self.pc | 1, STOP, count=instructions)
            self.pc = self.uc.reg_read(arm_const.UC_ARM_REG_PC)
            if self.chip.ticked:
                self.chip.ticked = False
                self._interrupt(15)
            if self.chip.waiting and self.chip.uart_enabled_in_nvic() and self.chip.wants_interrupt():
                self._interrupt(16 + self.chip.uart_irq)
            if until():
                return True
        return False

    def _interrupt(self, number: int) -> None:
        """The core's exception entry and return, but for the frame on the stack: every register comes back."""
        saved = self.uc.context_save()
        self.uc.reg_write(arm_const.UC_ARM_REG_LR, STOP | 1)
        self.uc.reg_write(arm_const.UC_ARM_REG_SP, self.uc.reg_read(arm_const.UC_ARM_REG_SP) - 64 & ~7)
        self.uc.emu_start(self._vector(number) | 1, STOP, count=1_000_000)
        assert self.uc.reg_read(arm_const.UC_ARM_REG_PC) == STOP, "an interrupt handler does not return"
        self.uc.context_restore(saved)

    def _vector(self, index: int) -> int:
        table = self.chip.value["VTOR"] or self.vectors
        return int.from_bytes(self.uc.mem_read(table + 4 * index, 4), "little")

    def _read(self, uc, offset: int, size: int, base: int) -> int:
        self.chip.rule(size == 4, f"reads {size} bytes at 0x{base + offset:08x}")
        return self.chip.load(base + offset)

    def _write(self, uc, offset: int, size: int, value: int, base: int) -> None:
        self.chip.rule(size == 4, f"writes {size} bytes at 0x{base + offset:08x}")
        self.chip.store(base + offset, value)


class MachinePort:
    """A machine's UART as mixcomp_edge.board.port.Port has it, so that a Session can talk to a machine."""

    FIFO = 6  # bytes that the smallest receiver of ours holds

    def __init__(self, machine: Machine) -> None:
        self.machine, self.url, self.baud = machine, "machine", 115_200
        self.sent = self.received = 0
        self._out: deque[int] = deque()

    def write(self, data: bytes) -> None:
        self._out.extend(data)
        self.sent += len(data)

    def read(self, timeout: float) -> bytes:
        chip = self.machine.chip
        for _ in range(400):
            while self._out and len(chip.waiting) < self.FIFO:
                chip.waiting.append(self._out.popleft())
            self.machine.run(lambda: True, instructions=3000)
            if len(chip.sent) > self.received and not self._out:
                break
        data = bytes(chip.sent[self.received :])
        self.received += len(data)
        return data

    def reopen(self) -> None: ...

    def close(self) -> None: ...
