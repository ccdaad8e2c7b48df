"""Layers over (N, C, L): two-dimensional ones with one row, to the user and to every pass."""

from __future__ import annotations

import pytest
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from support.imports import operators

LINE = (4, 23)  # (C, L)


class Causal(nn.Module):
    """A convolution that sees the past alone."""

    def __init__(self, inputs: int, outputs: int, dilation: int, groups: int = 1) -> None:
        super().__init__()
        self.conv, self.past = nn.Conv1d(inputs, outputs, 3, dilation=dilation, groups=groups), 2 * dilation

    def forward(self, x):
        return self.conv(F.pad(x, (self.past, 0)))


class Block(nn.Module):
    """A block of a temporal convolutional network."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.one, self.norm = Causal(inputs, outputs, dilation), nn.BatchNorm1d(outputs)
        self.two, self.norm2 = Causal(outputs, outputs, dilation, groups=2), nn.BatchNorm1d(outputs)
        self.skip = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x):
        return F.relu(self.norm2(self.two(F.relu(self.norm(self.one(x))))) + self.skip(x))


LAYERS = {
    "plain": (nn.Conv1d(4, 6, 3), "conv2d"),
    "stride": (nn.Conv1d(4, 6, 5, stride=3, padding=2), "conv2d"),
    "dilated": (nn.Conv1d(4, 6, 4, dilation=3, padding=4), "conv2d"),
    "groups": (nn.Conv1d(4, 6, 3, groups=2, bias=False), "conv2d"),
    "depthwise": (nn.Conv1d(4, 8, 3, groups=4, padding=1), "conv2d"),
    "same": (nn.Conv1d(4, 6, 4, padding="same", dilation=2), "conv2d"),
    "valid": (nn.Conv1d(4, 6, 2, padding="valid"), "conv2d"),
    "weight norm": (weight_norm(nn.Conv1d(4, 6, 3)), "conv2d"),
    "causal": (Causal(4, 6, 2), "conv2d"),
    "batch norm behind": (nn.Sequential(nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6), nn.ReLU()), "conv2d"),
    "batch norm before": (nn.Sequential(nn.BatchNorm1d(4), nn.Conv1d(4, 6, 3)), "conv2d"),
    "max pooling": (nn.MaxPool1d(3, 2, padding=1), "maxpool2d"),
    "max pooling, dilated": (nn.MaxPool1d(2, dilation=3), "maxpool2d"),
    "average pooling": (nn.AvgPool1d(4, 3, padding=1), "avgpool2d"),
    "average pooling, padding left out": (nn.AvgPool1d(3, count_include_pad=False, padding=1), "avgpool2d"),
    "adaptive to one": (nn.AdaptiveAvgPool1d(1), "avgpool2d"),
    "mean, kept": (lambda x: x.mean(-1, keepdim=True), "avgpool2d"),
}  # fmt: skip


class Function(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize(("layer", "operator"), LAYERS.values(), ids=LAYERS)
def test_a_layer_of_one_dimension_becomes_one_node(layer, operator):
    assert operators(layer if isinstance(layer, nn.Module) else Function(layer), LINE) == [operator]


def test_a_temporal_convolutional_network_is_convolutions_and_residuals_alone():
    end = nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 3))
    net = nn.Sequential(Block(4, 8, 1), Block(8, 8, 2), Block(8, 8, 4), end)
    assert operators(net, LINE) == [*["conv2d"] * 7, "avgpool2d", "reshape", "dense"]


def test_a_flattened_line_is_read_in_the_order_of_its_memory():
    net = nn.Sequential(nn.Conv1d(4, 3, 3), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(30, 5))
    assert operators(net, LINE) == ["conv2d", "maxpool2d", "reshape", "dense"]


def test_a_mean_over_a_line_without_keepdim_is_a_vector():
    assert operators(nn.Sequential(nn.Conv1d(4, 3, 3), Function(lambda x: x.mean(2)), nn.Linear(3, 2)), LINE) == [
        "conv2d", "avgpool2d", "reshape", "dense",
    ]  # fmt: skip
