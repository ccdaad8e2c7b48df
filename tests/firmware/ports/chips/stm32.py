"""What the STM32 models share: pins, and the UART of the newer families."""

from __future__ import annotations

from typing import ClassVar

from firmware.ports.machine import Chip

MHZ = 1e6


class Stm32(Chip):
    """Pins and UART interrupt, common to the three. `gpio`: name of the port's registers; `pins`: (pin, function)."""

    gpio = ""
    pins: tuple[tuple[int, int], ...] = ()

    def check_pins(self) -> None:
        for pin, function in self.pins:
            half = "AFRL" if pin < 8 else "AFRH"
            self.rule(
                self.field(f"{self.gpio}_MODER", 2 * pin, 2) == 2, f"{self.gpio}{pin} is not given to a peripheral"
            )
            self.rule(self.field(f"{self.gpio}_{half}", 4 * (pin % 8), 4) == function, f"{self.gpio}{pin}: function")

    @staticmethod
    def gpio_registers(name: str, base: int) -> dict[str, int]:
        offsets = {"MODER": 0, "OTYPER": 4, "OSPEEDR": 8, "PUPDR": 12, "BSRR": 0x18, "AFRL": 0x20, "AFRH": 0x24}
        return {f"{name}_{register}": base + offset for register, offset in offsets.items()}


class UsartV2(Stm32):
    """USART and LPUART of L4+ and H7. RM0432, RM0433"""

    usart = 0
    tail_registers: ClassVar = {
        "CR1": 0x00,
        "CR2": 0x04,
        "CR3": 0x08,
        "BRR": 0x0C,
        "ISR": 0x1C,
        "ICR": 0x20,
        "RDR": 0x24,
        "TDR": 0x28,
    }

    @classmethod
    def usart_registers(cls, base: int) -> dict[str, int]:
        return {f"USART_{name}": base + offset for name, offset in cls.tail_registers.items()}

    def usart_loaded(self, name: str) -> int:
        if name == "USART_ISR":
            return 1 << 7 | 1 << 6 | (1 << 5 if self.waiting else 0)
        if name == "USART_RDR":
            return self.waiting.popleft() if self.waiting else 0
        return self.value[name]

    def usart_stored(self, name: str, new: int) -> None:
        if name == "USART_TDR":
            self.rule(self.bit("USART_CR1", 0) and self.bit("USART_CR1", 3), "sends while the transmitter is off")
            self.check_pins()
            self.sent.append(new & 0xFF)
        if name in ("USART_BRR", "USART_CR2", "USART_CR3"):
            self.rule(not self.bit("USART_CR1", 0), f"{name} is written while the UART is on")

    def wants_interrupt(self) -> bool:
        return self.bit("USART_CR1", 0) and self.bit("USART_CR1", 2) and self.bit("USART_CR1", 5)
