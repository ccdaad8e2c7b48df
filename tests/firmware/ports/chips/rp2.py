"""RP2040 and RP2350. Numbers were typed from the datasheets, not from the firmware."""

from __future__ import annotations

from typing import ClassVar

from firmware.ports.machine import Chip

MHZ = 1e6


class Rp2(Chip):
    """RP2040 and RP2350 datasheets; a crystal of 12 MHz. Everything is held in reset until the firmware releases it."""

    bases: ClassVar = {}
    resets: ClassVar = {}
    limit_hz = 0.0

    @staticmethod
    def rp2_registers(bases: dict[str, int]) -> dict[str, int]:
        offsets = {
            "RESETS": {"RESET": 0, "DONE": 8}, "XOSC": {"CTRL": 0, "STATUS": 4, "STARTUP": 12},
            "CLOCKS": {"REF_CTRL": 0x30, "REF_SELECTED": 0x38, "SYS_CTRL": 0x3C, "SYS_SELECTED": 0x44,
                       "PERI_CTRL": 0x48},
            "PLL": {"CS": 0, "PWR": 4, "FBDIV": 8, "PRIM": 12}, "IO": {"CTRL0": 4, "CTRL1": 12},
            "PADS": {"GPIO0": 4, "GPIO1": 8},
            "UART": {"DR": 0, "FR": 0x18, "IBRD": 0x24, "FBRD": 0x28, "LCR_H": 0x2C, "CR": 0x30, "IFLS": 0x34,
                     "IMSC": 0x38, "ICR": 0x44},
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
    bases: ClassVar = {"RESETS": 0x4000C000, "XOSC": 0x40024000, "CLOCKS": 0x40008000, "PLL": 0x40028000,
             "IO": 0x40014000, "PADS": 0x4001C000, "UART": 0x40034000}  # fmt: skip
    registers: ClassVar = Rp2.rp2_registers(bases)
    reset: ClassVar = {"RESETS_RESET": 0x01FFFFFF, "PLL_PWR": 0x2D, "PLL_CS": 1, "PADS_GPIO0": 0x56, "PADS_GPIO1": 0x56,
             "IO_CTRL0": 0x1F, "IO_CTRL1": 0x1F}  # fmt: skip
    resets: ClassVar = {"IO": 5, "PADS": 8, "PLL": 12, "UART": 22}
    uart_irq, limit_hz = 20, 133 * MHZ


class Rp2350(Rp2):
    bases: ClassVar = {"RESETS": 0x40020000, "XOSC": 0x40048000, "CLOCKS": 0x40010000, "PLL": 0x40050000,
             "IO": 0x40028000, "PADS": 0x40038000, "UART": 0x40070000}  # fmt: skip
    registers: ClassVar = Rp2.rp2_registers(bases)
    reset: ClassVar = {"RESETS_RESET": 0x1FFFFFFF, "PLL_PWR": 0x2D, "PLL_CS": 1, "PADS_GPIO0": 0x116,
             "PADS_GPIO1": 0x116, "IO_CTRL0": 0x1F, "IO_CTRL1": 0x1F}  # fmt: skip
    resets: ClassVar = {"IO": 6, "PADS": 9, "PLL": 14, "UART": 26}
    uart_irq, limit_hz = 33, 150 * MHZ
