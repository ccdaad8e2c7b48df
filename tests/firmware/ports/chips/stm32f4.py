"""STM32F446 on its NUCLEO board, STM32F405 on a Netduino Plus 2. Numbers were typed from the manuals, not from the
firmware."""

from __future__ import annotations

from math import ceil
from typing import ClassVar

from firmware.ports.chips.stm32 import MHZ, Stm32


class Stm32f4(Stm32):
    """What RM0390 and RM0090 have in common. `external`: whether the board's clock runs."""

    registers: ClassVar = {
        "RCC_CR": 0x40023800, "RCC_PLLCFGR": 0x40023804, "RCC_CFGR": 0x40023808, "RCC_AHB1ENR": 0x40023830,
        "RCC_APB1ENR": 0x40023840, "RCC_APB2ENR": 0x40023844, "PWR_CR": 0x40007000, "PWR_CSR": 0x40007004,
        "FLASH_ACR": 0x40023C00, **Stm32.gpio_registers("PA", 0x40020000),
    }  # fmt: skip
    gpio = "PA"
    external_hz, bypass, overdrive = 0.0, False, False
    limits_hz = (0.0, 0.0, 0.0)  # core, APB1, APB2
    usart_clock = ("", 0, 0)  # its bit in an enable register; where its bus has its prescaler in CFGR

    @staticmethod
    def usart_registers(base: int) -> dict[str, int]:
        return {f"USART_{name}": base + 4 * i for i, name in enumerate(("SR", "DR", "BRR", "CR1", "CR2", "CR3"))}

    def __init__(self, *, external: bool) -> None:
        super().__init__()
        self.external = external

    def hse(self) -> bool:
        return self.external and self.bit("RCC_CR", 16) and self.bit("RCC_CR", 18) == self.bypass

    def pll_hz(self) -> float:
        source = self.external_hz if self.bit("RCC_PLLCFGR", 22) else 16 * MHZ
        m, n, p = self.field("RCC_PLLCFGR", 0, 6), self.field("RCC_PLLCFGR", 6, 9), self.field("RCC_PLLCFGR", 16, 2)
        vco_in, vco = source / m, source / m * n
        self.rule(0.95 * MHZ <= vco_in <= 2.1 * MHZ, "VCO input 1 to 2 MHz")
        self.rule(50 <= n <= 432 and 100 * MHZ <= vco <= 432 * MHZ, "VCO 100 to 432 MHz")
        self.rule(self.field("RCC_PLLCFGR", 24, 4) >= 2, "PLLQ 0 and 1 are wrong")
        self.rule(self.field("RCC_PLLCFGR", 28, 3) >= 2, "PLLR 0 and 1 are wrong")
        return vco / (2 * p + 2)

    @property
    def core_hz(self) -> float:
        hz = (16 * MHZ, self.external_hz, self.pll_hz())[self.field("RCC_CFGR", 0, 2)]
        return hz / (1 << max(0, self.field("RCC_CFGR", 4, 4) - 7))

    def bus_hz(self, low: int) -> float:
        return self.core_hz / (1 << max(0, self.field("RCC_CFGR", low, 3) - 3))

    @property
    def baud(self) -> float:
        return self.bus_hz(self.usart_clock[2]) / self.value["USART_BRR"]

    def check_clock(self) -> None:
        wait_states = self.field("FLASH_ACR", 0, 4)
        self.rule(wait_states >= ceil(self.core_hz / (30 * MHZ)) - 1, "table 5: too few wait states")
        self.rule(self.core_hz <= 168 * MHZ or self.overdriven(), "beyond 168 MHz without over-drive")
        for hz, limit_hz in zip((self.core_hz, self.bus_hz(10), self.bus_hz(13)), self.limits_hz, strict=True):
            self.rule(hz <= limit_hz, f"a clock beyond {limit_hz / MHZ:g} MHz")

    def overdriven(self) -> bool:
        return self.overdrive and self.bit("PWR_CR", 16) and self.bit("PWR_CR", 17)

    def loaded(self, name: str) -> int:
        value = self.value[name]
        if name == "RCC_CR":
            source = self.hse() if self.bit("RCC_PLLCFGR", 22) else True
            value |= (1 << 17 if self.hse() else 0) | (1 << 25 if self.bit("RCC_CR", 24) and source else 0)
        if name == "RCC_CFGR":
            value = value & ~0xC | self.field("RCC_CFGR", 0, 2) << 2
        if name == "PWR_CSR":
            on = self.bit("RCC_CR", 24)
            value = 1 << 14 | (1 << 16 if self.overdrive and self.bit("PWR_CR", 16) and on else 0)
            value |= 1 << 17 if self.overdriven() and on else 0
        if name == "USART_SR":
            value = 1 << 7 | 1 << 6 | (1 << 5 if self.waiting else 0)
        if name == "USART_DR":
            value = self.waiting.popleft() if self.waiting else 0
        return value

    def stored(self, name: str, old: int, new: int) -> None:
        if name.startswith("PWR"):
            self.rule(self.bit("RCC_APB1ENR", 28), "PWR has no clock")
            self.rule(not (old ^ new) >> 14 & 3 or not self.bit("RCC_CR", 24), "VOS changes while the PLL is on")
            self.rule(self.field("RCC_CFGR", 0, 2) != 2, "over-drive changes while the PLL is the clock")
        if name == "RCC_PLLCFGR":
            self.rule(not self.bit("RCC_CR", 24), "PLLCFGR is written while the PLL is on")
        if name == "RCC_CR":
            self.rule(not (old ^ new) >> 18 & 1 or not old >> 16 & 1, "HSEBYP changes while HSE is on")
        if name == "RCC_CFGR":
            self.rule(
                self.field("RCC_CFGR", 0, 2) != 2 or self.loaded("RCC_CR") >> 25 & 1 == 1, "PLL chosen, not ready"
            )
        if name in ("RCC_CFGR", "FLASH_ACR"):
            self.check_clock()
        if name.startswith("PA"):
            self.rule(self.bit("RCC_AHB1ENR", 0), "GPIOA has no clock")
        if name.startswith("USART"):
            self.rule(self.bit(*self.usart_clock[:2]), "the USART has no clock")
        if name == "USART_DR":
            self.rule(self.bit("USART_CR1", 13) and self.bit("USART_CR1", 3), "sends while the transmitter is off")
            self.check_pins()
            self.sent.append(new & 0xFF)

    def wants_interrupt(self) -> bool:
        return self.bit("USART_CR1", 13) and self.bit("USART_CR1", 2) and self.bit("USART_CR1", 5)


