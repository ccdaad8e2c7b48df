"""Functions of one value in every spelling: modules, functionals, methods, operators, in place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mixcomp_edge import LayerPlan, QuantPlan, convert, prepare
from mixcomp_edge.errors import MixcompError
from mixcomp_edge.ir import interp
from support.same_function import MAP, Then, assert_same_function, kinds

MODULES = {
    "Sigmoid": nn.Sigmoid(), "Tanh": nn.Tanh(), "Hardsigmoid": nn.Hardsigmoid(), "Hardswish": nn.Hardswish(),
    "SiLU": nn.SiLU(), "GELU": nn.GELU(), "GELU tanh": nn.GELU(approximate="tanh"), "ELU": nn.ELU(0.7),
    "SELU": nn.SELU(), "CELU": nn.CELU(1.7), "LeakyReLU": nn.LeakyReLU(0.2), "RReLU": nn.RReLU(),
    "Softplus": nn.Softplus(2, 5), "Mish": nn.Mish(), "Hardshrink": nn.Hardshrink(0.3), "LogSigmoid": nn.LogSigmoid(),
    "Threshold": nn.Threshold(0.2, -1.5), "Hardtanh": nn.Hardtanh(-0.4, 1.5), "PReLU of one slope": nn.PReLU(init=0.3),
    "in place": nn.SiLU(inplace=True), "in place, LeakyReLU": nn.LeakyReLU(0.1, inplace=True),
    "in place, Hardswish": nn.Hardswish(inplace=True), "in place, ELU": nn.ELU(inplace=True),
}  # fmt: skip
CALLS = {
    "torch.sigmoid": torch.sigmoid, "x.sigmoid()": lambda x: x.sigmoid(), "x.tanh_()": lambda x: x.tanh_(),
    "x.sigmoid_()": lambda x: x.sigmoid_(), "F.elu_": lambda x: F.elu_(x), "F.gelu": F.gelu, "F.mish": F.mish,
    "special.expit": torch.special.expit, "clamp(-1, 1)": lambda x: x.clamp(-1, 1),
    "clamp(0.1, 4)": lambda x: x.clamp(0.1, 4),
    "clamp(max)": lambda x: x.clamp(max=0.4), "clamp_(min)": lambda x: x.clamp_(min=-0.3),
    "clip": lambda x: torch.clip(x, -0.5, 0.25), "clamp by a tensor": lambda x: x.clamp(min=torch.tensor(0.1)),
    "abs": torch.abs, "exp": torch.exp, "expm1": torch.expm1, "exp2": torch.exp2, "sin": torch.sin, "cos": torch.cos,
    "atan": torch.atan, "erf": torch.erf, "sign": torch.sign, "floor": torch.floor, "ceil": torch.ceil,
    "round": torch.round, "square": torch.square, "log(1 + |x|)": lambda x: torch.log(1 + x.abs()),
    "log1p": lambda x: torch.log1p(x.abs()), "sqrt": lambda x: x.relu().sqrt(), "rsqrt": lambda x: (x**2 + 1).rsqrt(),
    "x ** 2": lambda x: x**2, "x ** 3": lambda x: x**3, "|x| ** 0.5": lambda x: x.abs() ** 0.5,
    "2 ** x": lambda x: 2**x,
    "pow of tensors": lambda x: torch.pow(torch.tensor(1.5), x), "1 / x": lambda x: 1 / (x.abs() + 0.5),
    "reciprocal": lambda x: torch.reciprocal(x.exp()), "3 / exp(x) - 1": lambda x: 3 / x.exp() - 1,
    "where": lambda x: torch.where(x > 0, x, 0.1 * x), "where of numbers": lambda x: torch.where(x <= 0.2, 1.0, -1.0),
    "masked_fill": lambda x: x.masked_fill(x < -0.2, 0.5), "mask": lambda x: (x >= 0.1).float(),
    "a chain": lambda x: 3 * torch.tanh(0.5 * torch.sigmoid(2 * x + 1) - 0.2) + 1,
    "x + relu(x)": lambda x: x + F.relu(x),
    "x * sigmoid(x)": lambda x: x * torch.sigmoid(x), "sigmoid(1.7 x) * x": lambda x: torch.sigmoid(1.7 * x) * x,
    "x * relu6(x + 3) / 6": lambda x: x * F.relu6(x + 3) / 6, "relu6(x + 3) / 6": lambda x: F.relu6(x + 3) / 6,
    "x * hardtanh": lambda x: x * F.hardtanh(x + 3, 0, 6) * (1 / 6), "mish": lambda x: x * torch.tanh(F.softplus(x)),
    "gelu": lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)),
    "gelu of GPT-2": lambda x: 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x**3))),
    "softsign": F.softsign, "tanhshrink": F.tanhshrink, "softshrink": lambda x: F.softshrink(x, 0.3),
    "x / (1 + |x|)": lambda x: x / (1 + x.abs()), "2 / (1 + exp(-x)) - 1": lambda x: 2 / (1 + torch.exp(-x)) - 1,
    "larger of two": lambda x: torch.maximum(x, 0.1 * x), "x * (x > 0)": lambda x: x * (x > 0),
    "x * x + x": lambda x: x * x + x, "tanh(x) - x": lambda x: torch.tanh(x) - x,
    "a swish": lambda x: x / (1 + (-x).exp()),
    "x % 0.7": lambda x: x % 0.7, "fmod": lambda x: torch.fmod(x, torch.tensor(0.7)), "x // 0.3": lambda x: x // 0.3,
    "div, trunc": lambda x: torch.div(x, 0.3, rounding_mode="trunc"), "nan_to_num": lambda x: x.nan_to_num().tanh(),
    "heaviside": lambda x: torch.heaviside(x, torch.tensor(0.5)),
    "relu behind": lambda x: F.relu(torch.tanh(x)), "-sigmoid(-x)": lambda x: -torch.sigmoid(-x),
}  # fmt: skip


class All(nn.Module):
    """Each function of a convolution's value, side by side."""

    def __init__(self, functions):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.functions = list(functions)
        self.modules_among_them = nn.ModuleList(f for f in self.functions if isinstance(f, nn.Module))

    def forward(self, x):
        y = self.conv(x)
        return torch.cat([function(y.clone()) for function in self.functions], 1)


