"""Learned levels against brute force on few weights, and against the formats that they start from."""

from __future__ import annotations

import numpy as np
import pytest

from mixcomp_edge.numerics import codebook, learned
from mixcomp_edge.quant_plan import LayerPlan
from mixcomp_edge.train.method.calibrate import weight_scale
from mixcomp_edge.train.method.quantizers import weight_quantizer
from mixcomp_edge.train.recipe import Recipe


def error(w: np.ndarray, book, scale: np.ndarray) -> float:
    return float(np.sum((book.decode(book.encode(w, scale), scale) - w) ** 2))


def quantizer(w: np.ndarray, weights: str, granularity: str = "channel"):
    return weight_quantizer(w, LayerPlan(weights, granularity, quantizer="mse"), Recipe())


@pytest.mark.parametrize("granularity", ["channel", "tensor"])
@pytest.mark.parametrize("shape", [(8, 200), (3, 4, 3, 3), (1, 5), (6, 1)])
def test_learned_levels_are_never_worse_than_nf4_and_better_where_weights_are_not_normal(shape, granularity):
    rng = np.random.default_rng(3)
    for w in (rng.standard_normal(shape), rng.laplace(size=shape), rng.uniform(-1, 1, shape) ** 3):
        w = (w * np.exp(rng.normal(size=(shape[0], *[1] * (len(shape) - 1))))).astype(np.float32)
        found, start = (quantizer(w, name, granularity) for name in ("lut4", "nf4"))
        assert found.codebook.name == "lut4"
        assert found.codebook.levels[0] == 0
        mine, theirs = (error(w, each.codebook, each.scale()) for each in (found, start))
        assert mine <= theirs
    if shape == (8, 200):
        assert mine < 0.8 * theirs


def test_no_level_one_step_higher_or_lower_would_be_much_better():
    w = (np.random.default_rng(1).uniform(-1, 1, (4, 400)) ** 3).astype(np.float32)
    found = quantizer(w, "lut4")
    mine = error(w, found.codebook, found.scale())
    for code in range(1, 16):
        for step in (-1, 1):
            levels = list(found.codebook.levels)
            levels[code] = int(np.clip(levels[code] + step, -127, 127))
            assert error(w, learned(tuple(levels)), found.scale()) > 0.98 * mine


def test_a_layer_of_zeros_has_levels_too():
    found = quantizer(np.zeros((3, 4), np.float32), "lut4")
    assert found.codebook.encode(np.zeros((3, 4)), found.scale()).max() == 0


@pytest.mark.parametrize("seed", range(4))
def test_the_scale_of_int8_and_nf4_is_as_good_as_a_fine_search(seed):
    """Least squared error over 4,000 scales; 160 are tried by `weight_scale`, so that it may miss a little."""
    w = np.random.default_rng(seed).laplace(size=(1, 60)).astype(np.float32)
    for name in ("int8", "nf4", "e2m1"):
        book = codebook(name)
        top = float(np.abs(w).max() / book.sorted_values[-1])
        best = min(error(w, book, np.array([s])) for s in np.linspace(0.2, 3, 4000) * top)
        assert error(w, book, weight_scale(w, book, per_channel=True)) <= 1.15 * best
