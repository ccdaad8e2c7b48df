"""Masks that the model computes of its tokens, of a length or of a mask that it is given: before a softmax, in every
way to write them, and elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge import Bundle, LayerPlan, QuantPlan, convert, prepare
from mixcomp_edge.errors import UnsupportedError

WORDS, T, WIDTH, HEADS = 300, 6, 8, 2
NEVER = torch.full((T, T), -torch.inf).triu(1)  # of what comes later


class Attention(nn.Module):
    """Two heads; a function says how their scores (N, 2, T, T) are masked, told which places hold tokens (N, T)."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, t: Tensor, *more: Tensor) -> Tensor:
        x = self.embedding(t)
        q, k, v = self.qkv(x).reshape(-1, T, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4).unbind(0)
        return self.out(self.attended(q, k, v, *(more or (t != 0,))).transpose(1, 2).flatten(2)[:, 0])

    def attended(self, q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
        return self.function(q @ k.transpose(-2, -1) / 2, keep).softmax(-1) @ v


class Fused(Attention):
    """The same by torch's own function; the function gives its mask."""

    def attended(self, q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, self.function(keep))


class Whole(nn.Module):
    """torch's own modules: `layer` gets the value and what is padding."""

    def __init__(self, layer: nn.Module, function) -> None:
        super().__init__()
        self.embedding, self.layer, self.fc = nn.Embedding(WORDS, WIDTH), layer, nn.Linear(WIDTH, 3)
        self.function = function

    def forward(self, t: Tensor) -> Tensor:
        return self.fc(self.function(self.layer, self.embedding(t), t == 0)[:, 0])


def encoder(**settings) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, batch_first=True, **settings)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def below(keep: Tensor) -> Tensor:
    """(N, 1, 1, T) of 0 and the least number, as BERT makes it."""
    return (1.0 - keep[:, None, None].float()) * torch.finfo(torch.float32).min


BY_TOKENS = {
    "masked_fill": Attention(lambda s, keep: s.masked_fill(~keep[:, None, None], -torch.inf)),
    "masked_fill by a large number": Attention(lambda s, keep: s.masked_fill(~keep[:, None, None], -1e9)),
    "where": Attention(lambda s, keep: torch.where(keep[:, None, None], s, torch.tensor(-torch.inf))),
    "where not": Attention(lambda s, keep: torch.where(~keep[:, None, None], -1e4, s)),
    "a sum": Attention(lambda s, keep: s + below(keep)),
    "a sum of another order": Attention(lambda s, keep: below(keep) + s),
    "an expanded mask": Attention(lambda s, keep: s.masked_fill(~keep[:, None, None].expand(-1, 1, T, T), -torch.inf)),
    "two masks": Attention(lambda s, keep: s.masked_fill(~keep[:, None, None], -torch.inf)
                           .masked_fill(torch.ones(T, T).triu(1).bool(), -torch.inf)),
    "attn_mask of booleans": Fused(lambda keep: keep[:, None, None]),
    "attn_mask of numbers": Fused(below),
    "attn_mask with -inf": Fused(lambda keep: torch.zeros_like(keep, dtype=torch.float32)
                                 .masked_fill(~keep, -torch.inf)[:, None, None]),
    "nn.TransformerEncoder": Whole(encoder(), lambda m, x, pad: m(x, src_key_padding_mask=pad)),
    "nn.TransformerEncoder, norm first": Whole(
        encoder(norm_first=True, activation="gelu"), lambda m, x, pad: m(x, src_key_padding_mask=pad)),
    "nn.TransformerEncoder, causal, too": Whole(
        encoder(), lambda m, x, pad: m(x, mask=NEVER, src_key_padding_mask=pad, is_causal=True)),
    "nn.MultiheadAttention": Whole(
        nn.MultiheadAttention(WIDTH, HEADS, batch_first=True), lambda m, x, pad: m(x, x, x, key_padding_mask=pad)[0]),
    "nn.MultiheadAttention, one head": Whole(
        nn.MultiheadAttention(WIDTH, 1, batch_first=True),
        lambda m, x, pad: m(x, x, x, key_padding_mask=pad, need_weights=False)[0]),
    "nn.MultiheadAttention without weights": Whole(
        nn.MultiheadAttention(WIDTH, HEADS, batch_first=True),
        lambda m, x, pad: m(x, x, x, key_padding_mask=pad, need_weights=False)[0]),
}  # fmt: skip
BY_INPUT = {
    "a mask of 0 and 1": (Attention(lambda s, given: s + below(given)), lambda n: (torch.arange(T) < n).long()),
    "a mask compared": (
        Attention(lambda s, given: s.masked_fill(given[:, None, None] == 0, -torch.inf)),
        lambda n: (torch.arange(T) < n).long()),
    "a length": (
        Attention(lambda s, n: s.masked_fill((torch.arange(T) >= n)[:, None, None], -torch.inf)), lambda n: n),
}  # fmt: skip


