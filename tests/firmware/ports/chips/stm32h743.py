"""STM32H743 on its NUCLEO board. Numbers were typed from the manual, not from the firmware."""

from __future__ import annotations

from typing import ClassVar

from firmware.ports.chips.stm32 import MHZ, Stm32, UsartV2


class Stm32h743(UsartV2):
    """RM0433, silicon of any revision: 400 MHz in VOS1. The board's clock is a signal of 8 MHz, or absent."""

    registers: ClassVar = {
        "RCC_CR": 0x58024400, "RCC_CFGR": 0x58024410, "RCC_D1CFGR": 0x58024418, "RCC_D2CFGR": 0x5802441C,
        "RCC_D3CFGR": 0x58024420, "RCC_PLLCKSELR": 0x58024428, "RCC_PLLCFGR": 0x5802442C, "RCC_PLL1DIVR": 0x58024430,
        "RCC_D2CCIP2R": 0x58024454, "RCC_AHB4ENR": 0x580244E0, "RCC_APB1LENR": 0x580244E8, "PWR_CSR1": 0x58024804,
        "PWR_CR3": 0x5802480C, "PWR_D3CR": 0x58024818, "FLASH_ACR": 0x52002000, "CCR": 0xE000ED14, "CSSELR": 0xE000ED84,
        "ICIALLU": 0xE000EF50, "DCISW": 0xE000EF60, "IDCODE": 0x5C001000,
        "AXI_TARG7_FN_MOD": 0x51008108, **Stm32.gpio_registers("PD", 0x58020C00),
        **UsartV2.usart_registers(0x40004800),
    }  # fmt: skip
    reset: ClassVar = {"RCC_CR": 0x25, "RCC_PLLCKSELR": 0x02020200, "RCC_PLLCFGR": 0x01FF0000,
             "RCC_PLL1DIVR": 0x01010280,
             "PWR_CR3": 0x6, "PWR_D3CR": 0x4000, "FLASH_ACR": 0x37, "PD_MODER": 0xFFFFFFFF}  # fmt: skip
    uart_irq = 39
    gpio, pins = "PD", ((8, 7), (9, 7))

    def __init__(self, *, external: bool, revision: int) -> None:
        super().__init__()
        self.value["IDCODE"] = revision << 16 | 0x450
        self.external, self.supply_chosen, self.invalidated = external, False, set()

    def hse(self) -> bool:
        return self.external and self.bit("RCC_CR", 16) and self.bit("RCC_CR", 18)

    def source_hz(self) -> float:
        return 8 * MHZ if self.field("RCC_PLLCKSELR", 0, 2) == 2 else 64 * MHZ

    def pll_hz(self) -> float:
        vco_in = self.source_hz() / self.field("RCC_PLLCKSELR", 4, 6)
        vco = vco_in * (self.field("RCC_PLL1DIVR", 0, 9) + 1)
        low = (1, 2, 4, 8)[self.field("RCC_PLLCFGR", 2, 2)] * MHZ
        self.rule(low <= vco_in <= 2 * low, "PLL1RGE does not suit the input")
        self.rule(not self.bit("RCC_PLLCFGR", 1) and 192 * MHZ <= vco <= 836 * MHZ, "wide VCO 192 to 836 MHz")
        self.rule(self.bit("RCC_PLLCFGR", 16), "output P is off")
        p = self.field("RCC_PLL1DIVR", 9, 7) + 1
        self.rule(p % 2 == 0, "DIVP1 must be even")
        return vco / p

    @property
    def core_hz(self) -> float:
        hz = self.pll_hz() if self.field("RCC_CFGR", 0, 3) == 3 else 64 * MHZ
        return hz / (1 << max(0, self.field("RCC_D1CFGR", 8, 4) - 7))

    @property
    def baud(self) -> float:
        source = self.field("RCC_D2CCIP2R", 0, 3)
        self.rule(source in (0, 3), "the model knows PCLK1 and HSI for the UART")
        return (64 * MHZ if source == 3 else self.bus_hz("RCC_D2CFGR", 4)) / self.value["USART_BRR"]

    def axi_hz(self) -> float:
        return self.core_hz / (1 << max(0, self.field("RCC_D1CFGR", 0, 4) - 7))

    def bus_hz(self, name: str, low: int) -> float:
        return self.axi_hz() / (1 << max(0, self.field(name, low, 3) - 3))

    def check_clock(self) -> None:
        limit = {3: 400, 2: 300, 1: 200}[self.field("PWR_D3CR", 14, 2)] * MHZ
        self.rule(self.core_hz <= limit, "beyond what the voltage allows")
        self.rule(self.axi_hz() <= limit / 2, "AXI beyond half of it")
        for name, low in (("RCC_D1CFGR", 4), ("RCC_D2CFGR", 4), ("RCC_D2CFGR", 8), ("RCC_D3CFGR", 4)):
            self.rule(self.bus_hz(name, low) <= limit / 4, "an APB beyond a quarter of it")
        steps = ((70, 0, 0), (140, 1, 1), (185, 2, 1), (210, 2, 2), (225, 3, 2))  # table 17, VOS1
        needed, delay = next((w, d) for mhz, w, d in steps if self.axi_hz() <= mhz * MHZ)
        self.rule(self.field("FLASH_ACR", 0, 4) >= needed, "table 17: too few wait states")
        self.rule(self.field("FLASH_ACR", 4, 2) >= delay, "table 17: WRHIGHFREQ")

    def loaded(self, name: str) -> int:
        value = self.value[name]
        if name == "RCC_CR":
            source = self.hse() if self.field("RCC_PLLCKSELR", 0, 2) == 2 else True
            value |= (1 << 17 if self.hse() else 0) | (1 << 25 if self.bit("RCC_CR", 24) and source else 0)
        if name == "RCC_CFGR":
            value = value & ~0x38 | self.field("RCC_CFGR", 0, 3) << 3
        if name == "PWR_CSR1":
            value = 1 << 13 if self.supply_chosen else 0
        if name == "PWR_D3CR":
            value |= 1 << 13 if self.supply_chosen else 0
        return self.usart_loaded(name) if name.startswith("USART") else value

    def stored(self, name: str, old: int, new: int) -> None:
        if name == "PWR_CR3":
            self.rule(not self.supply_chosen, "the supply is chosen twice")
            self.rule(new & 7 == 6, "the board runs on the LDO")
            self.supply_chosen = True
        if name == "PWR_D3CR":
            self.rule(self.supply_chosen, "VOS before the supply is chosen")
        if name in ("RCC_PLLCKSELR", "RCC_PLLCFGR", "RCC_PLL1DIVR"):
            self.rule(not self.bit("RCC_CR", 24), f"{name} is written while the PLL is on")
        if name == "RCC_CR":
            self.rule(not (old ^ new) >> 18 & 1 or not old >> 16 & 1, "HSEBYP changes while HSE is on")
        if name == "RCC_CFGR":
            self.rule(new & 7 != 3 or self.loaded("RCC_CR") >> 25 & 1 == 1, "PLL chosen, not ready")
        if name in ("RCC_CFGR", "RCC_D1CFGR", "RCC_D2CFGR", "RCC_D3CFGR", "FLASH_ACR"):
            self.check_clock()
        if name == "DCISW":
            self.invalidated.add((new >> 5 & 0x1FF, new >> 30))
        if name == "CCR" and (new & ~old) >> 16 & 1:
            self.rule(len(self.invalidated) == 128 * 4, "the data cache is switched on with old lines in it")
        if name.startswith("PD_"):
            self.rule(self.bit("RCC_AHB4ENR", 3), "GPIOD has no clock")
        if name.startswith("USART"):
            self.rule(self.bit("RCC_APB1LENR", 18), "USART3 has no clock")
            self.usart_stored(name, new)
        if name == "USART_TDR":
            old_silicon = self.value["IDCODE"] >> 16 == 0x1003
            self.rule(not old_silicon or self.bit("AXI_TARG7_FN_MOD", 0), "ES0392: AXI SRAM of revision Y")
