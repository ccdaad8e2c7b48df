"""Constants that are not one number or one a channel: in flash, for sums, products and joins."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mixcomp_edge import QuantPlan, convert, prepare
from mixcomp_edge.plan.layout import lay_out
from mixcomp_edge.quant_plan import LayerPlan
from mixcomp_edge.targets import target
from support.same_function import MAP, Then, assert_same_function, kinds

ROWS, COLUMNS = torch.linspace(-1, 1, 7)[:, None], torch.linspace(0, 2, 6)
MASK = (torch.arange(42).reshape(7, 6) % 3 > 0).float()
EVERYWHERE = torch.randn(4, 7, 6, generator=torch.Generator().manual_seed(3))
ONES = torch.ones(1, 4, 1, 1)
USES = {
    "a sum by column": ("blend", lambda x: x + COLUMNS),
    "a sum by row": ("blend", lambda x: ROWS + x),
    "a sum with alpha": ("blend", lambda x: torch.add(x, COLUMNS, alpha=0.5)),
    "a difference": ("blend", lambda x: x - MASK),
    "a difference from a constant": ("blend", lambda x: COLUMNS - x),
    "a mask": ("mul", lambda x: x * MASK),
    "a mask, the constant first": ("mul", lambda x: MASK * x),
    "a quotient": ("mul", lambda x: x / (ROWS + 2)),
    "a product with all elements": ("mul", lambda x: x * EVERYWHERE),
    "as many as samples, all alike": ("mul", lambda x: x * MASK.expand(x.shape[0], 1, 7, 6)),
    "one that makes the value larger": ("blend", lambda x: x.mean((2, 3), keepdim=True) + MASK),
    "one that gives it channels": ("mul", lambda x: F.conv2d(x, ONES) * torch.arange(4.0)[:, None, None]),
    "in place": ("blend", lambda x: x.sub_(COLUMNS)),
    "a coordinate map": ("concat", lambda x: torch.cat([x, ROWS.expand(x.shape[0], 1, 7, 6)], 1)),
    "a row before the others": ("concat", lambda x: torch.cat([torch.ones(x.shape[0], 4, 1, 6), x], 2)),
}


@pytest.mark.parametrize(("op", "function"), USES.values(), ids=USES)
def test_arithmetic_with_a_constant_by_position(op, function):
    assert_same_function(Then(function), MAP)
    found = kinds(Then(function), MAP)
    assert found[-1] == op
    assert "constant" in found


def test_a_constant_as_large_as_the_value_joins_the_convolution_before_it():
    assert_same_function(Then(lambda x: x + EVERYWHERE), MAP)
    assert kinds(Then(lambda x: x + EVERYWHERE), MAP) == ["constant", "conv2d"]


@pytest.mark.parametrize("shape", [(6,), (4, 6)])
def test_constants_of_vectors_and_sequences(shape):
    assert_same_function(nn.Sequential(nn.ReLU(), Scaled(shape)), shape)


class Scaled(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.gain = nn.Parameter(torch.linspace(-1, 2, shape[-1]))

    def forward(self, x):
        return x * self.gain


class Positions(nn.Module):
    """A learned embedding of positions, and a learned token in front."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 2, 2)
        self.embedding = nn.Parameter(torch.randn(1, 4, 1, 10))
        self.token = nn.Parameter(torch.randn(1, 4, 1, 1))
        self.last = nn.Conv2d(4, 5, 1)

    def forward(self, x):
        x = self.conv(x).reshape(x.shape[0], 4, 1, 9) if x.shape[2] == 2 else self.conv(x)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1, -1), x], 3)
        return self.last(F.relu(x + self.embedding))


def test_constants_take_flash_and_no_ram():
    torch.manual_seed(0)
    model, x = Positions().eval(), torch.rand(16, 3, 2, 18)
    quantized = prepare(model, x, QuantPlan(LayerPlan(act_bits=8)), "positions")
    graph = convert(quantized).graph
    held = [node.name for node in graph.nodes if node.op == "constant"]
    assert held == ["cat_constant", "embedding"]
    layout = lay_out(graph, target("cortex-m4"))
    assert not set(held) & set(layout.arena.offsets)
    assert layout.weight_bytes == sum(step.constant_bytes for step in layout.steps) + 4 + 40
    with torch.no_grad():
        y, z = model(x), quantized(x)
    assert 10 * torch.log10(y.pow(2).mean() / (y - z).pow(2).mean()) > 15


def test_a_constant_that_is_not_finite_is_refused():
    from mixcomp_edge.errors import UnsupportedError

    with pytest.raises(UnsupportedError, match="not finite"):
        prepare(Then(lambda x: x + torch.tensor([0.0, float("-inf"), 0, 0, 0, 0])), torch.ones(4, *MAP), name="m")
