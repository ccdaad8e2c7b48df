"""Calls without a handler of their own: taken apart as torch takes them apart, or refused by the name that the user
knows; and deviations, windows and patches."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export import import_model
from support.same_function import MAP, Then, assert_same_function, kinds

APART = {
    "glu": lambda x: F.glu(x, 1),
    "addcmul": lambda x: torch.addcmul(x, x, x, value=0.5),
    "addcdiv": lambda x: torch.addcdiv(x, x, x.exp() + 1),
    "logsumexp": lambda x: x.logsumexp((2, 3)),
    "hstack": lambda x: torch.hstack([x, -x]),
    "dstack": lambda x: torch.dstack([x, -x]),
    "diff": lambda x: x.diff(dim=2),
    "rot90": lambda x: x.rot90(1, [2, 3]),
    "cosine_similarity": lambda x: F.cosine_similarity(x, x.flip(1), 1),
    "pairwise_distance": lambda x: F.pairwise_distance(x, x.flip(3)),
    "tensordot": lambda x: torch.tensordot(x, torch.linspace(-1, 1, 12).view(6, 2), dims=([3], [0])),
    "frac": lambda x: x.exp().frac(),
    "aminmax": lambda x: torch.aminmax(x, dim=1)[1],
    "logit": lambda x: x.sigmoid().logit(),
    "baddbmm": lambda x: torch.baddbmm(x[:, 0, :6], x[:, 1, :6], x[:, 2, :6]),
}


@pytest.mark.parametrize("function", APART.values(), ids=APART)
def test_a_call_without_a_handler_is_taken_apart(function):
    assert_same_function(Then(function), MAP)


WHOLE = {
    "aten.upsample_bicubic2d": lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    "aten.topk": lambda x: x.topk(2, 1)[0],
    "aten.cumprod": lambda x: F.glu(x, 1).cumprod(1),
    "aten.grid_sampler": lambda x: F.grid_sample(x, x[:, :2].permute(0, 2, 3, 1)),
}


@pytest.mark.parametrize(("name", "function"), WHOLE.items(), ids=WHOLE)
def test_one_that_would_be_refused_in_parts_is_refused_by_its_own_name_alone(name, function):
    with pytest.raises(UnsupportedError) as caught:
        import_model(Then(function).eval(), MAP, "m")
    (missing,) = caught.value.missing
    assert f"{name} is not supported" in missing.what.replace("2d.vec", "2d")


def test_a_recurrence_is_not_unrolled():
    class Outputs(nn.LSTM):
        def forward(self, x):
            return super().forward(x)[0]

    graph = import_model(Outputs(6, 5, batch_first=True).eval(), (7, 6), "m")
    assert [node.op for node in graph.nodes].count("lstm") == 1


DEVIATIONS = {
    "std": lambda x: x.std(2),
    "std over positions": lambda x: torch.std(x, (2, 3), keepdim=True),
    "std of the population": lambda x: x.std(dim=1, unbiased=False),
    "var": lambda x: x.var(3),
    "var of the population": lambda x: torch.var(x, (1, 3), correction=0),
    "var_mean": lambda x: torch.var_mean(x, 1)[0] + torch.var_mean(x, 1)[1],
    "a norm by hand": lambda x: (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt(),
}


@pytest.mark.parametrize("function", DEVIATIONS.values(), ids=DEVIATIONS)
def test_a_deviation_is_the_norm_of_what_the_mean_leaves(function):
    assert_same_function(Then(function), MAP)
    assert "reduce_norm" in kinds(Then(function), MAP)


def test_the_deviation_of_one_element_is_refused():
    with pytest.raises(UnsupportedError, match="the deviation of 1 elements, divided by 0"):
        import_model(Then(lambda x: x[:, :1].std(1)).eval(), MAP, "m")


WINDOWS = {
    "unfold": lambda x: x.unfold(2, 3, 2),
    "unfold, side by side": lambda x: x.unfold(2, 3, 3).unfold(3, 2, 2).flatten(4),
    "F.unfold": lambda x: F.unfold(x, 3, padding=1),
    "F.unfold, dilated": lambda x: F.unfold(x, (2, 3), dilation=(2, 1), stride=(1, 2), padding=(0, 1)),
    "F.unfold, side by side": lambda x: F.unfold(x, (3, 2), stride=(3, 2)),
}


@pytest.mark.parametrize("function", WINDOWS.values(), ids=WINDOWS)
def test_windows_and_patches(function):
    assert_same_function(Then(function), MAP)


def test_patches_side_by_side_are_one_copy():
    found = kinds(Then(lambda x: F.unfold(x[:, :, :6], 2, stride=2)), MAP)
    assert [kind for kind in found if kind not in ("conv2d", "reshape", "slice")].count("transpose") <= 2
    assert "concat" not in found


FLAT = {"a vector": lambda x: x @ torch.linspace(-1, 1, 6), "a vector, of rows": lambda x: x[:, 0] @ torch.ones(6)}


@pytest.mark.parametrize("function", FLAT.values(), ids=FLAT)
def test_a_product_with_a_constant_vector(function):
    assert_same_function(Then(function), MAP)
