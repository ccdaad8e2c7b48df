"""Comparisons of values that are made apart, choices between them, bounds that are values, judged by torch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mixcomp_edge import LayerPlan, QuantPlan, prepare

BOUNDS = torch.linspace(-0.5, 0.5, 8)
OF_ONE_SHAPE = {
    "a number or another": lambda a, b, c: torch.where(a > b, 1.5, -1.0),
    "one or the other": lambda a, b, c: torch.where(c > 0, a, b),
    "one by the other": lambda a, b, c: torch.where(a <= b, a, 0.5 * b),
    "a third": lambda a, b, c: torch.where(a < b, c, 0.0),
    "a third or a number": lambda a, b, c: torch.where(a >= b, 2.0, c),
    "a product": lambda a, b, c: (a > b) * c, "not": lambda a, b, c: torch.where(~(a > b), a, c),
    "always one": lambda a, b, c: torch.where(torch.tensor(False), a, b * c),
    "one of both": lambda a, b, c: ((a > b) ^ (c > 0)) * b,
    "both": lambda a, b, c: ((a > b) & (c > 0)) * a, "larger, by logarithms": lambda a, b, c: torch.logaddexp(a, b),
    "bounds that are values": lambda a, b, c: a.clamp(b, b + 1), "one bound": lambda a, b, c: a.clamp(max=b),
    "how many": lambda a, b, c: (a > 0).float() + (a > 0.5) - (a > 1).float().abs(),
    "also read elsewhere": lambda a, b, c: torch.where(a.tanh() > a.sin(), a.tanh(), a.sin()) + a.tanh(),
}  # fmt: skip
REPEATED = {
    "the largest": lambda a, b, c: (a == a.amax(1, keepdim=True)) * b,
    "above the mean": lambda a, b, c: (a > a.mean(1, keepdim=True)) * a,
    "by one for all": lambda a, b, c: torch.where(a.mean(1, keepdim=True) > 0, b, c),
    "one for all": lambda a, b, c: torch.where(c > 0, b, a.mean(1, keepdim=True)),
    "numbers of their own": lambda a, b, c: torch.where(a > BOUNDS, a, 0.0),
    "bounds of their own": lambda a, b, c: a.clamp(BOUNDS - 0.5, BOUNDS + 0.5),
}


class Apart(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.layers, self.function = nn.ModuleList(nn.Linear(6, 8) for _ in range(3)), function

    def forward(self, x):
        return self.function(*(layer(x) for layer in self.layers))


@pytest.mark.parametrize("functions", [OF_ONE_SHAPE, REPEATED], ids=["of one shape", "repeated"])
def test_a_choice_of_values_made_apart_is_that_of_torch(functions):
    for name, function in functions.items():
        torch.manual_seed(0)
        model, x = Apart(function).eval(), torch.randn(200, 6)
        quantized = prepare(
            model, x, QuantPlan(LayerPlan(act_bits=8, weights="int8")), name="m"
        )  # the import is proven
        with torch.no_grad():
            expected, found = model(x), quantized(x)
            with quantized.floating():
                assert torch.allclose(quantized(x), expected, atol=1e-5), name
        otherwise = (found - expected).abs() > 0.05 * expected.abs().max()
        assert otherwise.float().mean() < 0.02, name  # where both are nearly equal