@pytest.mark.parametrize("functions", [MODULES, CALLS], ids=["modules", "calls"])
def test_every_spelling_is_one_lookup_of_the_same_function(functions):
    torch.manual_seed(0)
    model = All(functions.values()).eval()
    x = 2 * torch.randn(16, *MAP)
    quantized = prepare(model, x, name="m")  # the import is proven, too
    assert [node.op for node in quantized.graph.nodes] == ["input", "conv2d", *["lookup"] * len(functions), "concat"]
    with torch.no_grad(), quantized.floating():
        found, expected = quantized(x), model(x)
    for name, ours, theirs in zip(functions, found.split(4, 1), expected.split(4, 1), strict=True):
        assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max(), name


def test_a_prelu_with_a_slope_a_channel_is_an_operator_of_its_own():
    module = nn.PReLU(4)
    module.weight.data = torch.tensor([0.2, -0.3, 0.0, 1.2])
    assert_same_function(Then(module), MAP)
    assert kinds(Then(module), MAP) == ["conv2d", "prelu"]


def test_a_relu_before_a_function_stays_with_the_layer_before_it():
    assert kinds(Then(lambda x: F.relu(x).sqrt()), MAP) == ["conv2d", "lookup"]
    assert_same_function(Then(lambda x: F.relu(x).sqrt()), MAP)
    model = Then(lambda x: torch.tanh(F.relu6(x)))
    graph = prepare(model, torch.randn(8, *MAP), name="m").graph
    assert graph["conv"].limit == 6.0


@pytest.mark.parametrize("clamp", [lambda x: x.clamp(0, 0.5), nn.Hardtanh(0, 0.5), lambda x: F.relu(x).clamp_(0, 0.5)])
def test_a_clamp_from_0_becomes_part_of_the_layer_before_it(clamp):
    assert_same_function(Then(clamp), MAP)
    assert kinds(Then(clamp), MAP) == ["conv2d"]
    assert prepare(Then(clamp).eval(), torch.randn(8, *MAP), name="m").graph["conv"].limit == 0.5


