"""The units, as data: which Verilog module with which parameters, and which weight formats it takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .files import MacError


@dataclass(frozen=True)
class Unit:
    """A module of host_sim/mac/rtl with its parameters. `formats` names the weight formats it multiplies by; a unit
    with two of them has an input `posit` that chooses the second."""

    name: str
    module: str
    description: str
    formats: tuple[str, ...]
    parameters: dict[str, int] = field(default_factory=dict, hash=False)
    x_format: str = ""  # the activation's number format where it is no fixed point
    tried: bool = False  # a structure that lost: in rtl/tried

    @property
    def x_bits(self) -> int:
        return self.parameters.get("X_BITS", 4)

    @property
    def x_signed(self) -> bool:
        return bool(self.parameters.get("X_SIGNED", 0))

    @property
    def acc_bits(self) -> int:
        return self.parameters["ACC_BITS"]

    @property
    def mixed(self) -> bool:
        return len(self.formats) == 2

    @property
    def key(self) -> str:
        """Names module and parameters: two units of one key are the same gates."""
        return "-".join([self.module, *(f"{name.lower()}{value}" for name, value in sorted(self.parameters.items()))])

    def with_(self, **parameters: int) -> Unit:
        return replace(self, parameters={**self.parameters, **parameters})


DEFAULT = {"X_BITS": 4, "X_SIGNED": 0, "ACC_BITS": 24, "CHAIN": 1}
EXTENDED = {**DEFAULT, "CHAIN": 0}
QUIRE = {"ACC_BITS": 24, "CHAIN": 1}

UNITS: dict[str, Unit] = {
    u.name: u
    for u in (
        Unit("fx4", "mac_fx4", "FixP4 weight", ("fixp4",), DEFAULT),
        Unit("p4", "mac_p4", "Posit4 weight", ("posit4",), {**DEFAULT, "SCALE_SHIFT": 0}),
        Unit("p4sc4", "mac_p4", "Posit4 / 4", ("posit4sc4",), {**DEFAULT, "SCALE_SHIFT": 2}),
        Unit("p4sc8", "mac_p4", "Posit4 / 8", ("posit4sc8",), {**DEFAULT, "SCALE_SHIFT": 3}),
        Unit("mixed4", "mac_mixed4", "either, mode bit", ("fixp4", "posit4"), DEFAULT),
        Unit("p4xp4", "mac_p4_p4", "Posit4 weight and activation", ("posit4",), QUIRE, "posit4"),
        Unit("fx4_extended", "mac_fx4", "fx4, sign extended", ("fixp4",), EXTENDED, tried=True),
        Unit("p4_extended", "mac_p4", "p4, sign extended", ("posit4",), {**EXTENDED, "SCALE_SHIFT": 0}, tried=True),
        Unit("mixed_extended", "mac_mixed4", "mixed4, sign extended", ("fixp4", "posit4"), EXTENDED, tried=True),
        Unit("fx4_digits", "fx4_digits", "FixP4, sign and magnitude", ("fixp4",), DEFAULT, tried=True),
        Unit("fx4_booth", "booth4", "FixP4, Booth", ("fixp4",), {**DEFAULT, "MIXED": 0}, tried=True),
        Unit("p4_digits", "p4_digits", "Posit4, three rows", ("posit4",), DEFAULT, tried=True),
        Unit("p4_array", "array4", "Posit4, array", ("posit4",), {**DEFAULT, "MIXED": 0}, tried=True),
        Unit("mixed_array", "array4", "either, array", ("fixp4", "posit4"), {**DEFAULT, "MIXED": 1}, tried=True),
        Unit("mixed_booth", "booth4", "either, Booth", ("fixp4", "posit4"), {**DEFAULT, "MIXED": 1}, tried=True),
        Unit("mixed_two", "mixed_two_multipliers", "either, two multipliers", ("fixp4", "posit4"), DEFAULT, tried=True),
    )
}  # fmt: skip


def unit(name: str) -> Unit:
    """The unit of that name."""
    if name not in UNITS:
        raise MacError(f"unknown MAC unit '{name}'. Known: {', '.join(UNITS)}.")
    return UNITS[name]


ACC_BITS = (20, 24, 32)
MAIN = ("fx4", "p4", "mixed4")


def variants() -> tuple[Unit, ...]:
    """Every unit and variant that has a stored netlist, each once."""
    main = [UNITS[name] for name in MAIN]
    wide = [u.with_(ACC_BITS=acc, X_BITS=x) for u in main for acc in ACC_BITS for x in (4, 8)]
    signed = [u.with_(X_SIGNED=1, X_BITS=x) for u in main for x in (4, 8)]
    return tuple({u.key: u for u in (*UNITS.values(), *wide, *signed)}.values())
