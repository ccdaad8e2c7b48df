"""Products, sums, differences, minima and maxima of two values: every way to write them, whatever repeats."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mixcomp_edge import prepare
from mixcomp_edge.frontend.torch_export import import_model
from mixcomp_edge.ir.nodes import Activation
from mixcomp_edge.lower import simplify
from sdk.frontend.test_supported import Two
from support.same_function import MAP, assert_same_function, kinds

PAIRS = {
    "*": ("mul", lambda a, b: a * b),
    "torch.mul": ("mul", lambda a, b: torch.mul(a, b)),
    "torch.multiply": ("mul", lambda a, b: torch.multiply(a, b)),
    "*=": ("mul", lambda a, b: a.mul_(b)),
    "a value by itself": ("mul", lambda a, b: (a + b) * (a + b)),
    "-": ("blend", lambda a, b: a - b),
    "torch.sub with alpha": ("blend", lambda a, b: torch.sub(a, b, alpha=0.5)),
    "torch.subtract": ("blend", lambda a, b: torch.subtract(a, b)),
    "-=": ("blend", lambda a, b: a.sub_(b)),
    "torch.rsub": ("blend", lambda a, b: torch.rsub(a, b)),
    "a value less itself": ("blend", lambda a, b: a - a + b),
    "torch.add with alpha": ("blend", lambda a, b: torch.add(a, b, alpha=2)),
    "a negative alpha": ("blend", lambda a, b: a.add_(b, alpha=-0.25)),
    "torch.minimum": ("minimum", torch.minimum),
    "torch.min": ("minimum", lambda a, b: torch.min(a, b)),
    "Tensor.min": ("minimum", lambda a, b: a.min(b)),
    "torch.fmin": ("minimum", torch.fmin),
    "torch.maximum": ("maximum", torch.maximum),
    "torch.max": ("maximum", lambda a, b: torch.max(a, b)),
    "Tensor.maximum": ("maximum", lambda a, b: a.maximum(b)),
    "torch.fmax": ("maximum", torch.fmax),
}


@pytest.mark.parametrize(("op", "function"), PAIRS.values(), ids=PAIRS)
def test_an_operation_of_two_values(op, function):
    assert_same_function(Two(function), MAP)
    assert op in kinds(Two(function), MAP)


REPEATED = {
    "a value a channel": lambda a: a.mean((2, 3), keepdim=True),
    "a value a position": lambda a: F.conv2d(a, torch.ones(1, 4, 1, 1)),
    "a column": lambda a: F.avg_pool2d(a, (1, 6)),
    "a row": lambda a: F.avg_pool2d(a, (7, 1)),
    "one number": lambda a: F.conv2d(a.mean((2, 3), keepdim=True), torch.ones(1, 4, 1, 1)),
}


@pytest.mark.parametrize("small", REPEATED.values(), ids=REPEATED)
@pytest.mark.parametrize("join", [torch.mul, torch.add, torch.sub, torch.minimum, torch.maximum])
@pytest.mark.parametrize("first", [True, False])
def test_a_value_repeats_along_the_axes_where_it_has_size_1(join, small, first):
    assert_same_function(Two(lambda a, b: join(a, small(b)) if first else join(small(b), a)), MAP)


def test_both_values_may_repeat():
    def outer(a, b):
        return F.avg_pool2d(a, (1, 6)) * F.avg_pool2d(b, (7, 1))

    assert_same_function(Two(outer), MAP)


def test_a_sum_of_one_shape_is_still_an_add():
    assert kinds(Two(lambda a, b: F.max_pool2d(a, 1) + F.max_pool2d(b, 1)), MAP)[-1] == "add"


@pytest.mark.parametrize("join", [torch.mul, torch.sub, torch.minimum, torch.maximum])
@pytest.mark.parametrize("relu", [F.relu, F.relu6])
def test_a_relu_behind_two_values_moves_into_them(join, relu):
    model = Two(lambda a, b: relu(join(a, b)))
    assert_same_function(model, MAP)
    last = simplify(import_model(model, MAP, "m")).nodes[-1]
    assert last.activation == (Activation.RELU6 if relu is F.relu6 else Activation.RELU)
    assert last.op not in ("relu", "conv2d")


class SqueezeExcite(nn.Module):
    """As TensorFlow and MobileNetV3 have it, with a hard sigmoid written out."""

    def __init__(self, channels: int = 4, hidden: int = 3):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.expand = nn.Conv2d(hidden, channels, 1)

    def forward(self, x):
        x = F.relu(self.conv(x))
        gate = self.expand(F.relu(self.reduce(F.adaptive_avg_pool2d(x, 1))))
        return x * (F.relu6(gate + 3) / 6)


class DenseGate(nn.Module):
    """The same with linear layers."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        x = self.conv(x)
        gate = F.relu6(self.fc(x.mean((2, 3))))
        return x * gate[:, :, None, None]


@pytest.mark.parametrize("model", [SqueezeExcite, DenseGate])
def test_squeeze_and_excitation(model):
    assert_same_function(model(), MAP)
    assert kinds(model(), MAP)[-1] == "mul"


def test_squeeze_and_excitation_retrains():
    """Steps of gradient descent towards the float model's outputs come nearer to them, through every parameter."""
    torch.manual_seed(0)
    model, x = SqueezeExcite().eval(), torch.rand(16, *MAP)
    quantized = prepare(model, x, name="m")
    with torch.no_grad():
        expected = model(x)
    optimizer = torch.optim.Adam(quantized.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        loss = (quantized(x) - expected).pow(2).mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(p.grad is not None for p in quantized.parameters() if p.requires_grad)
    assert min(losses[6:]) < losses[0]
