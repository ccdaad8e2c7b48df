"""Chips by their manuals: clock trees with their limits, clocks that a block must have before it is touched, UARTs. Numbers
were typed from the manuals that each class names, not from the firmware."""

from __future__ import annotations

from math import ceil

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
        offsets = {"MODER": 0, "OTYPER": 4, "OSPEEDR": 8, "PUPDR": 12, "AFRL": 0x20, "AFRH": 0x24}
        return {f"{name}_{register}": base + offset for register, offset in offsets.items()}


class UsartV2(Stm32):
    """USART and LPUART of L4+ and H7. RM0432 51.6, RM0433 48.7"""

    usart = 0
    tail_registers = {
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


class Stm32f446(Stm32):
    """RM0390. The board's clock is a signal of 8 MHz, or absent."""

    registers = {
        "RCC_CR": 0x40023800, "RCC_PLLCFGR": 0x40023804, "RCC_CFGR": 0x40023808, "RCC_AHB1ENR": 0x40023830,
        "RCC_APB1ENR": 0x40023840, "PWR_CR": 0x40007000, "PWR_CSR": 0x40007004, "FLASH_ACR": 0x40023C00,
        "USART_SR": 0x40004400, "USART_DR": 0x40004404, "USART_BRR": 0x40004408, "USART_CR1": 0x4000440C,
        "USART_CR2": 0x40004410, "USART_CR3": 0x40004414, **Stm32.gpio_registers("PA", 0x40020000),
    }  # fmt: skip
    reset = {"RCC_CR": 0x83, "RCC_PLLCFGR": 0x24003010, "PWR_CR": 0xC000, "PA_MODER": 0xA8000000}
    uart_irq = 38
    gpio, pins = "PA", ((2, 7), (3, 7))

    def __init__(self, *, external: bool) -> None:
        super().__init__()
        self.external = external

    def hse(self) -> bool:
        return self.external and self.bit("RCC_CR", 16) and self.bit("RCC_CR", 18)

    def pll_hz(self) -> float:
        source = 8 * MHZ if self.bit("RCC_PLLCFGR", 22) else 16 * MHZ
        m, n, p = self.field("RCC_PLLCFGR", 0, 6), self.field("RCC_PLLCFGR", 6, 9), self.field("RCC_PLLCFGR", 16, 2)
        vco_in, vco = source / m, source / m * n
        self.rule(0.95 * MHZ <= vco_in <= 2.1 * MHZ, "6.3.2: VCO input 1 to 2 MHz")
        self.rule(50 <= n <= 432 and 100 * MHZ <= vco <= 432 * MHZ, "6.3.2: VCO 100 to 432 MHz")
        self.rule(self.field("RCC_PLLCFGR", 24, 4) >= 2, "6.3.2: PLLQ 0 and 1 are wrong")
        self.rule(self.field("RCC_PLLCFGR", 28, 3) >= 2, "6.3.2: PLLR 0 and 1 are wrong")
        return vco / (2 * p + 2)

    @property
    def core_hz(self) -> float:
        hz = (16 * MHZ, 8 * MHZ, self.pll_hz())[self.field("RCC_CFGR", 0, 2)]
        return hz / (1 << max(0, self.field("RCC_CFGR", 4, 4) - 7))

    def bus_hz(self, low: int) -> float:
        return self.core_hz / (1 << max(0, self.field("RCC_CFGR", low, 3) - 3))

    @property
    def baud(self) -> float:
        return self.bus_hz(10) / self.value["USART_BRR"]

    def check_clock(self) -> None:
        wait_states = self.field("FLASH_ACR", 0, 4)
        self.rule(wait_states >= ceil(self.core_hz / (30 * MHZ)) - 1, "table 5: too few wait states")
        self.rule(self.core_hz <= (180 if self.overdriven() else 168) * MHZ, "5.1.4: beyond 168 MHz without over-drive")
        self.rule(self.bus_hz(10) <= 45 * MHZ, "APB1 beyond 45 MHz")
        self.rule(self.bus_hz(13) <= 90 * MHZ, "APB2 beyond 90 MHz")

    def overdriven(self) -> bool:
        return self.bit("PWR_CR", 16) and self.bit("PWR_CR", 17)

    def loaded(self, name: str) -> int:
        value = self.value[name]
        if name == "RCC_CR":
            source = self.hse() if self.bit("RCC_PLLCFGR", 22) else True
            value |= (1 << 17 if self.hse() else 0) | (1 << 25 if self.bit("RCC_CR", 24) and source else 0)
        if name == "RCC_CFGR":
            value = value & ~0xC | self.field("RCC_CFGR", 0, 2) << 2
        if name == "PWR_CSR":
            on = self.bit("RCC_CR", 24)
            value = 1 << 14 | (1 << 16 if self.bit("PWR_CR", 16) and on else 0)
            value |= 1 << 17 if self.overdriven() and on else 0
        if name == "USART_SR":
            value = 1 << 7 | 1 << 6 | (1 << 5 if self.waiting else 0)
        if name == "USART_DR":
            value = self.waiting.popleft() if self.waiting else 0
        return value

    def stored(self, name: str, old: int, new: int) -> None:
        if name.startswith("PWR"):
            self.rule(self.bit("RCC_APB1ENR", 28), "PWR has no clock")
            self.rule(not (old ^ new) >> 14 & 3 or not self.bit("RCC_CR", 24), "5.4.1: VOS changes while the PLL is on")
            self.rule(self.field("RCC_CFGR", 0, 2) != 2, "5.4.1: over-drive changes while the PLL is the clock")
        if name == "RCC_PLLCFGR":
            self.rule(not self.bit("RCC_CR", 24), "6.3.2: PLLCFGR is written while the PLL is on")
        if name == "RCC_CR":
            self.rule(not (old ^ new) >> 18 & 1 or not old >> 16 & 1, "6.3.1: HSEBYP changes while HSE is on")
        if name == "RCC_CFGR":
            self.rule(
                self.field("RCC_CFGR", 0, 2) != 2 or self.loaded("RCC_CR") >> 25 & 1 == 1, "PLL chosen, not ready"
            )
        if name in ("RCC_CFGR", "FLASH_ACR"):
            self.check_clock()
        if name.startswith("PA"):
            self.rule(self.bit("RCC_AHB1ENR", 0), "GPIOA has no clock")
        if name.startswith("USART"):
            self.rule(self.bit("RCC_APB1ENR", 17), "USART2 has no clock")
        if name == "USART_DR":
            self.rule(self.bit("USART_CR1", 13) and self.bit("USART_CR1", 3), "sends while the transmitter is off")
            self.check_pins()
            self.sent.append(new & 0xFF)

    def wants_interrupt(self) -> bool:
        return self.bit("USART_CR1", 13) and self.bit("USART_CR1", 2) and self.bit("USART_CR1", 5)


class Stm32l4r5(UsartV2):
    """RM0432. The board has no clock for HSE."""

    registers = {
        "RCC_CR": 0x40021000, "RCC_CFGR": 0x40021008, "RCC_PLLCFGR": 0x4002100C, "RCC_AHB2ENR": 0x4002104C,
        "RCC_APB1ENR1": 0x40021058, "RCC_APB1ENR2": 0x4002105C, "RCC_CCIPR": 0x40021088, "PWR_CR1": 0x40007000,
        "PWR_CR2": 0x40007004, "PWR_SR2": 0x40007014, "PWR_CR5": 0x40007080, "FLASH_ACR": 0x40022000,
        **Stm32.gpio_registers("PG", 0x48001800), **UsartV2.usart_registers(0x40008000),
    }  # fmt: skip
    reset = {"RCC_CR": 0x63, "RCC_PLLCFGR": 0x1000, "PWR_CR1": 0x200, "PWR_CR5": 0x100, "FLASH_ACR": 0x600,
             "PG_MODER": 0xFFFFFFFF}  # fmt: skip
    uart_irq = 70
    gpio, pins = "PG", ((7, 8), (8, 8))

    def system_hz(self) -> float:
        if self.field("RCC_CFGR", 0, 2) != 3:
            return (4 * MHZ, 16 * MHZ, 0.0)[self.field("RCC_CFGR", 0, 2)]
        vco_in = (0.0, 4 * MHZ, 16 * MHZ, 0.0)[self.field("RCC_PLLCFGR", 0, 2)] / (self.field("RCC_PLLCFGR", 4, 4) + 1)
        vco = vco_in * self.field("RCC_PLLCFGR", 8, 7)
        self.rule(2.66 * MHZ <= vco_in <= 8 * MHZ, "6.4.4: VCO input 2.66 to 8 MHz")
        self.rule(64 * MHZ <= vco <= 344 * MHZ, "6.4.4: VCO 64 to 344 MHz")
        self.rule(self.bit("RCC_PLLCFGR", 24), "6.4.4: output R is off")
        return vco / (2 * self.field("RCC_PLLCFGR", 25, 2) + 2)

    @property
    def core_hz(self) -> float:
        return self.system_hz() / (1 << max(0, self.field("RCC_CFGR", 4, 4) - 7))

    @property
    def baud(self) -> float:
        self.rule(0x300 <= self.value["USART_BRR"] <= 0xFFFFF, "51.6.5: BRR 0x300 to 0xFFFFF")
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
            self.rule(not self.bit("RCC_CR", 24), "6.4.4: PLLCFGR is written while the PLL is on")
            self.rule(self.field(name, 0, 2) != 2 or self.bit("RCC_CR", 8), "6.4.4: the PLL's source is off")
        if name in ("RCC_CFGR", "FLASH_ACR", "PWR_CR5", "PWR_CR1"):
            fast = self.system_hz() > 80 * MHZ
            self.rule(self.field("PWR_CR1", 9, 2) == 1, "5.1.8: 120 MHz in range 2")
            self.rule(not fast or not self.bit("PWR_CR5", 8), "5.1.8: beyond 80 MHz without boost")
            self.rule(
                self.field("FLASH_ACR", 0, 4) >= ceil(self.core_hz / (20 * MHZ)) - 1, "table 12: too few wait states"
            )
            self.rule(self.core_hz <= 120 * MHZ, "beyond 120 MHz")
            if name == "RCC_CFGR" and new & 3 == 3 and old & 3 != 3:
                self.rule(self.bit("RCC_CR", 24), "PLL chosen, not on")
                self.rule(not fast or self.field(name, 4, 4) >= 8, "5.1.8: to boost without halving the bus first")
        if name.startswith("PG"):
            self.rule(self.bit("RCC_AHB2ENR", 6), "GPIOG has no clock")
        if name.startswith("USART"):
            self.rule(self.bit("RCC_APB1ENR2", 0), "LPUART1 has no clock")
            self.usart_stored(name, new)
        if name == "USART_TDR":
            self.rule(self.bit("PWR_CR2", 9), "5.4.2: PG2 to PG15 have no supply")
            self.rule(self.field("RCC_CCIPR", 10, 2) != 2 or self.bit("RCC_CR", 8), "LPUART1's clock is off")


class Stm32h743(UsartV2):
    """RM0433, silicon of any revision: 400 MHz in VOS1. The board's clock is a signal of 8 MHz, or absent."""

    registers = {
        "RCC_CR": 0x58024400, "RCC_CFGR": 0x58024410, "RCC_D1CFGR": 0x58024418, "RCC_D2CFGR": 0x5802441C,
        "RCC_D3CFGR": 0x58024420, "RCC_PLLCKSELR": 0x58024428, "RCC_PLLCFGR": 0x5802442C, "RCC_PLL1DIVR": 0x58024430,
        "RCC_D2CCIP2R": 0x58024454, "RCC_AHB4ENR": 0x580244E0, "RCC_APB1LENR": 0x580244E8, "PWR_CSR1": 0x58024804,
        "PWR_CR3": 0x5802480C, "PWR_D3CR": 0x58024818, "FLASH_ACR": 0x52002000, "CCR": 0xE000ED14, "CSSELR": 0xE000ED84,
        "ICIALLU": 0xE000EF50, "DCISW": 0xE000EF60, **Stm32.gpio_registers("PD", 0x58020C00),
        **UsartV2.usart_registers(0x40004800),
    }  # fmt: skip
    reset = {"RCC_CR": 0x25, "RCC_PLLCKSELR": 0x02020200, "RCC_PLLCFGR": 0x01FF0000, "RCC_PLL1DIVR": 0x01010280,
             "PWR_CR3": 0x6, "PWR_D3CR": 0x4000, "FLASH_ACR": 0x37, "PD_MODER": 0xFFFFFFFF}  # fmt: skip
    uart_irq = 39
    gpio, pins = "PD", ((8, 7), (9, 7))

    def __init__(self, *, external: bool) -> None:
        super().__init__()
        self.external, self.supply_chosen, self.invalidated = external, False, set()

    def hse(self) -> bool:
        return self.external and self.bit("RCC_CR", 16) and self.bit("RCC_CR", 18)

    def source_hz(self) -> float:
        return 8 * MHZ if self.field("RCC_PLLCKSELR", 0, 2) == 2 else 64 * MHZ

    def pll_hz(self) -> float:
        vco_in = self.source_hz() / self.field("RCC_PLLCKSELR", 4, 6)
        vco = vco_in * (self.field("RCC_PLL1DIVR", 0, 9) + 1)
        low = (1, 2, 4, 8)[self.field("RCC_PLLCFGR", 2, 2)] * MHZ
        self.rule(low <= vco_in <= 2 * low, "8.7.13: PLL1RGE does not suit the input")
        self.rule(not self.bit("RCC_PLLCFGR", 1) and 192 * MHZ <= vco <= 836 * MHZ, "8.7.13: wide VCO 192 to 836 MHz")
        self.rule(self.bit("RCC_PLLCFGR", 16), "8.7.13: output P is off")
        p = self.field("RCC_PLL1DIVR", 9, 7) + 1
        self.rule(p % 2 == 0, "8.7.14: DIVP1 must be even")
        return vco / p

    @property
    def core_hz(self) -> float:
        hz = self.pll_hz() if self.field("RCC_CFGR", 0, 3) == 3 else 64 * MHZ
        return hz / (1 << max(0, self.field("RCC_D1CFGR", 8, 4) - 7))

    @property
    def baud(self) -> float:
        source = self.field("RCC_D2CCIP2R", 0, 3)
        self.rule(source in (0, 3), "8.7.20: the model knows PCLK1 and HSI for the UART")
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
            self.rule(not self.supply_chosen, "6.8.4: the supply is chosen twice")
            self.rule(new & 7 == 6, "6.4.1: the board runs on the LDO")
            self.supply_chosen = True
        if name == "PWR_D3CR":
            self.rule(self.supply_chosen, "6.4.1: VOS before the supply is chosen")
        if name in ("RCC_PLLCKSELR", "RCC_PLLCFGR", "RCC_PLL1DIVR"):
            self.rule(not self.bit("RCC_CR", 24), f"{name} is written while the PLL is on")
        if name == "RCC_CR":
            self.rule(not (old ^ new) >> 18 & 1 or not old >> 16 & 1, "8.7.2: HSEBYP changes while HSE is on")
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


class Nrf52840(Chip):
    """nRF52840 Product Specification v1.1."""

    registers = {
        "HFCLKSTART": 0x40000000, "HFCLKSTARTED": 0x40000100, "ICACHECNF": 0x4001E540, "OUTSET": 0x50000508,
        "DIRSET": 0x50000518, "PIN_CNF8": 0x50000720, "STARTRX": 0x40002000, "STARTTX": 0x40002008, "RXDRDY": 0x40002108,
        "TXDRDY": 0x4000211C, "INTENSET": 0x40002304, "ERRORSRC": 0x40002480, "ENABLE": 0x40002500, "PSEL_RTS": 0x40002508,
        "PSEL_TXD": 0x4000250C, "PSEL_CTS": 0x40002510, "PSEL_RXD": 0x40002514, "RXD": 0x40002518, "TXD": 0x4000251C,
        "BAUDRATE": 0x40002524, "CONFIG": 0x4000256C,
    }  # fmt: skip
    reset = {"PIN_CNF8": 2, **dict.fromkeys(("PSEL_RTS", "PSEL_TXD", "PSEL_CTS", "PSEL_RXD"), 0xFFFFFFFF)}
    uart_irq = 2
    core_hz = 64 * MHZ

    @property
    def baud(self) -> float:
        return self.value["BAUDRATE"] * 16 * MHZ / 2**32

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
            self.rule(self.value["ENABLE"] == 0, f"6.33: {name} is written while the UART is enabled")
        if name == "ENABLE":
            self.rule(
                bool(self.value["OUTSET"] >> 6 & 1 and self.value["DIRSET"] >> 6 & 1), "6.33.3: TXD is no high output"
            )
            self.rule(self.value["PIN_CNF8"] & 3 == 0, "6.33.3: RXD's input buffer is not connected")
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


class Rp2(Chip):
    """RP2040 and RP2350 datasheets; a crystal of 12 MHz. Everything is held in reset until the firmware releases it."""

    bases: dict[str, int] = {}
    resets: dict[str, int] = {}
    limit_hz = 0.0

    @staticmethod
    def rp2_registers(bases: dict[str, int]) -> dict[str, int]:
        offsets = {
            "RESETS": {"RESET": 0, "DONE": 8}, "XOSC": {"CTRL": 0, "STATUS": 4, "STARTUP": 12},
            "CLOCKS": {"REF_CTRL": 0x30, "REF_SELECTED": 0x38, "SYS_CTRL": 0x3C, "SYS_SELECTED": 0x44, "PERI_CTRL": 0x48},
            "PLL": {"CS": 0, "PWR": 4, "FBDIV": 8, "PRIM": 12}, "IO": {"CTRL0": 4, "CTRL1": 12},
            "PADS": {"GPIO0": 4, "GPIO1": 8},
            "UART": {"DR": 0, "FR": 0x18, "IBRD": 0x24, "FBRD": 0x28, "LCR_H": 0x2C, "CR": 0x30, "IFLS": 0x34, "IMSC": 0x38,
                     "ICR": 0x44},
        }  # fmt: skip
        return {f"{block}_{name}": bases[block] + at for block, names in offsets.items() for name, at in names.items()}

    def address_of(self, address: int) -> tuple[int, int]:
        return (address & ~0x3000, address >> 12 & 3) if address < 0x50000000 else (address, 0)

    def __init__(self) -> None:
        super().__init__()
        self.divisor = 0.0

    def locked(self) -> bool:
        return self.value["PLL_PWR"] & 0b100001 == 0 and 16 <= self.value["PLL_FBDIV"] <= 320

    def pll_hz(self) -> float:
        vco = 12 * MHZ / max(1, self.field("PLL_CS", 0, 6)) * self.value["PLL_FBDIV"]
        self.rule(750 * MHZ <= vco <= 1600 * MHZ, "PLL: VCO 750 to 1600 MHz")
        self.rule(self.bit("PLL_PWR", 3) is False, "PLL: post dividers off")
        return vco / self.field("PLL_PRIM", 16, 3) / self.field("PLL_PRIM", 12, 3)

    @property
    def core_hz(self) -> float:
        if self.bit("CLOCKS_SYS_CTRL", 0):
            self.rule(self.field("CLOCKS_SYS_CTRL", 5, 3) == 0, "clk_sys: not from PLL_SYS")
            return self.pll_hz()
        return 12 * MHZ if self.field("CLOCKS_REF_CTRL", 0, 2) == 2 else 6 * MHZ

    @property
    def baud(self) -> float:
        source = {0: self.core_hz, 4: 12 * MHZ}[self.field("CLOCKS_PERI_CTRL", 5, 3)]
        return source / (16 * self.divisor)

    def loaded(self, name: str) -> int:
        value = self.value[name]
        if name == "RESETS_DONE":
            value = ~self.value["RESETS_RESET"]
        if name == "XOSC_STATUS":
            value = 1 << 31 if self.value["XOSC_CTRL"] == 0xFABAA0 else 0
        if name == "CLOCKS_REF_SELECTED":
            value = 1 << self.field("CLOCKS_REF_CTRL", 0, 2)
        if name == "CLOCKS_SYS_SELECTED":
            value = 1 << self.field("CLOCKS_SYS_CTRL", 0, 1)
        if name == "PLL_CS":
            value |= 1 << 31 if self.locked() else 0
        if name == "UART_FR":
            value = 1 << 7 | (0 if self.waiting else 1 << 4)
        if name == "UART_DR":
            value = self.waiting.popleft() if self.waiting else 0
        return value

    def stored(self, name: str, old: int, new: int) -> None:
        block = name.split("_")[0]
        if block in self.resets:
            self.rule(
                not self.value["RESETS_RESET"] >> self.resets[block] & 1, f"{block} is written while held in reset"
            )
        if name == "CLOCKS_SYS_CTRL":
            self.rule(not new & 1 or self.locked(), "clk_sys from a PLL without lock")
            self.rule(not (old ^ new) >> 5 & 7 or not old & 1, "clk_sys: its auxiliary source changes while in use")
            if new & 1:
                self.rule(self.core_hz <= self.limit_hz, f"clk_sys beyond {self.limit_hz / MHZ:g} MHz")
        if name == "CLOCKS_REF_CTRL":
            self.rule(new & 3 != 2 or self.loaded("XOSC_STATUS") >> 31 == 1, "clk_ref from a crystal that does not run")
        if name == "XOSC_CTRL" and new >> 12 == 0xFAB:
            self.rule(self.value["XOSC_STARTUP"] >= 47, "XOSC: less than 1 ms to start")
        if name == "RESETS_RESET" and new >> self.resets["PLL"] & 1:
            self.rule(not self.bit("CLOCKS_SYS_CTRL", 0), "the PLL is reset while it is the clock")
            self.value |= {"PLL_CS": 1, "PLL_PWR": 0x2D, "PLL_FBDIV": 0, "PLL_PRIM": 0x77000}
        if name in ("PLL_FBDIV", "PLL_CS"):
            self.rule(bool(self.value["PLL_PWR"] & 1), f"{name} is written while the PLL is on")
        if name == "UART_LCR_H":
            self.divisor = self.value["UART_IBRD"] + self.value["UART_FBRD"] / 64
            self.rule(new >> 5 & 3 == 3 and not new & 0b1110, "UART: not 8N1")
        if name == "UART_DR":
            self.rule(self.value["UART_CR"] & 0x101 == 0x101, "sends while the transmitter is off")
            self.rule(self.bit("CLOCKS_PERI_CTRL", 11), "clk_peri is off")
            for pin in (0, 1):
                self.rule(self.value[f"IO_CTRL{pin}"] & 0x1F == 2, f"GP{pin} is not given to the UART")
                pad = self.value[f"PADS_GPIO{pin}"]
                self.rule(not pad >> 7 & 1 and not pad >> 8 & 1, f"GP{pin}: output disabled or isolated")
                self.rule(pad >> 6 & 1 == 1, f"GP{pin}: input off")
            self.sent.append(new & 0xFF)

    def wants_interrupt(self) -> bool:
        enough = len(self.waiting) >= (4, 8, 16, 24, 28)[self.field("UART_IFLS", 3, 3)]
        asked = (enough and self.bit("UART_IMSC", 4)) or self.bit("UART_IMSC", 6)  # silence follows the last byte
        return self.value["UART_CR"] & 0x201 == 0x201 and bool(asked)


class Rp2040(Rp2):
    bases = {"RESETS": 0x4000C000, "XOSC": 0x40024000, "CLOCKS": 0x40008000, "PLL": 0x40028000, "IO": 0x40014000,
             "PADS": 0x4001C000, "UART": 0x40034000}  # fmt: skip
    registers = Rp2.rp2_registers(bases)
    reset = {"RESETS_RESET": 0x01FFFFFF, "PLL_PWR": 0x2D, "PLL_CS": 1, "PADS_GPIO0": 0x56, "PADS_GPIO1": 0x56,
             "IO_CTRL0": 0x1F, "IO_CTRL1": 0x1F}  # fmt: skip
    resets = {"IO": 5, "PADS": 8, "PLL": 12, "UART": 22}
    uart_irq, limit_hz = 20, 133 * MHZ


class Rp2350(Rp2):
    bases = {"RESETS": 0x40020000, "XOSC": 0x40048000, "CLOCKS": 0x40010000, "PLL": 0x40050000, "IO": 0x40028000,
             "PADS": 0x40038000, "UART": 0x40070000}  # fmt: skip
    registers = Rp2.rp2_registers(bases)
    reset = {"RESETS_RESET": 0x1FFFFFFF, "PLL_PWR": 0x2D, "PLL_CS": 1, "PADS_GPIO0": 0x116, "PADS_GPIO1": 0x116,
             "IO_CTRL0": 0x1F, "IO_CTRL1": 0x1F}  # fmt: skip
    resets = {"IO": 6, "PADS": 9, "PLL": 14, "UART": 26}
    uart_irq, limit_hz = 33, 150 * MHZ
