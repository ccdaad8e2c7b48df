"""How scales are found: entropy, max, deviation, powers of two, the best of a family; and what the plan makes of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn

from mixcomp_edge import LayerPlan, QuantPlan, Recipe, convert, prepare
from mixcomp_edge.numerics import CODEBOOKS, codebook, members
from mixcomp_edge.train.method.calibrate import choose_codebook, weight_scale

NORMAL = np.random.default_rng(0).normal(size=(8, 16, 3, 3)).astype(np.float32)
HEAVY = np.random.default_rng(1).standard_t(2.5, size=(8, 16, 3, 3)).astype(np.float32)
FORMATS = ["fixp4", "posit4", "posit4sc8"]


def entropy(w, book, scale) -> float:
    """Bits, of the codes that `encode` gives."""
    _, counts = np.unique(book.encode(w, scale), return_counts=True)
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum())


def error(w, book, scale) -> float:
    return float(np.sum((book.decode(book.encode(w, scale), scale) - w) ** 2))


@pytest.mark.parametrize("w", [NORMAL, HEAVY], ids=["normal", "heavy"])
@pytest.mark.parametrize("name", FORMATS)
def test_no_scale_uses_the_codes_more_evenly_than_that_of_entropy(name, w):
    book = codebook(name)
    found = entropy(w, book, weight_scale(w, book, per_channel=False, method="entropy"))
    peak = np.abs(w).max() / book.sorted_values[-1]
    assert found >= max(entropy(w, book, np.array([ratio * peak])) for ratio in np.geomspace(0.01, 10, 400)) - 0.02
    assert found > entropy(w, book, weight_scale(w, book, per_channel=False)) or name != "fixp4"


def test_on_even_weights_sixteen_codes_carry_four_bits():
    w = np.linspace(-1, 1, 16_000, dtype=np.float32).reshape(4, -1)
    book = codebook("fixp4")
    scale = weight_scale(w, book, per_channel=False, method="entropy")
    assert entropy(w, book, scale) == pytest.approx(4.0, abs=0.03)


def test_max_and_std_are_those_of_the_tensor_or_of_each_channel():
    book = codebook("posit4")
    assert weight_scale(NORMAL, book, per_channel=False, method="max") == pytest.approx(np.abs(NORMAL).max())
    by_channel = NORMAL.reshape(8, -1)
    assert_allclose(weight_scale(NORMAL, book, per_channel=True, method="max"), np.abs(by_channel).max(1))
    assert_allclose(weight_scale(NORMAL, book, per_channel=True, method="std"), by_channel.std(1), rtol=1e-6)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("method", ["learned", "mse", "entropy", "max", "std"])
@pytest.mark.parametrize("name", FORMATS)
def test_pow2_gives_powers_of_two(name, method, per_channel):
    scale = weight_scale(0.37 * NORMAL, codebook(name), per_channel=per_channel, method=method, pow2=True)
    assert_array_equal(np.exp2(np.rint(np.log2(scale))), scale)


def test_pow2_max_clips_nothing_and_pow2_mse_is_the_best_power():
    book = codebook("posit4")
    assert weight_scale(NORMAL, book, per_channel=False, method="max", pow2=True) >= np.abs(NORMAL).max()
    best = min(error(NORMAL, book, np.array([2.0**k])) for k in range(-8, 8))
    assert error(NORMAL, book, weight_scale(NORMAL, book, per_channel=False, pow2=True)) == pytest.approx(best)


@pytest.mark.parametrize("method", ["max", "std"])
def test_of_a_family_the_one_with_the_least_error_is_chosen(method):
    for w in (NORMAL, HEAVY):
        scale = weight_scale(w, codebook("posit4"), per_channel=False, method=method)
        errors = {book.name: error(w, book, scale) for book in members("posit")}
        chosen = choose_codebook(w, members("posit"), per_channel=False, method=method, pow2=False)
        assert errors[chosen.name] == min(errors.values())


def test_with_a_free_scale_the_family_is_one_number_system_and_its_first_is_taken():
    for method in ("mse", "learned"):
        assert choose_codebook(HEAVY, members("posit"), per_channel=True, method=method, pow2=False).name == "posit4"


def model() -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3)).eval()


X = torch.from_numpy(np.random.default_rng(2).normal(size=(64, 6)).astype(np.float32))


def test_the_plan_decides_by_layer_and_the_recipe_where_the_plan_is_silent():
    plan = QuantPlan(LayerPlan(granularity="tensor"), {"2": {"weights": "posit", "quantizer": "std"}})
    prepared = prepare(model(), X, plan, recipe=Recipe(quantizer_even="entropy", quantizer_uneven="mse"))
    weights = {name: prepared.layer(name).weight.detach().numpy() for name in "02"}
    expected = weight_scale(weights["0"], codebook("fixp4"), per_channel=False, method="entropy")
    assert_allclose(prepared.layer("0").quantizer.scale(), expected, rtol=1e-6)
    assert_allclose(prepared.layer("2").quantizer.scale(), weights["2"].std(), rtol=1e-6)
    chosen = choose_codebook(weights["2"], members("posit"), per_channel=False, method="std", pow2=False).name
    assert prepared.plan["2"].weights == chosen
    assert not any(prepared.layer(name).quantizer.log_scale.requires_grad for name in "02")


def test_without_a_word_the_scale_is_learned():
    assert prepare(model(), X).layer("0").quantizer.log_scale.requires_grad


def test_a_learned_power_of_two_stays_one_and_still_gets_a_gradient():
    prepared = prepare(model(), X, QuantPlan(LayerPlan(scale="pow2")))
    quantizer = prepared.layer("0").quantizer
    with torch.no_grad():
        quantizer.log_scale.add_(0.1)
    scale = quantizer.scale()
    assert_array_equal(np.exp2(np.rint(np.log2(scale))), scale)
    w = prepared.layer("0").weight
    book = quantizer.codebook
    assert_allclose(quantizer(w).detach(), book.decode(book.encode(w.detach().numpy(), scale), scale), rtol=1e-5)
    prepared(X).sum().backward()
    assert quantizer.log_scale.grad.abs().sum() > 0


def test_the_bundle_records_the_chosen_format():
    bundle = convert(prepare(model(), X, QuantPlan(LayerPlan(weights="posit", quantizer="max"))))
    assert bundle.origin["plan"]["layers"]["0"]["weights"] in ("posit4", "posit4sc4", "posit4sc8")


@pytest.mark.parametrize("name", [name for name in CODEBOOKS if name != "int8"])
def test_a_lone_weight_of_a_channel_is_met_exactly(name):
    """As of a batch norm that is a depthwise 1x1 convolution."""
    w = np.array([[1.0], [-0.37], [0.0], [123.456], [-0.02]], np.float32)
    book = codebook(name)
    scale = weight_scale(w, book, per_channel=True)
    assert_allclose(book.decode(book.encode(w, scale), scale), w, rtol=1e-12)


class Gate(nn.Module):
    """A value where another is above a bound, else 0."""

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.value, self.other, self.bound = nn.Linear(16, 8), nn.Linear(16, 8), bound
        nn.init.constant_(self.value.bias, 2.0)

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(self.other(x) > self.bound, self.value(x), 0.0)


@pytest.mark.parametrize("act_bits", [4, 8])
@pytest.mark.parametrize("rarity", [0.2, 0.01, 0.001])
def test_a_gate_opens_however_seldom_its_value_is_beyond_the_bound(rarity, act_bits):
    """Cut anywhere below the bound, by squared error or as nothing beyond is told apart, it would never open."""
    torch.manual_seed(0)
    x, probe = torch.randn(1000, 16), Gate(0.0)
    torch.manual_seed(1)
    bound = float(np.quantile(probe.other(x).detach(), 1 - rarity))
    gate = Gate(bound).eval()
    gate.load_state_dict(probe.state_dict())
    bundle = convert(prepare(gate, x, QuantPlan(LayerPlan("int8", act_bits=act_bits))))
    opened, found = gate(x).detach().numpy() != 0, np.asarray(bundle.predict(x.numpy())) != 0
    assert 0.3 < found.sum() / opened.sum() < 3
    assert (found & opened).sum() > 0.3 * opened.sum()


NORMS = {
    "deviation": lambda x: (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1e-5),
    "variance": lambda x: (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True) + 1e-3),
    "span": lambda x: (x - x.amin(1, keepdim=True)) / (x.amax(1, keepdim=True) - x.amin(1, keepdim=True) + 1e-3),
    "magnitudes": lambda x: x / (x.abs().sum(1, keepdim=True) + 1e-6),
}


class Normed(nn.Module):
    """By hand, as one writes it with a little more in the divisor."""

    def __init__(self, norm) -> None:
        super().__init__()
        self.fc, self.norm = nn.Linear(16, 12), norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.fc(x))


@pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)
def test_a_divisor_with_a_little_more_keeps_its_range(norm):
    torch.manual_seed(0)
    x, model = torch.randn(256, 16), Normed(norm).eval()
    bundle = convert(prepare(model, x, QuantPlan(LayerPlan("int8", act_bits=8))))
    want = model(x).detach().numpy()
    assert np.square(want - np.asarray(bundle.predict(x.numpy()))).mean() < 1e-3 * np.square(want).mean()
