"""What is done in place changes every name of a value: views taken before and after, and calls that return their very
operand. The graph of the module computes what the module computes, or the call is refused by name."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge import prepare
from mixcomp_edge.errors import UnsupportedError

MAP = (2, 4, 6)


class Between(nn.Module):
    """A function between two layers."""

    def __init__(self, function, tail: nn.Module):
        super().__init__()
        self.head, self.function, self.tail = nn.Conv2d(2, 2, 3, padding=1), function, tail

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.function(self.head(x)))


def through(view, change, back=None):
    """Takes a view, changes the value, and returns the view; with `back` it changes the view and returns the value."""

    def function(y: Tensor) -> Tensor:
        z = view(y)
        change(z if back else y)
        return y if back else z

    return function


def write_over(y: Tensor) -> None:
    y[...] = -3 * y


ALIASES = {
    "view": lambda y: y.view(y.shape),
    "reshape": lambda y: y.reshape(y.shape),
    "detach": lambda y: y.detach(),
    "contiguous": lambda y: y.contiguous(),
    "float": lambda y: y.float(),
    "to": lambda y: y.to(torch.float32),
    "type_as": lambda y: y.type_as(y),
    "identity": nn.Identity(),
    "dropout": lambda y: F.dropout(y, 0.3, training=False),
    "dropout, module": nn.Dropout(0.5).eval(),
    "dropout of channels": lambda y: F.dropout2d(y, 0.3, training=False),
    "alpha dropout": lambda y: F.alpha_dropout(y, 0.3, training=False),
    "dropout in place": lambda y: F.dropout(y, 0.3, training=False, inplace=True),
    "expand_as": lambda y: y.expand_as(y),
    "expand": lambda y: y.expand(-1, 2, -1, -1),
    "slice": lambda y: y[:, :, 0:],
    "permute by nothing": lambda y: y.permute(0, 1, 2, 3),
    "copy": lambda y: y.clone(),
}
CHANGES = {
    "relu_": lambda y: y.relu_(),
    "F.relu": lambda y: F.relu(y, inplace=True),
    "mul_": lambda y: y.mul_(-2),
    "clamp_": lambda y: y.clamp_(min=0),
    "out=": lambda y: torch.add(y, 1, out=y),
    "slice assignment": write_over,
    "copy_": lambda y: y.copy_(-y),
}


def assert_same_function(model: nn.Module, shape: tuple[int, ...] = MAP):
    model.eval()
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(8, *shape, generator=generator)
    with torch.no_grad():
        expected = model(x.clone())
        quantized = prepare(model, x.clone(), name="m")
        with quantized.floating():
            y = quantized(x.clone())
    assert (y - expected).abs().max() <= 1e-5 * expected.abs().max()


PAIRS = [*((alias, "mul_") for alias in ALIASES), *(("view", change) for change in CHANGES if change != "mul_")]


@pytest.mark.parametrize(("alias", "change"), PAIRS)
def test_a_change_is_seen_through_an_alias_taken_before_it(alias, change):
    torch.manual_seed(0)
    assert_same_function(Between(through(ALIASES[alias], CHANGES[change]), nn.Conv2d(2, 3, 1)))


@pytest.mark.parametrize("alias", [name for name in ALIASES if "expand" not in name])
def test_a_change_of_an_alias_is_seen_in_the_value(alias):
    torch.manual_seed(0)
    assert_same_function(Between(through(ALIASES[alias], CHANGES["relu_"], back=True), nn.Conv2d(2, 3, 1)))


FLATTENED = {
    "flatten, then relu": through(lambda y: y.flatten(1), lambda y: y.relu_()),
    "view, then plus equals": through(lambda y: y.view(len(y), -1), lambda y: y.add_(1.0)),
    "reshape, then two changes": through(lambda y: y.reshape(len(y), -1), lambda y: y.relu_().mul_(0.5)),
}


@pytest.mark.parametrize("function", FLATTENED.values(), ids=FLATTENED)
def test_a_flattened_view_sees_what_happens_to_the_map_later(function):
    torch.manual_seed(0)
    assert_same_function(Between(function, nn.Linear(2 * 4 * 6, 3)))


def test_a_strided_slice_sees_what_happens_to_the_map_later():
    torch.manual_seed(0)
    assert_same_function(Between(through(lambda y: y[:, :, ::2, ::2], lambda y: y.relu_()), nn.Conv2d(2, 3, 1)))


def test_a_change_of_the_input_itself_is_seen():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.relu = nn.Conv2d(2, 3, 1), nn.ReLU(inplace=True)

        def forward(self, x):
            y = self.relu(x)
            return self.conv(x + y)

    assert_same_function(Net())


@pytest.mark.parametrize("alias", ["expand", "expand_as"])
def test_a_change_of_an_expanded_value_is_seen_in_the_value(alias):
    assert_same_function(Between(through(ALIASES[alias], CHANGES["relu_"], back=True), nn.Conv2d(2, 3, 1)))


PARTS = {
    "slice": lambda y: y[:, :1].relu_(),
    "element": lambda y: y[:, 0].relu_(),
    "filled": lambda y: y[:, 0].fill_(0.5),
    "slice of a slice": lambda y: y[:, :1][:, :, 2:].mul_(-2),
}


@pytest.mark.parametrize("change", PARTS.values(), ids=PARTS)
def test_a_change_of_a_part_is_seen_in_the_value(change):
    assert_same_function(Between(through(lambda y: y, change, back=True), nn.Conv2d(2, 3, 1)))


def test_a_count_of_calls_that_nothing_reads_is_left_out():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 1)
            self.register_buffer("calls", torch.zeros((), dtype=torch.long))

        def forward(self, x):
            self.calls += 1
            return self.conv(x)

    assert_same_function(Counting())


def test_a_state_that_the_output_reads_is_refused_by_its_name():
    class Fading(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 1)
            self.register_buffer("past", torch.ones(1))

        def forward(self, x):
            self.past.mul_(0.5)
            return self.conv(x) * self.past

    with pytest.raises(UnsupportedError, match=r"reading 'past', which the model itself changes.*keeps no state"):
        prepare(Fading(), torch.ones(4, *MAP), name="m")
