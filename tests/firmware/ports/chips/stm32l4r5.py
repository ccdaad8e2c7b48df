"""STM32L4R5 on its NUCLEO board. Numbers were typed from the manual, not from the firmware."""

from __future__ import annotations

from math import ceil
from typing import ClassVar

from firmware.ports.chips.stm32 import MHZ, Stm32, UsartV2


class Stm32l4r5(UsartV2):
    """RM0432. The board has no clock for HSE."""

    registers: ClassVar = {
        "RCC_CR": 0x40021000, "RCC_CFGR": 0x40021008, "RCC_PLLCFGR": 0x4002100C, "RCC_AHB2ENR": 0x4002104C,
        "RCC_APB1ENR1": 0x40021058, "RCC_APB1ENR2": 0x4002105C, "RCC_CCIPR": 0x40021088, "PWR_CR1": 0x40007000,
        "PWR_CR2": 0x40007004, "PWR_SR2": 0x40007014, "PWR_CR5": 0x40007080, "FLASH_ACR": 0x40022000,
        **Stm32.gpio_registers("PF", 0x48001400), **Stm32.gpio_registers("PG", 0x48001800),
        **UsartV2.usart_registers(0x40008000),
    }  # fmt: skip
    reset: ClassVar = {"RCC_CR": 0x63, "RCC_PLLCFGR": 0x1000, "PWR_CR1": 0x200, "PWR_CR5": 0x100, "FLASH_ACR": 0x600,
             "PF_MODER": 0xFFFFFFFF, "PG_MODER": 0xFFFFFFFF}  # fmt: skip
    uart_irq = 70
    gpio, pins = "PG", ((7, 8), (8, 8))

    def __init__(self) -> None:
        super().__init__()
        self.pin13 = [(True, 0)]  # of port F, D7 on the board: each change of level, and when in cycles

    def system_hz(self) -> float:
        if self.field("RCC_CFGR", 0, 2) != 3:
            return (4 * MHZ, 16 * MHZ, 0.0)[self.field("RCC_CFGR", 0, 2)]
        vco_in = (0.0, 4 * MHZ, 16 * MHZ, 0.0)[self.field("RCC_PLLCFGR", 0, 2)] / (self.field("RCC_PLLCFGR", 4, 4) + 1)
        vco = vco_in * self.field("RCC_PLLCFGR", 8, 7)
        self.rule(2.66 * MHZ <= vco_in <= 8 * MHZ, "VCO input 2.66 to 8 MHz")
        self.rule(64 * MHZ <= vco <= 344 * MHZ, "VCO 64 to 344 MHz")
        self.rule(self.bit("RCC_PLLCFGR", 24), "output R is off")
        return vco / (2 * self.field("RCC_PLLCFGR", 25, 2) + 2)

    @property
    def core_hz(self) -> float:
        return self.system_hz() / (1 << max(0, self.field("RCC_CFGR", 4, 4) - 7))

    @property
    def baud(self) -> float:
        self.rule(0x300 <= self.value["USART_BRR"] <= 0xFFFFF, "BRR 0x300 to 0xFFFFF")
        kernel = (self.core_hz, self.system_hz(), 16 * MHZ, 32768)[self.field("RCC_CCIPR", 10, 2)]
        return 256 * kernel / self.value["USART_BRR"]

    def loaded(self, name: str) -> int:
        value = self.value[name]
        if name == "RCC_CR":
            value |= (1 << 10 if self.bit("RCC_CR", 8) else 0) | (1 << 25 if self.bit("RCC_CR", 24) else 0)
        if name == "RCC_CFGR":
            value = value & ~0xC | self.field("RCC_CFGR", 0, 2) << 2
        if name == "PWR_SR2":
            value = 0  # the regulator has its voltage
        return self.usart_loaded(name) if name.startswith("USART") else value

    def stored(self, name: str, old: int, new: int) -> None:
        if name.startswith("PWR"):
            self.rule(self.bit("RCC_APB1ENR1", 28), "PWR has no clock")
        if name == "RCC_PLLCFGR":
            self.rule(not self.bit("RCC_CR", 24), "PLLCFGR is written while the PLL is on")
            self.rule(self.field(name, 0, 2) != 2 or self.bit("RCC_CR", 8), "the PLL's source is off")
        if name in ("RCC_CFGR", "FLASH_ACR", "PWR_CR5", "PWR_CR1"):
            fast = self.system_hz() > 80 * MHZ
            self.rule(self.field("PWR_CR1", 9, 2) == 1, "120 MHz in range 2")
            self.rule(not fast or not self.bit("PWR_CR5", 8), "beyond 80 MHz without boost")
            self.rule(self.field("FLASH_ACR", 0, 4) >= ceil(self.core_hz / (20 * MHZ)) - 1, "too few wait states")
            self.rule(self.core_hz <= 120 * MHZ, "beyond 120 MHz")
            if name == "RCC_CFGR" and new & 3 == 3 and old & 3 != 3:
                self.rule(self.bit("RCC_CR", 24), "PLL chosen, not on")
                self.rule(not fast or self.field(name, 4, 4) >= 8, "to boost without halving the bus first")
        if name.startswith("PF"):
            self.rule(self.bit("RCC_AHB2ENR", 5), "GPIOF has no clock")
            self.rule(name != "PF_MODER" or (old ^ new) & ~(3 << 26) == 0, "another pin of port F is touched")
        if name == "PF_BSRR":
            high = bool(new & 1 << 13)
            self.rule(new in (1 << 13, 1 << 29), "another pin of port F is driven")
            self.rule(high or self.field("PF_MODER", 26, 2) == 1, "PF13 is no output")
            self.pin13 += [(high, self.cycles)] if high != self.pin13[-1][0] else []
        if name.startswith("PG"):
            self.rule(self.bit("RCC_AHB2ENR", 6), "GPIOG has no clock")
        if name.startswith("USART"):
            self.rule(self.bit("RCC_APB1ENR2", 0), "LPUART1 has no clock")
            self.usart_stored(name, new)
        if name == "USART_TDR":
            self.rule(self.bit("PWR_CR2", 9), "PG2 to PG15 have no supply")
            self.rule(self.field("RCC_CCIPR", 10, 2) != 2 or self.bit("RCC_CR", 8), "LPUART1's clock is off")
