"""Masks that are known before the model runs: before a softmax and elsewhere, in every way to write them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge import LayerPlan, QuantPlan, convert, prepare
from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export import import_model
from support.imports import operators
from support.same_function import MAP, Then, assert_same_function, kinds

T, F_ = 6, 8
PAST = torch.ones(T, T).tril()  # what a causal attention sees
FUTURE = PAST == 0
NEVER = torch.zeros(T, T).masked_fill(FUTURE, -torch.inf)
SLOPE = torch.linspace(-1, 1, T * T).reshape(T, T)


class Attention(nn.Module):
    """Two heads, with a function of their scores (N, 2, T, T) before the softmax."""

    def __init__(self, function):
        super().__init__()
        self.function, self.qkv, self.out = function, nn.Linear(F_, 3 * F_), nn.Linear(F_, F_)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).reshape(-1, T, 3, 2, F_ // 2).permute(2, 0, 3, 1, 4).unbind(0)
        scores = self.function(q @ k.transpose(-2, -1) / 2)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class Fused(Attention):
    """The same by torch's own function, whose arguments the function gives."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).reshape(-1, T, 3, 2, F_ // 2).permute(2, 0, 3, 1, 4).unbind(0)
        return self.out(F.scaled_dot_product_attention(q, k, v, **self.function).transpose(1, 2).flatten(2))


class Encoder(nn.Module):
    """torch's own layer, whose keywords are given."""

    def __init__(self, norm_first=False, heads=2, **masks):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(F_, heads, 16, batch_first=True, norm_first=norm_first)
        self.masks = masks

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x, **self.masks)


class Stack(nn.Module):
    """torch's own encoder, which looks whether a mask is causal."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(F_, 2, 16, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x, mask=torch.ones(T, T, dtype=torch.bool).triu(1))


class Weighed(nn.Module):
    """nn.MultiheadAttention with its weights."""

    def __init__(self):
        super().__init__()
        self.layer = nn.MultiheadAttention(F_, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y, weights = self.layer(x, x, x, attn_mask=NEVER)
        return y + weights[..., :1]


CAUSAL = {
    "masked_fill": Attention(lambda s: s.masked_fill(FUTURE, -torch.inf)),
    "masked_fill by a large number": Attention(lambda s: s.masked_fill(PAST[None, None] == 0, -1e9)),
    "where": Attention(lambda s: torch.where(PAST.bool(), s, torch.tensor(-torch.inf))),
    "where, the least number": Attention(lambda s: torch.where(FUTURE, torch.finfo(s.dtype).min, s)),
    "a sum": Attention(lambda s: s + NEVER),
    "a sum, as BERT writes it": Attention(lambda s: s + (1 - PAST) * -10000.0),
    "a difference": Attention(lambda s: s - (1 - PAST) * 1e9),
    "a sum, as Swin writes it": Attention(lambda s: (s.view(-1, 1, 2, T, T) + (1 - PAST) * -100.0).view(-1, 2, T, T)),
    "a mask in a bias": Attention(lambda s: s + (SLOPE + NEVER)),
    "twice": Attention(lambda s: s.masked_fill(FUTURE, -torch.inf) + NEVER),
    "is_causal": Fused({"is_causal": True}),
    "attn_mask": Fused({"attn_mask": NEVER}),
    "attn_mask of booleans": Fused({"attn_mask": PAST.bool()}),
    "attn_mask for each head": Fused({"attn_mask": torch.stack([NEVER, NEVER + SLOPE])[None]}),
    "nn.TransformerEncoderLayer": Encoder(src_mask=NEVER),
    "nn.TransformerEncoderLayer, one head": Encoder(src_mask=NEVER, heads=1),
    "nn.TransformerEncoderLayer, is_causal": Encoder(src_mask=NEVER, is_causal=True, norm_first=True),
    "nn.TransformerEncoder": Stack(),
    "nn.MultiheadAttention with weights": Weighed(),
}


@pytest.mark.parametrize("model", CAUSAL.values(), ids=CAUSAL)
def test_a_causal_attention_computes_what_the_model_does(model):
    assert "masked" in operators(model, (T, F_))


@pytest.mark.parametrize("more", ["add_bias_kv", "add_zero_attn"])
def test_keys_that_torch_adds_to_an_attention_are_a_constant_beside_the_others(more):
    layer = nn.MultiheadAttention(F_, 2, batch_first=True, **{more: True})

    class Added(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x, x, x, attn_mask=NEVER)[0]

    assert_same_function(Added(), (T, F_))


@pytest.mark.parametrize(
    ("bits", "key"), [(8, "nn.TransformerEncoderLayer, one head"), (4, "is_causal"), (4, "a mask in a bias")]
)
def test_integers_see_nothing_of_what_is_masked(key, bits):
    """What comes later moves no bit of what came before, in integers either, however large it is."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(64, T, F_, generator=random)
    bundle = convert(prepare(CAUSAL[key].eval(), x, QuantPlan(LayerPlan("int8", act_bits=bits)), "m"))
    later = x.clone()
    later[:, 4:] = 3 * torch.randn(64, 2, F_, generator=random)
    before, after = bundle.predict(x.numpy()), bundle.predict(later.numpy())
    assert np.array_equal(before[:, :4], after[:, :4])
    assert not np.array_equal(before[:, 4:], after[:, 4:])


