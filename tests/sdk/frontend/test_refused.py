"""What has no counterpart in C is refused by name, with its place in the user's model; nothing is approximated."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mixcomp_edge import prepare
from mixcomp_edge.errors import MixcompError, UnsupportedError


class Inner(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Net(nn.Module):
    """The function sits in the module 'body.odd', behind a convolution."""

    def __init__(self, function):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.body = nn.ModuleDict({"odd": Inner(function)})

    def forward(self, x):
        return self.body["odd"](self.conv(x))


def refusal(model: nn.Module, shape: tuple[int, ...] = (3, 6, 6)) -> str:
    """The message with which the model is refused."""
    with pytest.raises(UnsupportedError) as caught:
        prepare(model, torch.ones(4, *shape), name="m")
    return str(caught.value)


UNKNOWN = {
    "cumprod": lambda x: x.cumprod(1),
    "upsample_bicubic2d": lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    "conv3d": lambda x: F.conv3d(x.unsqueeze(2), torch.ones(3, 3, 1, 1, 1)).squeeze(2),
}


@pytest.mark.parametrize(("operator", "function"), UNKNOWN.items(), ids=UNKNOWN)
def test_an_unknown_operator_is_named_with_its_module(operator, function):
    message = refusal(Net(function))
    if operator != "conv3d":
        assert f"aten.{operator}" in message
    assert "'body.odd'" in message


SETTINGS = {
    "padding with 1.0": lambda x: F.pad(x, (1, 1, 1, 1), value=1.0),
    "padding with -inf": lambda x: F.avg_pool2d(F.pad(x, (1, 1, 1, 1), value=-torch.inf), 2),
    "padding of channels by a negative amount": lambda x: F.pad(x, (0, 0, 0, 0, -1, 0)),
    "a clamp to [2.0, 1.0]": lambda x: x.clamp(2, 1),
    "a constant that is not one number": lambda x: x.exp() ** torch.arange(6.0),
    "weight is computed": lambda x: F.conv2d(x, x[:3]),
    "which differs among samples": lambda x: x * torch.arange(2.0)[: x.shape[0], None, None, None],
    "not finite": lambda x: x - torch.tensor([1.0, float("nan"), 0.0]).view(3, 1, 1),
    "a division by zero": lambda x: x / torch.tensor([1.0, 0.0, 2.0]).view(3, 1, 1),
    "aten.rand": lambda x: x * torch.rand(1),
    "without running statistics": lambda x: F.batch_norm(x, None, None, training=True),
}


@pytest.mark.parametrize(("what", "function"), SETTINGS.items(), ids=SETTINGS)
def test_a_setting_that_cannot_be_lowered_is_named_with_its_module(what, function):
    message = refusal(Net(function))
    assert what.split(",")[0] in message
    assert "'body.odd'" in message


INTS = torch.zeros(1, dtype=torch.int32)
CASTS = {
    "int": ("int32", lambda x: x.int().float()),
    "long, rounding down": ("int64", lambda x: (x + 64).long().float() - 64),
    "byte": ("uint8", lambda x: x.byte().float()),
    "bool": ("bool", lambda x: x.bool().float()),
    "to": ("int16", lambda x: x.to(torch.int16).to(torch.float32)),
    "to, with a device": ("int32", lambda x: x.to("cpu", torch.int32).float()),
    "to another's type": ("int32", lambda x: x.to(INTS).to(x)),
    "type": ("int8", lambda x: x.type(torch.int8).type(torch.float32)),
    "type_as": ("int32", lambda x: x.type_as(INTS).float()),
    "arithmetic on integers": ("int32", lambda x: ((16 * x).int() + 3).float() / 16),
    "eight bits of float": ("float8_e4m3fn", lambda x: x.to(torch.float8_e4m3fn).float()),
}


@pytest.mark.parametrize(("dtype", "function"), CASTS.values(), ids=CASTS)
def test_a_cast_that_changes_values_is_refused_by_name(dtype, function):
    message = refusal(Net(function))
    assert f"a cast to {dtype}, in module 'body.odd'" in message


RANDOM = {
    "dropout": lambda x: F.dropout(x, 0.5, training=True),
    "bernoulli": torch.bernoulli,
    "randn": torch.randn_like,
}


@pytest.mark.parametrize(("operator", "function"), RANDOM.items(), ids=RANDOM)
def test_what_is_drawn_at_random_in_eval_mode_is_refused_by_name(operator, function):
    assert operator in refusal(Net(lambda x: x + function(x)))


# All that is missing is told at once


def test_every_unsupported_operator_is_listed_with_its_modules_and_how_often():
    class Many(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Block() for _ in range(6)])
            self.gate = Inner(torch.lgamma)

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return self.gate(x).cumprod(1)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.act, self.pool = nn.Conv2d(3, 3, 3, padding=1), Inner(torch.i0), nn.AvgPool2d(3, 1, 1)

        def forward(self, x):
            return F.softmax(self.act(self.conv(x)), 0) + self.pool(x).int()

    message = refusal(Many())
    assert "20 calls of 5 kinds" in message
    lines = message.splitlines()
    assert any(
        "aten.i0 is not supported, 6 times, in modules 'blocks.0.act', 'blocks.1.act', 'blocks.2.act', "
        "'blocks.3.act' and 2 more: replace it there" in line
        for line in lines
    )
    assert any("softmax.int over the batch, 6 times" in line for line in lines)
    assert any("a cast to int32, 6 times" in line for line in lines)
    assert any("aten.lgamma is not supported, in module 'gate'" in line for line in lines)
    assert any("aten.cumprod" in line and "in the top module" in line for line in lines)


def test_what_only_follows_from_a_refused_call_is_not_listed():
    message = refusal(Net(lambda x: (x.cumprod(2).relu() + 1).unsqueeze(2)))
    assert message.count("aten.") == 1
    assert "\n" not in message


def test_shapes_are_written_as_the_user_knows_them():
    assert "a value of shape (N, 3, 6, 6, 1, 1)" in refusal(Net(lambda x: x[..., None, None]))
    assert "a value of shape (1, 216)" in refusal(Net(lambda x: x.reshape(1, -1)))


BATCH = {
    "flattened into one": lambda x: x.flatten(),
    "one row": lambda x: x.reshape(1, -1),
    "joined along it": lambda x: torch.cat([x, x], 0),
    "halved": lambda x: x[:1],
    "exchanged with the channels, and mixed": lambda x: x.transpose(0, 1).softmax(1),
}


@pytest.mark.parametrize("function", BATCH.values(), ids=BATCH)
def test_an_operation_that_mixes_samples_is_refused(function):
    assert "'body.odd'" in refusal(Net(function))


def test_a_model_that_returns_its_input_alone_is_refused():
    for function in (lambda x: x, lambda x: (x, x), lambda x: {"a": x, "b": x}):
        with pytest.raises(MixcompError, match="returns its input unchanged"):
            prepare(Inner(function), torch.ones(4, 3, 6, 6), name="m")


@pytest.mark.parametrize(("value", "told"), [(None, "None"), (3.5, "3.5"), ("yes", "'yes'")])
def test_what_is_no_tensor_is_no_output(value, told):
    assert f"the model returns {told}; it must return tensors" in refusal(Net(lambda x: value))
    if value is not None:
        assert f"the model returns {told}; it must return tensors" in refusal(Net(lambda x: (x + x, value)))


def test_an_output_that_does_not_depend_on_the_input_is_refused():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2, 3))

        def forward(self, x):
            return self.weight

    assert "its output does not depend on the model's inputs" in refusal(Constant())


def test_several_inputs_of_an_optional_kind_take_their_defaults():
    class Optional(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 1)

        def forward(self, x, scale=None):
            return self.conv(x) if scale is None else self.conv(x) * scale

    assert [node.op for node in prepare(Optional(), torch.ones(2, 3, 4, 4)).graph.nodes] == ["input", "conv2d"]


@pytest.mark.parametrize(
    ("model", "shape", "operator"),
    [
        (nn.Conv3d(1, 1, 1), (1, 4, 4, 4), "conv3d"),
        (nn.Sequential(nn.Conv2d(3, 3, 1), Inner(torch.lgamma)), (3, 4, 4), "module '1'"),
    ],
)
def test_a_module_without_counterpart_is_named(model, shape, operator):
    assert operator in refusal(model, shape)


def test_a_model_that_computes_nothing_is_an_error_of_the_user():
    from mixcomp_edge.errors import MixcompError

    with pytest.raises(MixcompError, match="m"):
        prepare(nn.Identity(), torch.ones(2, 3), name="m")
