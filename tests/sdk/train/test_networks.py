"""The networks compute what the published weights were trained for: names, shapes, padding, batch-norm epsilon."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mixcomp_edge.frontend.torch_export import import_model
from mixcomp_edge.train import networks
from mixcomp_edge.train.networks.layers import SameConv2d, same_padding

NETWORKS = {  # input shape, outputs, parameters, weights
    "ResNet8": ((3, 32, 32), 10, 78_186, "mlperf_tiny/resnet8_ic"),
    "DsCnn": ((1, 49, 10), 12, 23_756, "mlperf_tiny/dscnn_kws"),
    "MobileNet": ((3, 96, 96), 2, 216_322, "mlperf_tiny/mobilenetv1_025_vww96"),
    "AutoEncoder": ((640,), 640, 267_928, "mlperf_tiny/autoencoder_ad01"),
    "ResNet20": ((3, 32, 32), 10, 269_722, "resnet_cifar10/resnet20"),
    "DigitsCnn": ((1, 8, 8), 10, 14_458, None),
    "VibrationCnn": ((1, 1, 1024), 9, 21_929, None),
    "FashionCnn": ((1, 28, 28), 10, 61_050, None),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_has_its_published_size_and_shapes_and_can_be_imported(name):
    shape, outputs, parameters, _ = NETWORKS[name]
    model = getattr(networks, name)().eval()
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert model(torch.zeros(2, *shape)).shape == (2, outputs)
    assert import_model(model, shape, name.lower()).nodes


@pytest.mark.skipif("MIXCOMP_DATA" not in os.environ, reason="MIXCOMP_DATA is not set: no published weights")
@pytest.mark.parametrize("name", [name for name in NETWORKS if NETWORKS[name][3]])
def test_the_published_weights_fit_without_a_name_left_over(name):
    from safetensors.torch import load_file

    state = load_file(Path(os.environ["MIXCOMP_DATA"]) / "models" / f"{NETWORKS[name][3]}.safetensors")
    getattr(networks, name)().load_state_dict(state, strict=True)


# (input, kernel, stride): (before, after), worked out by hand from ceil(input / stride) outputs
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (32, 3, 1, (1, 1)),
        (32, 3, 2, (0, 1)),
        (49, 10, 2, (4, 5)),
        (10, 4, 2, (1, 1)),
        (16, 1, 2, (0, 0)),
        (7, 3, 2, (1, 1)),
    ],
)
def test_same_padding_puts_the_odd_zero_after(size, kernel, stride, expected):
    assert same_padding(size, kernel, stride) == expected


@pytest.mark.parametrize("size", [(7, 8), (8, 8), (5, 9)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (3, 3), (10, 4)])
def test_same_convolution_equals_a_sum_over_each_window(size, stride, kernel):
    conv = SameConv2d(1, 1, kernel, stride)
    x = torch.randn(1, 1, *size, generator=torch.Generator().manual_seed(0))
    y = conv(x).detach().numpy()[0, 0]
    assert y.shape == tuple(-(-length // stride) for length in size)
    big = F.pad(x, (10, 10, 10, 10)).numpy()[0, 0]
    w, bias = conv.weight.detach().numpy()[0, 0], conv.bias.detach().numpy()[0]
    lacking = [max((out - 1) * stride + k - n, 0) for out, k, n in zip(y.shape, kernel, size, strict=True)]
    for row, column in np.ndindex(y.shape):
        top, left = (10 + index * stride - lack // 2 for index, lack in zip((row, column), lacking, strict=True))
        window = big[top : top + kernel[0], left : left + kernel[1]]
        assert y[row, column] == pytest.approx(float((window * w).sum() + bias), abs=1e-5)
