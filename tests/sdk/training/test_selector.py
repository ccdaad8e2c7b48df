"""The chosen set against trying all of them."""

from itertools import combinations, product

import numpy as np
import pytest

from mixcomp_edge.errors import PlanError
from mixcomp_edge.train.method.selector import Budget, Candidate, select


def exhaustive(layers, parameters, macs=None, table_bytes=None, forced=frozenset()) -> float:
    """The best sum of scores of any subset that fits and holds the forced layers."""
    best = -np.inf
    for size in range(len(layers) + 1):
        for chosen in combinations(layers, size):
            formats = {layer.format for layer in chosen}
            if (
                forced <= {layer.name for layer in chosen}
                and sum(layer.parameters for layer in chosen) <= parameters
                and (macs is None or sum(layer.macs for layer in chosen) <= macs)
                and (table_bytes is None or 32 * len(formats) <= table_bytes)
            ):
                best = max(best, sum(layer.score for layer in chosen))
    return best


def layers(seed: int, count: int = 10) -> list[Candidate]:
    rng = np.random.default_rng(seed)
    return [
        Candidate(
            f"l{i}", int(rng.integers(1, 400)), int(rng.integers(1, 9000)),
            str(rng.choice(["posit4", "posit4sc4", "posit4sc8"])), float(rng.normal(0.5)),
        )
        for i in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("limits", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("seed", range(6))
def test_no_subset_is_better_and_the_chosen_one_fits(seed, limits):
    candidates = layers(seed)
    parameters = 0.4 * sum(layer.parameters for layer in candidates)
    macs = 0.3 * sum(layer.macs for layer in candidates) if limits[0] else None
    table_bytes = 64 if limits[1] else None
    names = select(candidates, Budget(parameters, macs, table_bytes))
    chosen = [layer for layer in candidates if layer.name in names]
    assert sum(layer.score for layer in chosen) == pytest.approx(exhaustive(candidates, parameters, macs, table_bytes))
    assert sum(layer.parameters for layer in chosen) <= parameters
    assert macs is None or sum(layer.macs for layer in chosen) <= macs
    assert table_bytes is None or len({layer.format for layer in chosen}) <= 2
    assert all(layer.score > 0 for layer in chosen)


def test_greedy_by_score_or_by_density_would_be_worse():
    candidates = [Candidate("a", 6, 0, "posit4", 7.0), Candidate("b", 5, 0, "posit4", 5.0),
                  Candidate("c", 5, 0, "posit4", 5.0)]  # fmt: skip
    assert set(select(candidates, Budget(10))) == {"b", "c"}


def test_a_forced_layer_is_chosen_whatever_its_score_and_counts():
    candidates = [Candidate("a", 6, 0, "posit4", -1.0), Candidate("b", 5, 0, "posit4", 5.0)]
    assert set(select(candidates, Budget(10), frozenset({"a"}))) == {"a"}
    assert set(select(candidates, Budget(11), frozenset({"a"}))) == {"a", "b"}
    with pytest.raises(PlanError, match=r"forced layers alone are beyond the budget: 6 parameters of 5"):
        select(candidates, Budget(5), frozenset({"a"}))


def test_nothing_is_chosen_without_budget_or_gain():
    assert select(layers(0), Budget(0)) == {}
    assert select([Candidate("a", 1, 1, "posit4", 0.0)], Budget(10)) == {}


def test_thirty_layers_are_no_matter():
    candidates = layers(1, 30)
    names = select(candidates, Budget(sum(layer.parameters for layer in candidates) * 0.1))
    assert 0 < len(names) < 30


FORMATS = ("posit4", "nf4", "lut4", "int8")


def exhaustive_formats(layers, flash, parameters=None, macs=None, forced=frozenset()) -> float:
    """The best sum of scores when each layer takes one of its candidates or none."""
    names = sorted({layer.name for layer in layers})
    best = -np.inf
    for chosen in product(*([None, *(layer for layer in layers if layer.name == name)] for name in names)):
        taken = [layer for layer in chosen if layer is not None]
        shared = {layer.format for layer in taken} & {"posit4", "nf4"}
        own = sum(layer.format == "lut4" for layer in taken)
        extra = sum((layer.parameters + 1) // 2 * (layer.format == "int8") for layer in taken)
        odd = sum(layer.parameters % 2 for layer in taken if layer.format == "int8")  # 2n + 1 weights: n + 1 to 2n + 1
        if (
            32 * (len(shared) + own) + extra - odd <= flash
            and (parameters is None or sum(layer.parameters for layer in taken) <= parameters)
            and (macs is None or sum(layer.macs for layer in taken) <= macs)
            and forced <= {layer.name for layer in taken}
        ):
            best = max(best, sum(layer.score for layer in taken))
    return best


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_no_choice_of_formats_within_the_flash_is_better(seed, others):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 400, (5, 2))
    candidates = [
        Candidate(f"l{i}", int(size), int(macs), name, float(rng.normal(0.4)))
        for i, (size, macs) in enumerate(sizes) for name in FORMATS
    ]  # fmt: skip
    flash = int(rng.integers(20, 500))
    limits = (0.7 * sizes[:, 0].sum(), 0.7 * sizes[:, 1].sum()) if others else (None, None)
    forced = frozenset({"l3"}) if seed % 2 and flash > 32 else frozenset()
    try:
        found = select(candidates, Budget(limits[0], limits[1], flash_bytes=flash), forced)
    except PlanError:
        assert exhaustive_formats(candidates, flash, *limits, forced) == -np.inf
        return
    score = sum(c.score for c in candidates if found.get(c.name) == c.format)
    assert score == pytest.approx(exhaustive_formats(candidates, flash, *limits, forced))


def test_an_int8_layer_takes_half_a_byte_a_weight_more_and_learned_levels_a_table_each():
    large, small = Candidate("a", 101, 0, "int8", 5.0), Candidate("b", 10, 0, "lut4", 1.0)
    assert (large.flash_bytes, small.flash_bytes) == (101 - 51, 32)
    assert select([large, small], Budget(None, flash_bytes=81)) == {"a": "int8"}
    assert select([large, small], Budget(None, flash_bytes=82)) == {"a": "int8", "b": "lut4"}
    with pytest.raises(PlanError, match="beyond the budget: 50 B of flash beyond FixP4 of 49, 0 MAC, formats int8"):
        select([large], Budget(None, flash_bytes=49), frozenset({"a"}))