class Stm32f446(Stm32f4):
    """RM0390. The board's clock is a signal."""

    registers: ClassVar = Stm32f4.registers | Stm32f4.usart_registers(0x40004400)  # USART2
    reset: ClassVar = {"RCC_CR": 0x83, "RCC_PLLCFGR": 0x24003010, "PWR_CR": 0xC000, "PA_MODER": 0xA8000000}
    uart_irq, pins, usart_clock = 38, ((2, 7), (3, 7)), ("RCC_APB1ENR", 17, 10)
    external_hz, bypass, overdrive = 8 * MHZ, True, True
    limits_hz = (180 * MHZ, 45 * MHZ, 90 * MHZ)


class Stm32f405(Stm32f4):
    """RM0090. The board's clock is a crystal."""

    registers: ClassVar = Stm32f4.registers | Stm32f4.usart_registers(0x40011000)  # USART1
    reset: ClassVar = {"RCC_CR": 0x83, "RCC_PLLCFGR": 0x24003010, "PWR_CR": 0x4000, "PA_MODER": 0xA8000000}
    uart_irq, pins, usart_clock = 37, ((9, 7), (10, 7)), ("RCC_APB2ENR", 4, 13)
    external_hz, bypass = 25 * MHZ, False
    limits_hz = (168 * MHZ, 42 * MHZ, 84 * MHZ)
