"""Values whose samples are no first dimension of their own: sequences first, heads and windows beside the samples."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export import import_model
from support.imports import operators
from support.same_function import assert_same_function

ROWS = (6, 8)  # (T, F)


class On(nn.Module):
    """A function of a linear layer's result and of modules."""

    def __init__(self, function, *parts: nn.Module):
        super().__init__()
        self.first, self.function, self.parts = nn.Linear(8, 8), function, nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.first(x), *self.parts)


def first(function):
    """A function of (T, N, F), its result turned back."""
    return lambda x, *parts: function(x.transpose(0, 1), *parts).transpose(0, 1)


def beside(function):
    """A function of (N * 2, T, 4): heads beside the samples."""

    def whole(x, *parts):
        heads = x.view(-1, 6, 2, 4).transpose(1, 2).reshape(-1, 6, 4)
        return function(heads, *parts).view(-1, 2, 6, 4).transpose(1, 2).flatten(2)

    return whole


POSITIONS = torch.linspace(-1, 1, 48).view(6, 1, 8)
MIX = torch.linspace(-1, 1, 16).view(1, 4, 4)
FORMS = {
    "a bias by position": first(lambda x: x + POSITIONS),
    "a gain by feature": first(lambda x: x * torch.linspace(-1, 1, 8)),
    "a number": first(lambda x: x * 0.5 + 1),
    "a sum": first(lambda x: x + x.relu()),
    "a sum with a sample's own": first(lambda x: x + x.mean(0)),
    "a difference from the first": first(lambda x: x - x[:1]),
    "a maximum": first(lambda x: torch.maximum(x, x[0])),
    "a running sum over positions": first(lambda x: x.cumsum(0)),
    "a maximum by max": first(lambda x: torch.max(x, x[0])),
    "softmax over positions": first(lambda x: x.softmax(0)),
    "softmax over features": first(lambda x: F.softmax(x, -1)),
    "a mean over positions": lambda x: x.transpose(0, 1).mean(0),
    "a maximum over positions, kept": first(lambda x: x - x.amax(0, keepdim=True)),
    "a deviation": lambda x: x.transpose(0, 1).std(0),
    "the last": lambda x: x.permute(1, 0, 2)[-1],
    "joined": first(lambda x: torch.cat([x[3:], x[:3]], 0)),
    "joined features": first(lambda x: torch.cat([x[..., 4:], x[..., :4]], -1)),
    "stacked": lambda x: torch.stack([x.transpose(0, 1), 2 * x.transpose(0, 1)]).permute(2, 0, 1, 3),
    "split": first(lambda x: torch.cat(x.split([2, 4], 0)[::-1])),
    "unbind": lambda x: sum(x.transpose(0, 1).unbind(0)),
    "turned around": first(lambda x: x.flip(0)),
    "rolled": first(lambda x: x.roll(2, 0)),
    "masked": first(lambda x: x.masked_fill(torch.arange(6)[:, None, None] > 3, 0.0)),
    "heads, a number": beside(lambda x: x * 0.5 - 1),
    "heads, a bias": beside(lambda x: x + torch.linspace(0, 1, 6)[:, None]),
    "heads, softmax": beside(lambda x: x.softmax(1)),
    "heads, a sum": beside(lambda x: x - x.mean(1, keepdim=True)),
    "heads, a slice": beside(lambda x: torch.cat([x[:, 2:], x[:, :2]], 1)),
    "heads, products": beside(lambda x: (x @ x.transpose(1, 2)) @ x),
    "heads, a product with a constant": beside(lambda x: x @ MIX.expand(len(x), 4, 4)),
    "heads, baddbmm": beside(lambda x: torch.baddbmm(torch.ones(1, 6, 6), x, x.transpose(1, 2)) @ x),
}  # fmt: skip


@pytest.mark.parametrize("function", FORMS.values(), ids=FORMS)
def test_samples_elsewhere_change_nothing(function):
    assert_same_function(On(function), ROWS)


NORMS = {
    "sequence first": first(lambda x, n: n(x)),
    "in windows": lambda x, n: n(x.reshape(-1, 3, 8)).view(-1, 6, 8),
}


@pytest.mark.parametrize("function", NORMS.values(), ids=NORMS)
def test_a_norm_goes_over_the_last_dimensions(function):
    assert "normalize" in operators(On(function, nn.LayerNorm(8)), ROWS)


class SequenceFirst(nn.Module):
    """torch's transformers by their defaults: (T, N, F), and attentions that give their weights."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2, enable_nested_tensor=False)
        self.attention, self.query = nn.MultiheadAttention(8, 4), nn.Parameter(torch.randn(3, 1, 8))

    def forward(self, x: Tensor) -> Tensor:
        y = self.encoder(x.transpose(0, 1))
        y, _ = self.attention(self.query.expand(-1, y.shape[1], -1), y, y)
        return y.transpose(0, 1)


def test_transformers_with_sequences_first():
    torch.manual_seed(0)
    assert operators(SequenceFirst(), ROWS).count("matmul") == 6


def test_windows_of_a_map_beside_the_samples():
    class Windows(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.norm = nn.MultiheadAttention(4, 2, batch_first=True), nn.LayerNorm(4)

        def forward(self, x: Tensor) -> Tensor:
            y = x.view(-1, 4, 2, 4, 3, 2).permute(0, 2, 4, 3, 5, 1).reshape(-1, 8, 4)
            y = y + self.attention(*[self.norm(y)] * 3)[0]
            return y.view(-1, 2, 3, 4, 2, 4).permute(0, 5, 1, 3, 2, 4).reshape(-1, 4, 8, 6)

    torch.manual_seed(0)
    assert_same_function(Windows(), (4, 8, 6))


MIXED = {
    "a softmax over the samples": first(lambda x: x.softmax(1)),
    "a sum over the samples": lambda x: x + x.transpose(0, 1).sum(1, keepdim=True).transpose(0, 1),
    "a slice of samples and heads": beside(lambda x: torch.cat([x[1:], x[:1]], 0)),
    "a norm over the samples": lambda x: F.layer_norm(x.permute(1, 2, 0), (8, 2)).permute(2, 0, 1),
    "samples against positions": lambda x: x.expand(2, 6, 8) + x[:, :2].transpose(0, 1).repeat(1, 3, 1),
    "a constant by sample": first(lambda x: x + torch.arange(2.0)[:, None].expand(x.shape[1], 8)),
}


@pytest.mark.parametrize("function", MIXED.values(), ids=MIXED)
def test_what_mixes_samples_is_refused(function):
    with pytest.raises(UnsupportedError, match=r"sample|batch"):
        import_model(On(function).eval(), ROWS, "m")
