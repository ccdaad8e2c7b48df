"""Permutations and reshapes of a model change how a value is read; data is copied only where that cannot do. What is
computed is held against the module by the proof of import, call by call and as a whole."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mixcomp_edge import prepare
from mixcomp_edge.errors import UnsupportedError

MAP = (4, 6, 5)


class Net(nn.Module):
    """A function between a convolution and another layer."""

    def __init__(self, function, last=None):
        super().__init__()
        self.first, self.function, self.last = nn.Conv2d(4, 4, 3, padding=1), function, last or nn.Identity()

    def forward(self, x):
        return self.last(self.function(self.first(x)))


def kinds(function, last=None) -> list[str]:
    """The operators that run: all but reshapes."""
    torch.manual_seed(0)
    model = Net(function, last).eval()
    graph = prepare(model, torch.randn(8, *MAP), name="m").graph
    return [node.op for node in graph.nodes[1:] if node.op != "reshape"]


def shuffled(x, groups=2):
    n, c, h, w = x.shape
    return x.reshape(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


FREE = {
    "there and back": (lambda x: F.relu(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.Conv2d(4, 3, 1)),
    "a sum in another order": (lambda x: (x.transpose(2, 3) + x.transpose(2, 3)).mT, nn.Conv2d(4, 3, 1)),
    "arithmetic a channel, channels last": (lambda x: (x.movedim(1, -1) * 2 + 1).movedim(-1, 1), None),
    "flattened for a linear layer": (lambda x: x.flatten(1), nn.Linear(120, 3)),
    "moved and flattened": (lambda x: x.permute(0, 3, 1, 2).flatten(1), nn.Linear(120, 3)),
    "flattened, then a function": (lambda x: F.relu6(x.flatten(1)), nn.Linear(120, 3)),
    "flattened, then a batch norm": (lambda x: x.flatten(1), nn.Sequential(nn.BatchNorm1d(120), nn.Linear(120, 3))),
    "flattened maps, added": (lambda x: x.flatten(1) + x.flatten(1), nn.Linear(120, 3)),
    "rows of positions, as in a transformer": (lambda x: x.flatten(2).transpose(1, 2).flatten(1), nn.Linear(120, 3)),
    "joined in another order": (
        lambda x: torch.cat([x.permute(0, 2, 3, 1), x.relu().permute(0, 2, 3, 1)], 1).permute(0, 3, 1, 2),
        nn.Conv2d(4, 3, 1),
    ),
    "height 1 and off again": (lambda x: x.flatten(2).unsqueeze(2), nn.Conv2d(4, 3, (1, 3))),
    "split and joined": (lambda x: x.unflatten(1, (2, 2)).flatten(1, 2), nn.Conv2d(4, 3, 1)),
    "six dimensions for a while": (lambda x: x.view(-1, 2, 2, 2, 3, 5).flatten(3, 4).flatten(1, 2), nn.Conv2d(4, 3, 1)),
    "a shuffle there and back": (lambda x: shuffled(shuffled(x)), nn.Conv2d(4, 3, 1)),
}


@pytest.mark.parametrize(("function", "last"), FREE.values(), ids=FREE)
def test_what_only_reads_in_another_order_copies_nothing(function, last):
    assert "transpose" not in kinds(function, last)


COPIES = {
    "the output": (lambda x: x.permute(0, 2, 3, 1), None, 1),
    "a flattened output": (lambda x: x.flatten(1), None, 1),
    "height and width exchanged": (lambda x: x.transpose(2, 3), nn.Conv2d(4, 3, (3, 1)), 1),
    "channels and width exchanged": (lambda x: x.transpose(1, 3), nn.Conv2d(5, 3, 3), 1),
    "one copy for two readers": (
        lambda x: F.max_pool2d(x.mT, 2) + F.avg_pool2d(x.mT, 2),
        None,
        1,
    ),
    "a sum of two orders": (lambda x: x + x.reshape(-1, 4, 5, 6).mT, None, 1),
    "a sum of orders that cross": (lambda x: x.flatten(1) + x.transpose(1, 2).flatten(1), nn.Linear(120, 3), 2),
    "a shape across dimensions": (lambda x: x.reshape(-1, 6, 4, 5), nn.Conv2d(6, 3, 1), 2),
    "rows to channels": (lambda x: x.reshape(-1, 4, 3, 2, 5).transpose(2, 3).flatten(1, 2), nn.Conv2d(8, 3, 1), 1),
    "a pixel shuffle": (lambda x: x.reshape(-1, 2, 2, 6, 5).permute(0, 3, 1, 4, 2).reshape(-1, 1, 12, 10), None, 1),
}


@pytest.mark.parametrize(("function", "last", "copies"), COPIES.values(), ids=COPIES)
def test_what_needs_another_order_is_copied(function, last, copies):
    assert kinds(function, last).count("transpose") == copies


def test_a_model_may_begin_with_channels_last_and_read_them_for_nothing():
    model = nn.Sequential(Permute(0, 3, 1, 2), nn.Conv2d(4, 3, 3))
    graph = prepare(model, torch.randn(8, 6, 5, 4), name="m").graph
    assert [node.op for node in graph.nodes] == ["input", "transpose", "conv2d"]


class Permute(nn.Module):
    def __init__(self, *dims):
        super().__init__()
        self.dims = dims

    def forward(self, x):
        return x.permute(self.dims)


def test_values_have_four_dimensions_behind_the_batch():
    model = nn.Sequential(nn.Unflatten(1, (2, 2)), nn.ReLU(), Permute(0, 2, 1, 3, 4))
    graph = prepare(model, torch.randn(8, *MAP), name="m").graph
    assert graph[graph.output].shape == (2, 6, 5, 2)


PARTS = {
    "a chomp": lambda x: x[:, :, :-2],
    "every second, from the second": lambda x: x[:, :, 1::2],
    "some channels": lambda x: x[:, 1:3],
    "one, as the step leaves the dimension": lambda x: x[:, 1::9],
    "one of positions, likewise": lambda x: x[:, :, 2::100, ::99],
    "every second channel": lambda x: x[:, ::2],
    "a select": lambda x: x[:, 1],
    "the last column": lambda x: x[..., -1],
    "narrow": lambda x: x.narrow(3, 1, 3),
    "focus": lambda x: torch.cat([x[..., ::2, :4:2], x[..., 1::2, :4:2], x[..., ::2, 1:5:2], x[..., 1::2, 1:5:2]], 1),
    "halves of a shuffle": lambda x: torch.cat(shuffled(x).chunk(2, 1)[::-1], 1),
    "split in order": lambda x: torch.split(x.permute(0, 2, 3, 1), [1, 3, 2], 1)[1],
    "split, of which all are read": lambda x: torch.cat(torch.split(x, [1, 3], 1)[::-1], 1),
    "unbind": lambda x: x.unbind(2)[3] + x.unbind(2)[1],
    "stack": lambda x: torch.stack([x[:, 0], x[:, 2]], 2),
    "flip": lambda x: x.flip(1, 3),
    "roll": lambda x: x.roll((1, -2), (2, 3)),
    "expand": lambda x: x[:, :1].expand(-1, 3, -1, -1),
    "expand of a row": lambda x: x[:, :, :1].expand(-1, -1, 6, -1) + x,
    "repeat": lambda x: x.repeat(1, 2, 1, 3),
    "tile": lambda x: x.tile(1, 2, 1, 1),
    "indices": lambda x: x[:, torch.tensor([0, 2, 3, 3])],
    "index_select": lambda x: x.index_select(2, torch.tensor([4, 2, 0, 5])),
    "channel shuffle": lambda x: F.channel_shuffle(x, 2),
    "pixel shuffle": lambda x: F.pixel_shuffle(x, 2),
    "pixel unshuffle": lambda x: F.pixel_unshuffle(x[..., :4], 2),
}


@pytest.mark.parametrize("function", PARTS.values(), ids=PARTS)
def test_parts_and_repetitions_compute_what_the_model_does(function):
    assert kinds(function)


def test_a_slice_along_several_axes_is_one_copy():
    assert kinds(lambda x: x[:, 1:, 1::2, 1:4]) == ["conv2d", "slice"]


def test_halves_of_shuffled_channels_are_sliced_as_they_lie():
    assert kinds(lambda x: F.channel_shuffle(x, 2).chunk(2, 1)[1], nn.Conv2d(2, 3, 1)).count("transpose") <= 1


REFUSED = {
    "the batch": lambda x: x[:1],
    "nothing": lambda x: x[:, 2:2],
    "all dimensions rolled at once": lambda x: x.roll(1),
    "an index of two dimensions": lambda x: x[:, torch.tensor([0, 1]), torch.tensor([0, 1])],
}


@pytest.mark.parametrize("function", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_a_slice_is_refused(function):
    with pytest.raises(UnsupportedError, match="top module"):
        kinds(function)
