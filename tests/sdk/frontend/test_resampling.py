"""Upsampling, padding in all modes, and poolings whose windows differ: torch's own choice of rows and columns."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from support.imports import operators

MAP, LINE = (4, 7, 6), (4, 11)  # (C, H, W), (C, L)


class Function(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


ON_MAPS = {
    "nearest, twice as large": (nn.Upsample(scale_factor=2), ["gather"]),
    "nearest, fractions": (nn.Upsample(scale_factor=(1.7, 0.6)), ["gather"]),
    "nearest, size": (nn.Upsample(size=(9, 4)), ["gather"]),
    "nearest, module of that name": (nn.UpsamplingNearest2d(scale_factor=3), ["gather"]),
    "nearest, exact": (lambda x: F.interpolate(x, scale_factor=2.5, mode="nearest-exact"), ["gather"]),
    "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), ["resize"]),
    "bilinear, corners aligned": (nn.Upsample(size=(9, 11), mode="bilinear", align_corners=True), ["resize"]),
    "bilinear, the user's own scale": (nn.Upsample(scale_factor=1.7, mode="bilinear"), ["resize"]),
    "bilinear, smaller": (lambda x: F.interpolate(x, size=(3, 2), mode="bilinear"), ["resize"]),
    "reflect": (nn.ReflectionPad2d((1, 2, 0, 3)), ["gather"]),
    "replicate": (nn.ReplicationPad2d((1, 2, 0, 1)), ["gather"]),
    "circular": (nn.CircularPad2d((2, 1, 0, 7)), ["gather"]),
    "cropped": (lambda x: F.pad(x, (-1, -2, -3, 0)), ["gather"]),
    "cropped and padded": (lambda x: F.pad(x, (-1, 1, 2, -2)), ["gather", "pad"]),
    "convolution with reflection": (nn.Conv2d(4, 5, 3, padding=(2, 1), padding_mode="reflect"), ["gather", "conv2d"]),
    "-inf before a max pooling": (
        lambda x: F.max_pool2d(F.pad(x, (1, 0, 0, 1), value=-torch.inf), 3, 2),
        ["maxpool2d"],
    ),
    "max, ceil_mode": (nn.MaxPool2d((2, 3), (3, 2), 1, dilation=2, ceil_mode=True), ["maxpool2d"]),
    "max, values of two results": (lambda x: F.max_pool2d(x, 2, return_indices=True)[0], ["maxpool2d"]),
    "average, ceil_mode": (nn.AvgPool2d(4, ceil_mode=True), ["avgpool2d"]),
    "average, ceil_mode, padding counted": (nn.AvgPool2d(3, 2, 1, ceil_mode=True), ["pad", "avgpool2d"]),
    "average, ceil_mode, padding not counted": (
        nn.AvgPool2d((3, 2), 2, (1, 0), ceil_mode=True, count_include_pad=False),
        ["avgpool2d"],
    ),
    "average, a divisor": (nn.AvgPool2d((2, 3), 2, 1, divisor_override=5), ["avgpool2d"]),
    "average, a divisor, ceil_mode": (nn.AvgPool2d(3, 2, 1, ceil_mode=True, divisor_override=5), ["avgpool2d"]),
    "adaptive average": (nn.AdaptiveAvgPool2d(5), ["adaptiveavg2d"]),
    "adaptive average, larger": (nn.AdaptiveAvgPool2d((10, 4)), ["adaptiveavg2d"]),
    "adaptive average, even windows that overlap": (nn.AdaptiveAvgPool2d((3, None)), ["avgpool2d"]),
    "area": (lambda x: F.interpolate(x, size=(3, 4), mode="area"), ["adaptiveavg2d"]),
    "adaptive maximum": (nn.AdaptiveMaxPool2d((2, 4)), ["adaptivemax2d"]),
    "adaptive maximum of all": (nn.AdaptiveMaxPool2d(1), ["maxpool2d"]),
}
ON_LINES = {
    "nearest": (nn.Upsample(scale_factor=2), ["gather"]),
    "nearest, exact": (nn.Upsample(size=13, mode="nearest-exact"), ["gather"]),
    "linear": (nn.Upsample(scale_factor=2.3, mode="linear"), ["resize"]),
    "linear, corners aligned": (nn.Upsample(size=20, mode="linear", align_corners=True), ["resize"]),
    "convolution with reflection": (nn.Conv1d(4, 5, 3, padding=2, padding_mode="reflect"), ["gather", "conv2d"]),
    "convolution with replication": (nn.Conv1d(4, 5, 3, padding=1, padding_mode="replicate"), ["gather", "conv2d"]),
    "circular, same": (nn.Conv1d(4, 5, 4, padding="same", padding_mode="circular"), ["gather", "conv2d"]),
    "cropped and padded": (lambda x: F.pad(x, (-2, 3)), ["gather", "pad"]),
    "max, ceil_mode": (nn.MaxPool1d(3, 2, ceil_mode=True, padding=1), ["maxpool2d"]),
    "average, ceil_mode, padding counted": (nn.AvgPool1d(4, 3, 2, ceil_mode=True), ["pad", "avgpool2d"]),
    "adaptive average": (nn.AdaptiveAvgPool1d(4), ["adaptiveavg2d"]),
    "adaptive maximum": (nn.AdaptiveMaxPool1d(4), ["adaptivemax2d"]),
}


@pytest.mark.parametrize(
    ("layer", "expected", "shape"),
    [(*case, shape) for cases, shape in ((ON_MAPS, MAP), (ON_LINES, LINE)) for case in cases.values()],
    ids=[*ON_MAPS, *(f"line, {name}" for name in ON_LINES)],
)
def test_rows_and_columns_are_those_that_torch_takes(layer, expected, shape):
    assert operators(layer if isinstance(layer, nn.Module) else Function(layer), shape) == expected


def test_batch_norm_and_relu_behind_upsampling_move_into_the_layer_before_it():
    net = nn.Sequential(nn.Conv2d(4, 5, 3), nn.Upsample(scale_factor=2), nn.BatchNorm2d(5), nn.ReLU())
    assert operators(net, MAP) == ["conv2d", "gather"]
    net = nn.Sequential(nn.Conv2d(4, 5, 3), nn.Upsample(scale_factor=2, mode="bilinear"), nn.BatchNorm2d(5))
    assert operators(net, MAP) == ["conv2d", "resize"]
