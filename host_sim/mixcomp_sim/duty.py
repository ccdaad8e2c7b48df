"""A chip that computes every so often and sleeps in between: mean current, energy a day, life of a battery.

In it: the computing at the run current, the sleep at the chip's sleep current. Not in it: waking up, sensors, radios,
the battery's own discharge. The errors of computing and of sleep are independent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import hypot

from .chip import Chip
from .cost import Interval
from .errors import EmulatorError

_DAY_S = 86_400.0
_LEFT_OUT = "waking up, sensors, radios, the battery's own discharge"
_TIME = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_LEAST_UA = 1e-9  # current that a battery's life is worked out for


@dataclass(frozen=True)
class Duty:
    """share: of the time in which it computes; computing: of the energy. battery_days: None without a battery. sources:
    the currents, their errors and where they are from, computing and asleep. left_out: what is not in it."""

    period_s: float
    share: float
    computing: float
    current_ua: Interval
    energy_mj_a_day: Interval
    battery_days: Interval | None
    sources: tuple[str, str]
    left_out: str = _LEFT_OUT


def duty_cycle(
    time_ms: float, energy_uj: Interval | None, chip: Chip, period_s: float, battery_mah: float | None = None
) -> Duty:
    """Of a computation that takes so long, every period_s; EmulatorError where it does not fit into the period, or
    where nobody has said what the chip takes asleep."""
    asleep = chip.power
    if asleep is None or energy_uj is None or not asleep.sleep_ua:
        raise EmulatorError(
            f"the file of {chip.name} does not say what it takes asleep. Copy it (mixcomp-sim chips {chip.name}), add "
            "sleep_ua from the data sheet below [power], and give it as --chip FILE.toml."
        )
    share = time_ms / 1e3 / period_s
    if share > 1:
        raise EmulatorError(f"the computation takes {time_ms / 1e3:.3g} s and does not fit into {period_s:g} s.")
    computing_uw = energy_uj.nominal / period_s
    sleeping_uw = asleep.sleep_ua * asleep.voltage * (1 - share)
    total = computing_uw + sleeping_uw

    def away(end_uj: float) -> float:
        """Distance of a bound, in uW."""
        return hypot((end_uj - energy_uj.nominal) / period_s, asleep.sleep_error * sleeping_uw)

    power = Interval(max(0.0, total - away(energy_uj.low)), total, total + away(energy_uj.high))
    current, battery = power.scaled(1 / asleep.voltage), None
    if battery_mah is not None:
        days = [1e3 * battery_mah / 24 / max(ua, _LEAST_UA) for ua in (current.high, current.nominal, current.low)]
        battery = Interval(*days)
    sources = (
        _source(f"{asleep.current_ua_per_mhz:g} uA/MHz", asleep.error, asleep.source),
        _source(f"{asleep.sleep_ua:g} uA", asleep.sleep_error, asleep.sleep_source),
    )
    return Duty(period_s, share, computing_uw / total, current, power.scaled(_DAY_S / 1e3), battery, sources)


def _source(current: str, error: float, source: str) -> str:
    return f"{current} +- {100 * error:.0f} %, {source or 'no source given'}"


def period(text: str) -> float:
    """Seconds of "1s", "250ms", "5min" or "2h"."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) ?(ms|s|min|h)", text.strip())
    if not found or not float(found[1]):
        raise EmulatorError(f"{text!r} is no time: write 250ms, 1s, 5min or 2h.")
    return float(found[1]) * _TIME[found[2]]


def capacity(text: str) -> float:
    """mAh of "220mAh" or "1.2Ah"."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) ?(mAh|Ah)", text.strip())
    if not found or not float(found[1]):
        raise EmulatorError(f"{text!r} is no capacity: write 220mAh or 1.2Ah.")
    return float(found[1]) * (1e3 if found[2] == "Ah" else 1.0)
