"""A chip that computes every so often: energy a day and a battery's life."""

from dataclasses import replace

import pytest

from mixcomp_sim.chips import chips, find_chip
from mixcomp_sim.cost import Interval
from mixcomp_sim.duty import capacity, duty_cycle, period
from mixcomp_sim.errors import EmulatorError

CHIP = find_chip("nrf52840")  # 3.16 uA asleep, 3 V
ENERGY = Interval(900.0, 1000.0, 1200.0)


def test_a_day_is_the_computing_and_the_sleep_between():
    duty = duty_cycle(100.0, ENERGY, CHIP, 10.0, 220.0)
    sleep_uw = 3.16 * 3.0 * 0.99
    assert duty.share == pytest.approx(0.01)
    assert duty.energy_mj_a_day.nominal == pytest.approx((100 + sleep_uw) * 86.4)
    assert duty.current_ua.nominal == pytest.approx((100 + sleep_uw) / 3)
    assert duty.battery_days.nominal == pytest.approx(220e3 / 24 / ((100 + sleep_uw) / 3))
    assert duty.computing == pytest.approx(100 / (100 + sleep_uw))


def test_the_bounds_join_the_errors_of_computing_and_of_sleep():
    duty = duty_cycle(100.0, ENERGY, CHIP, 10.0, 220.0)
    sleep_uw = 3.16 * 3.0 * 0.99
    assert duty.current_ua.high == pytest.approx((100 + sleep_uw + (20**2 + (sleep_uw / 2) ** 2) ** 0.5) / 3)
    assert duty.current_ua.low == pytest.approx((100 + sleep_uw - (10**2 + (sleep_uw / 2) ** 2) ** 0.5) / 3)
    assert duty.battery_days.low < duty.battery_days.nominal < duty.battery_days.high


def test_the_result_says_where_its_currents_are_from_and_what_it_leaves_out():
    duty = duty_cycle(100.0, ENERGY, CHIP, 10.0)
    computing, asleep = duty.sources
    assert computing.startswith("52 uA/MHz +- 20 %, nRF52840 Product Specification")
    assert asleep.startswith("3.16 uA +- 50 %, ")
    assert "RTC" in asleep
    assert "waking up" in duty.left_out
    nobody = replace(CHIP, power=replace(CHIP.power, sleep_source=""))
    assert duty_cycle(100.0, ENERGY, nobody, 10.0).sources[1].endswith("no source given")


@pytest.mark.parametrize("chip", chips().values(), ids=lambda chip: chip.name)
def test_each_current_of_a_chip_has_a_source(chip):
    if chip.power is not None:
        assert chip.power.source
        assert bool(chip.power.sleep_ua) == bool(chip.power.sleep_source)


def test_what_has_no_figure_or_no_room_is_refused():
    with pytest.raises(EmulatorError, match=r"stm32g0b1 does not say what it takes asleep.*sleep_ua"):
        duty_cycle(1.0, ENERGY, find_chip("stm32g0b1"), 1.0)
    with pytest.raises(EmulatorError, match=r"does not fit into 0\.05 s"):
        duty_cycle(100.0, ENERGY, CHIP, 0.05)


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("250ms", 0.25), ("1.5 min", 90), ("2h", 7200)])
def test_a_time_is_read(text, seconds):
    assert period(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "s", "-1s", "0s", "1d", "1e3s", "9" * 400 + "s"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(EmulatorError, match="is no time"):
        period(text)


def test_a_capacity_is_read_or_refused():
    assert (capacity("220mAh"), capacity("1.2 Ah")) == (220, 1200)
    with pytest.raises(EmulatorError, match="is no capacity"):
        capacity("220")


def test_a_chip_without_sleep_has_only_the_computing_to_pay():
    chip = replace(CHIP, power=replace(CHIP.power, sleep_error=0.0))
    duty = duty_cycle(10_000.0, ENERGY, chip, 10.0)
    assert duty.current_ua.nominal == pytest.approx(100 / 3)
    assert duty.battery_days is None
