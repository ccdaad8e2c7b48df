"""Reductions, norms, softmaxes, linear layers at positions, products of matrices and attention: every way to write
them, over any dimensions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export import import_model
from support.imports import operators
from support.same_function import MAP, Then, assert_same_function

ROWS = (6, 8)  # (T, F)


class Of(nn.Module):
    """A function of the input and of modules."""

    def __init__(self, function, *parts: nn.Module):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)
        for parameter in self.parameters():
            if parameter.dim() == 1:  # gains and offsets that tell places apart
                parameter.data = torch.linspace(-1, 1.5, len(parameter))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.parts)


REDUCTIONS = {
    "mean over channels": ("reduce_sum", lambda x: x.mean(1, keepdim=True)),
    "mean over everything, gone": ("reduce_sum", lambda x: x.mean((1, 2, 3))),
    "mean over channels, gone": ("reduce_sum", lambda x: x.mean(1)),
    "mean over height": ("reduce_sum", lambda x: x.mean(dim=2)),
    "mean over width and channels": ("reduce_sum", lambda x: torch.mean(x, (-1, 1))),
    "mean over everything": ("reduce_sum", lambda x: x.mean((1, 2, 3), keepdim=True)),
    "sum": ("reduce_sum", lambda x: x.sum((2, 3))),
    "sum, kept": ("reduce_sum", lambda x: torch.sum(x, -1, keepdim=True)),
    "amax": ("reduce_max", lambda x: x.amax((1, 2))),
    "amin": ("reduce_max", lambda x: torch.amin(x, 3, keepdim=True)),
    "max": ("reduce_max", lambda x: x.max(1)[0]),
    "max, by name": ("reduce_max", lambda x: x.max(dim=-1, keepdim=True).values),
    "min": ("reduce_max", lambda x: torch.min(x, 2)[0]),
    "norm": ("reduce_norm", lambda x: x.norm(dim=1)),
    "torch.norm": ("reduce_norm", lambda x: torch.norm(x, p=2, dim=(2, 3), keepdim=True)),
    "vector_norm": ("reduce_norm", lambda x: torch.linalg.vector_norm(x, dim=(1, 3))),
    "of a permuted map": ("reduce_sum", lambda x: x.permute(0, 3, 1, 2).mean(1)),
    "relu behind a mean": ("reduce_sum", lambda x: F.relu(x.mean(3))),
}


@pytest.mark.parametrize(("op", "function"), REDUCTIONS.values(), ids=REDUCTIONS)
def test_a_reduction_goes_over_any_dimensions(op, function):
    assert op in operators(Then(function), MAP)


def test_a_mean_over_all_positions_stays_a_pooling():
    for function in (lambda x: x.mean((2, 3)), lambda x: x.mean((-1, -2), keepdim=True)):
        assert "avgpool2d" in operators(Then(function), MAP)


NORMS = {
    "LayerNorm of rows": (ROWS, lambda x, n: n(x), nn.LayerNorm(8)),
    "LayerNorm of a vector": ((9,), lambda x, n: n(x), nn.LayerNorm(9, eps=1e-3)),
    "LayerNorm of a map": (MAP, lambda x, n: n(x), nn.LayerNorm(MAP)),
    "LayerNorm of planes": (MAP, lambda x, n: n(x), nn.LayerNorm(MAP[1:])),
    "LayerNorm without gains": (ROWS, lambda x, n: n(x), nn.LayerNorm(8, elementwise_affine=False)),
    "LayerNorm of channels": (MAP, lambda x, n: n(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.LayerNorm(4)),
    "GroupNorm": (MAP, lambda x, n: n(x), nn.GroupNorm(2, 4)),
    "GroupNorm of one group": (MAP, lambda x, n: n(x), nn.GroupNorm(1, 4)),
    "GroupNorm of rows": (ROWS, lambda x, n: F.relu(n(x)), nn.GroupNorm(3, 6)),
    "InstanceNorm2d": (MAP, lambda x, n: n(x), nn.InstanceNorm2d(4)),
    "InstanceNorm2d with gains": (MAP, lambda x, n: F.relu6(n(x)), nn.InstanceNorm2d(4, affine=True)),
    "InstanceNorm1d": (ROWS, lambda x, n: n(x), nn.InstanceNorm1d(6, affine=True)),
    "RMSNorm": (ROWS, lambda x, n: n(x), nn.RMSNorm(8)),
    "RMSNorm with eps": (ROWS, lambda x, n: n(x), nn.RMSNorm(8, eps=0.1)),
    "normalize": (MAP, lambda x: F.normalize(x)),
    "normalize along the width": (MAP, lambda x: F.normalize(x, dim=-1)),
    "a norm of a permuted map": (MAP, lambda x, n: n(x.permute(0, 3, 1, 2)), nn.LayerNorm((4, 7))),
}


@pytest.mark.parametrize(("shape", "function", "parts"), [(s, f, p) for s, f, *p in NORMS.values()], ids=NORMS)
def test_a_norm_of_each_sample_is_one_node(shape, function, parts):
    assert [kind for kind in operators(Of(function, *parts), shape) if kind not in ("transpose", "reshape")] == [
        "normalize"
    ]


def test_a_layer_norm_over_channels_last_copies_nothing():
    model = Of(lambda x, n: n(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.LayerNorm(4))
    assert operators(model, MAP) == ["normalize"]


def test_an_instance_norm_with_running_statistics_folds_like_a_batch_norm():
    norm = nn.InstanceNorm2d(4, affine=True, track_running_stats=True)
    norm.running_mean.copy_(torch.tensor([0.1, -0.2, 0.3, 0.0]))
    norm.running_var.copy_(torch.tensor([0.5, 1.0, 2.0, 0.25]))
    model = Of(lambda x, c, n: n(c(x)), nn.Conv2d(4, 4, 3), norm)
    assert operators(model, MAP) == ["conv2d"]


@pytest.mark.parametrize("dim", [1, 2, 3, -1])
@pytest.mark.parametrize(
    ("op", "function"), [("softmax", F.softmax), ("log_softmax", F.log_softmax), ("cumsum", torch.cumsum)]
)
def test_a_softmax_or_a_running_sum_goes_along_any_dimension(op, function, dim):
    model = Then(lambda x: function(x, dim=dim))
    assert op in operators(model, MAP)


def test_softmin_is_a_softmax_behind_a_sign():
    model = Of(lambda x, fc: F.softmin(fc(x), 1), nn.Linear(8, 5))
    assert operators(model, (8,)) == ["dense", "softmax"]


LINEAR = {
    "nn.Linear": (ROWS, lambda x, a: a(x), nn.Linear(8, 3)),
    "nn.Linear on a map": (MAP, lambda x, a: a(x), nn.Linear(6, 3, bias=False)),
    "on channels": (MAP, lambda x, a: a(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.Linear(4, 5)),
    "two": (ROWS, lambda x, a, b: b(F.relu(a(x))), nn.Linear(8, 16), nn.Linear(16, 4)),
    "batch norm behind it": (
        ROWS, lambda x, a, n: n(a(x).transpose(1, 2)).transpose(1, 2), nn.Linear(8, 5), nn.BatchNorm1d(5)
    ),
    "@ a parameter": (ROWS, lambda x, a: x @ a.weight.T, nn.Linear(8, 3)),
    "einsum with a parameter": (ROWS, lambda x, a: torch.einsum("btf,of->bto", x, a.weight), nn.Linear(8, 3)),
    "on heads put together": (
        (5, 2, 4), lambda x, a: a(x.transpose(1, 2).reshape(-1, 2, 20)), nn.Linear(20, 3)
    ),
}  # fmt: skip


@pytest.mark.parametrize(("shape", "function", "parts"), [(s, f, p) for s, f, *p in LINEAR.values()], ids=LINEAR)
def test_a_linear_layer_works_at_every_position(shape, function, parts):
    found = set(operators(Of(function, *parts), shape))
    assert found <= {"conv2d", "transpose", "reshape"}


def test_convolutions_and_linear_layers_at_positions_mix_without_copies():
    model = Of(
        lambda x, a, b, c: c(F.relu(b(a(x).transpose(1, 2))).transpose(1, 2)),
        nn.Conv1d(6, 5, 1), nn.Linear(5, 7), nn.Conv1d(7, 3, 1),
    )  # fmt: skip
    assert operators(model, (6, 9)) == ["conv2d"] * 3


PRODUCTS = {
    "@": (ROWS, lambda x: x @ x.transpose(1, 2)),
    "matmul of maps": (MAP, lambda x: torch.matmul(x, x.transpose(-1, -2))),
    "matmul that repeats": (MAP, lambda x: x @ x.mean(1, keepdim=True).transpose(-1, -2)),
    "matmul of a map and a matrix": (MAP, lambda x: x @ x.mean(1).transpose(-1, -2).unsqueeze(1)),
    "bmm": (ROWS, lambda x: torch.bmm(x.transpose(1, 2), x)),
    "einsum over two": (MAP, lambda x: torch.einsum("bchw,bdhw->bcd", x, x)),
    "einsum of heads": (MAP, lambda x: torch.einsum("bhid,bhjd->bhij", x, x)),
    "einsum, implicit": (ROWS, lambda x: torch.einsum("ij k, ij l -> i j k l".replace(" ", ""), x, x)),
    "relu behind it": (ROWS, lambda x: F.relu(x @ x.transpose(1, 2))),
}


@pytest.mark.parametrize(("shape", "function"), PRODUCTS.values(), ids=PRODUCTS)
def test_a_product_of_two_values(shape, function):
    assert "matmul" in operators(Of(function), shape)


def heads(x: Tensor) -> Tensor:
    return x.view(-1, 6, 2, 4).transpose(1, 2)


ATTENTION = {
    "F.scaled_dot_product_attention": lambda x, q, k, v, o: o(F.scaled_dot_product_attention(q(x), k(x), v(x))),
    "with heads": lambda x, q, k, v, o: o(
        F.scaled_dot_product_attention(heads(q(x)), heads(k(x)), heads(v(x))).transpose(1, 2).reshape(-1, 6, 8)
    ),
    "with a scale": lambda x, q, k, v, o: o(F.scaled_dot_product_attention(q(x), k(x), v(x), scale=0.2)),
    "written out": lambda x, q, k, v, o: o((q(x) @ k(x).transpose(-2, -1) / 8**0.5).softmax(-1) @ v(x)),
}


@pytest.mark.parametrize("function", ATTENTION.values(), ids=ATTENTION)
def test_attention(function):
    model = Of(function, *(nn.Linear(8, 8) for _ in range(4)))
    assert [kind for kind in operators(model, ROWS) if kind in ("matmul", "softmax")] == ["matmul", "softmax", "matmul"]


def test_attention_with_heads_moves_nothing_but_at_the_ends():
    model = Of(ATTENTION["with heads"], *(nn.Linear(8, 8) for _ in range(4)))
    found = operators(model, ROWS)
    assert found.count("transpose") == 2
    assert (found[0], found[-1]) == ("transpose", "transpose")


INDICES = {
    "of classes": ((8,), lambda x, fc: fc(x).argmax(1, keepdim=True), nn.Linear(8, 5)),
    "of channels": (MAP, lambda x, c: torch.argmax(c(x), 1), nn.Conv2d(4, 5, 3)),
    "kept, along the width": (MAP, lambda x, c: c(x).argmax(dim=-1, keepdim=True), nn.Conv2d(4, 5, 3)),
    "as numbers": (MAP, lambda x, c: c(x).argmax(2).float(), nn.Conv2d(4, 5, 3)),
}


@pytest.mark.parametrize(("shape", "function", "part"), INDICES.values(), ids=INDICES)
def test_the_index_of_the_largest_may_be_the_result(shape, function, part):
    assert "arg_max" in operators(Of(function, part), shape)


REFUSED = {
    "over the batch": (lambda x: x.mean(0, keepdim=True).expand(2, -1, -1, -1), "over the batch"),
    "the norm of order 1": (lambda x: x.norm(p=1, dim=1), "a norm of order 1"),
    "where the largest is": (lambda x: x.max(1)[1].float(), "second result"),
    "three operands": (lambda x: torch.einsum("bchw,bchw,bchw->bc", x, x, x), "einsum"),
}


@pytest.mark.parametrize("mask", [lambda x: x @ x.mT, lambda x: x @ x.mT > 0], ids=["added", "of yes and no"])
def test_a_mask_of_attention_may_be_computed(mask):
    assert_same_function(Then(lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=mask(x))), MAP)


@pytest.mark.parametrize(("function", "text"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_counterpart_is_refused_by_name(function, text):
    with pytest.raises(UnsupportedError, match=text):
        import_model(Then(function).eval(), MAP, "m")