def test_a_masked_attention_is_as_exact_as_one_without_a_mask():
    x = torch.randn(128, T, F_, generator=torch.Generator().manual_seed(0))

    def noise(model) -> float:
        bundle = convert(prepare(model.eval(), x, QuantPlan(LayerPlan("int8", act_bits=8)), "m"))
        with torch.no_grad():
            y = model(x).numpy()
        return float(((bundle.predict(x.numpy()) - y) ** 2).sum() / (y**2).sum())

    torch.manual_seed(0)
    masked, whole = Attention(lambda s: s + NEVER), Attention(lambda s: s)
    whole.load_state_dict(masked.state_dict())
    assert noise(masked) < 3 * noise(whole)
    assert noise(masked) < 1e-3


ELSEWHERE = {
    "zeros": ("mul", lambda x: x.masked_fill(torch.arange(6) % 2 == 0, 0.0)),
    "a number": ("blend", lambda x: x.masked_fill(torch.arange(7)[:, None] > 3, 0.5)),
    "where": ("mul", lambda x: torch.where(torch.arange(4)[:, None, None] > 1, x, 0.0)),
    "a bias that goes deep": ("blend", lambda x: (x - torch.arange(42.0).view(7, 6)).softmax(-1)),
    "a constant far from 0": (None, lambda x: x - 273.15),
    "an image with one dark number": ("blend", lambda x: x - 77.0 * (torch.arange(6) > 2)),
}


@pytest.mark.parametrize(("op", "function"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_other_constants_mask_nothing(op, function):
    assert_same_function(Then(function), MAP)
    found = kinds(Then(function), MAP)
    assert "masked" not in found
    assert op is None or op in found


REFUSED = {
    "scaled behind it": (lambda s: s.masked_fill(FUTURE, -torch.inf) / 2, "-inf in place of some elements"),
    "several numbers": (lambda s: s + torch.where(FUTURE, -1e9, 0.0) + 2 * NEVER.nan_to_num(neginf=-1e9), None),
    "of the values": (lambda s: s.masked_fill(s < s.mean(-1, keepdim=True), -torch.inf), None),
}


@pytest.mark.parametrize(("function", "text"), REFUSED.values(), ids=REFUSED)
def test_a_mask_that_cannot_be_told_is_refused_by_name(function, text):
    if text is None:
        assert "masked" in operators(Attention(function), (T, F_))
        return
    with pytest.raises(UnsupportedError, match=text):
        import_model(Attention(function).eval(), (T, F_), "m")
