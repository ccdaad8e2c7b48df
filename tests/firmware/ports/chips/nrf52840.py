"""nRF52840 on its DK. Numbers were typed from the product specification, not from the firmware."""

from __future__ import annotations

from typing import ClassVar

from firmware.ports.machine import Chip

MHZ = 1e6


class Nrf52840(Chip):
    """nRF52840 Product Specification v1.1."""

    registers: ClassVar = {
        "HFCLKSTART": 0x40000000, "HFCLKSTARTED": 0x40000100, "ICACHECNF": 0x4001E540, "OUTSET": 0x50000508,
        "DIRSET": 0x50000518, "PIN_CNF8": 0x50000720, "STARTRX": 0x40002000, "STARTTX": 0x40002008,
        "RXDRDY": 0x40002108, "TXDRDY": 0x4000211C, "INTENSET": 0x40002304, "ERRORSRC": 0x40002480,
        "ENABLE": 0x40002500, "PSEL_RTS": 0x40002508, "PSEL_TXD": 0x4000250C, "PSEL_CTS": 0x40002510,
        "PSEL_RXD": 0x40002514, "RXD": 0x40002518, "TXD": 0x4000251C, "BAUDRATE": 0x40002524, "CONFIG": 0x4000256C,
    }  # fmt: skip
    reset: ClassVar = {"PIN_CNF8": 2, **dict.fromkeys(("PSEL_RTS", "PSEL_TXD", "PSEL_CTS", "PSEL_RXD"), 0xFFFFFFFF)}
    uart_irq = 2
    core_hz = 64 * MHZ

    @property
    def baud(self) -> float:
        return 16 * MHZ / (2**32 // self.value["BAUDRATE"])  # the manual's list of values and real rates

    def loaded(self, name: str) -> int:
        if name == "RXD":
            byte = self.waiting.popleft() if self.waiting else 0
            self.value["RXDRDY"] = 1 if self.waiting else 0  # the next byte of the FIFO asks again
            return byte
        return self.value[name]

    def stored(self, name: str, old: int, new: int) -> None:
        if name == "HFCLKSTART":
            self.value["HFCLKSTARTED"] = 1
        if name in ("PSEL_TXD", "PSEL_RXD", "PSEL_RTS", "PSEL_CTS", "CONFIG"):
            self.rule(self.value["ENABLE"] == 0, f"{name} is written while the UART is enabled")
        if name == "ENABLE":
            self.rule(bool(self.value["OUTSET"] >> 6 & 1 and self.value["DIRSET"] >> 6 & 1), "TXD is no high output")
            self.rule(self.value["PIN_CNF8"] & 3 == 0, "RXD's input buffer is not connected")
        if name in ("STARTTX", "STARTRX", "TXD"):
            self.rule(self.value["ENABLE"] == 4, f"{name} while the UART is not enabled")
        if name == "TXD":
            self.rule(self.value["STARTTX"] == 1 and self.value["PSEL_TXD"] == 6, "sends without a pin or a start")
            self.rule(self.value["PSEL_RTS"] >> 31 == 1 and self.value["PSEL_CTS"] >> 31 == 1, "flow control has pins")
            self.value["TXDRDY"] = 1
            self.sent.append(new & 0xFF)

    def wants_interrupt(self) -> bool:
        ready = self.value["ENABLE"] == 4 and self.value["STARTRX"] == 1 and self.value["PSEL_RXD"] == 8
        if ready and self.waiting:
            self.value["RXDRDY"] = 1
        return ready and self.bit("INTENSET", 2)