def test_values_that_are_read_elsewhere_stay_values():
    def both(x):
        y = torch.sigmoid(x)
        return torch.cat([y, torch.tanh(y)], 1)

    assert_same_function(Then(both), MAP)
    assert kinds(Then(both), MAP) == ["conv2d", "lookup", "lookup", "concat"]


def test_a_batch_norm_between_a_layer_and_a_function_goes_into_the_layer():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x):
            return F.hardswish(self.norm(self.conv(x)))

    assert_same_function(Block(), MAP)
    assert kinds(Block(), MAP) == ["conv2d", "lookup"]


def test_a_choice_by_the_sign_of_another_value():
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return torch.where(self.a(x) > 0, self.b(x), 0.0)

    assert_same_function(Gate(), MAP)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("name", ["SiLU", "Sigmoid", "Hardswish", "GELU", "LeakyReLU"])
def test_the_integers_are_as_near_as_their_steps_allow(name, bits):
    """The function's value behind a convolution: off by the table's rounding, and what rounding its input does."""
    model = Then(MODULES[name]).eval()
    torch.manual_seed(0)
    x = torch.randn(32, *MAP)
    quantized = prepare(nn.Sequential(model, nn.Conv2d(4, 1, 1)), x, QuantPlan(LayerPlan(act_bits=bits)), "m")
    graph = convert(quantized).graph
    (lookup,) = (node for node in graph.nodes if node.op == "lookup")
    (source,) = graph.sources(lookup)
    assert (source.type.bits, lookup.type.bits) == (8, bits)
    values = dict(interp.steps(graph, graph.nodes[0].quantize(x.movedim(1, -1).numpy())))
    real = MODULES[name](torch.from_numpy(source.type.dequantize(values[source.name]))).numpy()
    low, high = (lookup.type.dequantize(np.array(end)) for end in (lookup.type.low, lookup.type.high))
    off = np.abs(lookup.type.dequantize(values[lookup.name]) - np.clip(real, low, high))
    assert off.max() <= lookup.type.scale / 2 * (1 + 1e-6)
    assert real.min() >= low - lookup.type.scale  # near enough to how far it reaches below 0
    assert np.mean(real > high) < 0.02


def test_a_value_with_few_negative_numbers_uses_all_its_codes():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.SiLU(), nn.Conv2d(4, 1, 1)).eval()
    x = torch.randn(64, *MAP)
    graph = convert(prepare(model, x, QuantPlan(LayerPlan(act_bits=8)), "m")).graph
    (lookup,) = (node for node in graph.nodes if node.op == "lookup")
    least = float(lookup.type.dequantize(np.array(0)))
    assert lookup.type.dtype == "u8"
    assert -0.3 < least < -0.2  # SiLU reaches -0.278


def test_what_a_sigmoid_reads_is_not_finer_beyond_where_it_is_flat():
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Sigmoid(), nn.Conv2d(4, 1, 1)).eval()
    model[0].weight.data *= 100
    quantized = prepare(model, torch.randn(16, *MAP), QuantPlan(LayerPlan(act_bits=8)), "m")
    assert quantized.quantizer("0").qtype().scale * 127 == pytest.approx(6.24, abs=0.05)


@pytest.mark.parametrize("function", [torch.log, torch.sqrt, torch.rsqrt, torch.reciprocal], ids=lambda f: f.__name__)
def test_gradients_stay_finite_where_a_function_has_none(function):
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), Then(lambda x: x, 4), nn.Flatten(), nn.Linear(4 * 42, 2))
    model[2] = Shifted(function)
    quantized = prepare(model.eval(), torch.randn(16, *MAP), name="m")
    quantized(torch.zeros(2, *MAP)).sum().backward()
    gradients = [p.grad for p in quantized.parameters() if p.grad is not None]
    assert gradients
    assert all(g.isfinite().all() for g in gradients)


class Shifted(nn.Module):
    """A function of numbers that never reach 0 in the float model, but do as integers."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x + 1e-6)


def test_a_function_that_is_not_finite_on_the_data_is_an_error_of_the_user():
    model = nn.Sequential(nn.Conv2d(4, 4, 1), Then(torch.log))
    with pytest.raises(MixcompError, match="not a number"):
        prepare(model.eval(), torch.randn(8, *MAP), name="m")