def data(count: int = 48) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, T, (count, 1), generator=random)
    tokens = torch.randint(1, WORDS, (count, T), generator=random)
    return torch.where(torch.arange(T) < lengths, tokens, 0), lengths


def bundle_of(model: nn.Module, inputs: tuple[Tensor, ...]):
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, 0, 0.6)
    given = inputs if len(inputs) > 1 else inputs[0]
    return convert(prepare(model.eval(), given, QuantPlan(LayerPlan("int8", act_bits=8)), "m"))


OFTEN = (
    "where",
    "a sum",
    "attn_mask with -inf",
    "nn.TransformerEncoder, norm first",
    "nn.MultiheadAttention, one head",
)


@pytest.mark.parametrize("how", [pytest.param(how, marks=[pytest.mark.long] * (how not in OFTEN)) for how in BY_TOKENS])
def test_integers_see_nothing_of_the_padding_and_are_near_the_model(how):
    model, (tokens, _) = BY_TOKENS[how], data()
    bundle = bundle_of(model, (tokens,))
    with torch.no_grad():
        real = model(tokens).numpy()
    found = bundle.predict(tokens.numpy())
    assert np.sqrt(np.mean((found - real) ** 2)) < 0.15 * real.std()
    assert np.array_equal(with_other_padding(bundle).predict(tokens.numpy()), found)


def with_other_padding(bundle: Bundle) -> Bundle:
    """The bundle with all elements of token 0 as large as they can be."""
    node = bundle.graph["embedding"]
    codes = node.weights.codes.copy()
    codes[0] = int(np.argmax(node.weights.codebook.levels))
    changed = replace(node, weights=replace(node.weights, codes=codes))
    return Bundle(bundle.graph.with_nodes(changed if n is node else n for n in bundle.graph.nodes))


@pytest.mark.parametrize(("model", "second"), BY_INPUT.values(), ids=BY_INPUT)
def test_a_mask_may_be_an_input_of_its_own(model, second):
    tokens, lengths = data()
    given = tokens, second(lengths)
    bundle = bundle_of(model, given)
    with torch.no_grad():
        real = model(*given).numpy()
    names = [node.name for node in bundle.graph.inputs]
    found = bundle.predict(dict(zip(names, (x.numpy() for x in given), strict=True)))["output"]
    assert np.sqrt(np.mean((found - real) ** 2)) < 0.15 * real.std()


def test_a_mask_that_is_given_holds_0_and_1_alone_where_other_numbers_would_mean_something_else():
    model, second = BY_INPUT["a mask of 0 and 1"]
    tokens, lengths = data()
    given = bundle_of(model, (tokens, second(lengths))).graph.inputs[1]
    assert given.words == 2


POOLED = {
    "a maximum": lambda x, pad: x.masked_fill(pad[..., None], -torch.inf).amax(1),
    "a maximum, by a large number": lambda x, pad: x.masked_fill(pad[..., None], -1e4).max(1).values,
    "attention": lambda x, pad: (x[..., :1].masked_fill(pad[..., None], -torch.inf).softmax(1) * x).sum(1),
    "attention of vectors": lambda x, pad: (x[..., 0].masked_fill(pad, -torch.inf).softmax(1)[..., None] * x).sum(1),
}


@pytest.mark.parametrize("how", [pytest.param(how, marks=[pytest.mark.long] * ("of" in how)) for how in POOLED])
def test_a_sentence_is_pooled_without_its_padding(how):
    model, (tokens, _) = Whole(nn.Identity(), lambda m, x, pad: POOLED[how](x, pad)[:, None]), data()
    bundle = bundle_of(model, (tokens,))
    with torch.no_grad():
        real = model(tokens).numpy()
    found = bundle.predict(tokens.numpy())
    assert np.sqrt(np.mean((found - real) ** 2)) < 0.05 * real.std()
    if "maximum" not in how:
        assert np.array_equal(with_other_padding(bundle).predict(tokens.numpy()), found)


def test_what_is_infinite_elsewhere_is_refused():
    model = Whole(nn.Identity(), lambda m, x, pad: x.masked_fill(pad[..., None], -torch.inf))
    with pytest.raises(UnsupportedError, match="-inf in place of some elements"):
        bundle_of(model, data()[:1])
