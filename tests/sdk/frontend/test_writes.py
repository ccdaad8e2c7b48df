"""Assignments to parts of a value. What is computed is held against the module by the proof of import, call by call and
as a whole."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mixcomp_edge import prepare
from mixcomp_edge.errors import UnsupportedError


class Written(nn.Module):
    """A function that changes what a layer made of x (N, 4, 6, 5), or of sequences (N, 8, 6)."""

    def __init__(self, function, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.function = layer, function

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return self.function(y, x)


def some_rows(y, x):
    y[:, :, 2:4] = 0.5
    return y


def every_other_column(y, x):
    y[..., ::2] *= -1
    return y


def from_behind(y, x):
    y[:, :, -1] = 1
    y[:, -2:] = y[:, :2] * y[:, 1:3]
    return y


def one_channel(y, x):
    y[:, 0] = y[:, 1] + x[:, 0]
    return y


def part_of_a_part(y, x):
    y[:, 1:3, :4] += x[:, 1:3, :4]
    return y


def all_of_it(y, x):
    whole = torch.empty_like(y)
    whole[:] = y * 2
    return whole


def temporal_shift(y, x):
    """Lin et al., TSM (arXiv 1811.08383): some channels come from the frame before, some from the one behind."""
    out = torch.zeros_like(y)
    out[:, :-1, :2] = y[:, 1:, :2]
    out[:, 1:, 2:4] = y[:, :-1, 2:4]
    out[:, :, 4:] = y[:, :, 4:]
    return out


def step_by_step(y, x):
    out = y.new_zeros(y.shape)
    for t in range(y.shape[1]):
        out[:, t] = torch.tanh(y[:, t] if t == 0 else y[:, t] + out[:, t - 1])
    return out


def below_a_bound(y, x):
    y[y < -0.5] = -0.5
    y[x > 2] = 0
    return y


MAPS = (some_rows, every_other_column, from_behind, one_channel, part_of_a_part, all_of_it, below_a_bound)
SEQUENCES = (some_rows, every_other_column, from_behind, part_of_a_part, temporal_shift, step_by_step, below_a_bound)


@pytest.mark.parametrize("function", MAPS, ids=lambda function: function.__name__)
def test_a_part_of_a_map_is_written(function):
    torch.manual_seed(0)
    prepare(Written(function, nn.Conv2d(4, 4, 3, padding=1)).eval(), torch.randn(8, 4, 6, 5))


@pytest.mark.parametrize("function", SEQUENCES, ids=lambda function: function.__name__)
def test_a_part_of_a_sequence_is_written(function):
    torch.manual_seed(0)
    prepare(Written(function, nn.Linear(6, 6)).eval(), torch.randn(8, 8, 6))


def test_what_is_changed_in_place_is_put_together_once():
    graph = prepare(Written(part_of_a_part, nn.Conv2d(4, 4, 1)).eval(), torch.randn(8, 4, 6, 5)).graph
    assert [node.op for node in graph.nodes].count("concat") == 2  # along channels and along rows


def by_a_list(y, x):
    y[:, [0, 3]] = 0
    return y


def some_samples(y, x):
    y[:1] = 0
    return y


def of_the_input(y, x):
    y[:, 0] = y.amax()
    return y


def many_places(y, x):
    wide = torch.cat([y] * 30, 3)
    wide[..., ::2] = 0
    return wide


@pytest.mark.parametrize(
    ("function", "message"),
    [(by_a_list, "writing to elements by lists of their places"), (some_samples, "the batch"),
     (of_the_input, "amax"), (many_places, "writing to 75 places apart")],
)  # fmt: skip
def test_what_cannot_be_written_is_told(function, message):
    with pytest.raises(UnsupportedError, match=message):
        prepare(Written(function, nn.Conv2d(4, 4, 1)).eval(), torch.randn(8, 4, 6, 5))
