"""The intervals of the cores follow from programs that others have timed on boards."""

import pytest

from host_sim.judged import cores, interval, percentile, rows
from mixcomp_sim.cost import WAITS_ERROR
from mixcomp_sim.cost import interval as cost_interval
from mixcomp_sim.pipeline import Cycles, core_timing


@pytest.mark.parametrize("core", cores())
def test_a_cores_interval_is_that_of_its_judged_rows(core):
    assert core_timing(core).judged == interval(core), "python tests/host_sim/judged.py says what it should be"


@pytest.mark.parametrize("core", cores())
def test_four_fifths_of_the_rows_lie_between_the_percentiles_and_most_within_5_percent(core):
    low, high = interval(core)
    more = [published / modelled - 1 for _, published, modelled in rows(core)]
    assert sum(low <= value <= high for value in more) >= 0.8 * len(more) - 1
    assert sum(abs(value) <= 0.05 for value in more) >= 0.9 * len(more)


@pytest.mark.parametrize("core", cores(few=True))
def test_rows_that_are_too_few_for_an_interval_lie_within_the_stated_error(core):
    assert core_timing(core).judged is None
    error = core_timing(core).error
    assert all(abs(published / modelled - 1) <= error for _, published, modelled in rows(core))


def test_a_percentile_lies_between_its_neighbours():
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([0.0, 10.0], 0.9) == pytest.approx(9.0)


def test_judged_cores_have_an_interval_with_two_sides_and_others_the_models_error():
    cycles = Cycles(90, 100, 110)
    judged = cost_interval(cycles, 10.0, "cortex-m4")
    low, high = core_timing("cortex-m4").judged
    assert low < 0 < high
    assert judged.low == pytest.approx(100 * (1 + low) + 10 * (1 - WAITS_ERROR))
    assert judged.high == pytest.approx(100 * (1 + high) + 10 * (1 + WAITS_ERROR))
    other = cost_interval(cycles, 10.0, "cortex-m7")
    assert (other.low, other.high) == pytest.approx((110 * 0.7, 110 * 1.3))
