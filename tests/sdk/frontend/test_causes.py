"""A model that cannot be traced is told why in the user's words, with advice that fits: the cause is tried out."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export import import_model

IMAGE = (3, 8, 8)


class Behind(nn.Module):
    """A function behind a convolution."""

    def __init__(self, function):
        super().__init__()
        self.conv, self.function = nn.Conv2d(3, 3, 1), function

    def forward(self, x):
        return self.function(self.conv(x))


class WithMask(nn.Module):
    def forward(self, x, mask):
        return x * mask


class WithKeyword(nn.Module):
    def forward(self, x, *, scale):
        return x * scale


class OfDict(nn.Module):
    def forward(self, batch):
        return batch["image"]


class OneSample(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(192, 2)

    def forward(self, x):
        return self.fc(x.view(1, 192))


def positive(y):
    if y.mean() > 0:
        return y
    return -y


def conv(channels: int = 3) -> nn.Module:
    return nn.Conv2d(channels, 4, 3)


CAUSES = {
    "two inputs": (WithMask(), IMAGE, r"forward\(\) takes 2 inputs \(x, mask\), data is given for 1"),
    "an input by keyword": (WithKeyword(), IMAGE, r"forward\(\) takes 'scale' by keyword alone"),
    "a dictionary": (OfDict(), IMAGE, r"the top module \(OfDict\) raised IndexError"),
    "float64": (conv().double(), IMAGE, r"computes in float64; call model\.float\(\)"),
    "float16": (conv().half(), IMAGE, r"computes in float16; call model\.float\(\)"),
    "tokens": (nn.Sequential(nn.Embedding(9, 4), nn.Flatten()), (5,), r"reads whole numbers.*int64"),
    "channels last": (
        conv(), (8, 8, 3), r"data is \(N, 8, 8, 3\), channels last; the model takes \(N, 3, 8, 8\).*movedim"
    ),
    "channels last, 1-D": (nn.Conv1d(3, 4, 3), (20, 3), r"the model takes \(N, 3, 20\)"),
    "no channels": (conv(1), (28, 28), r"data is \(N, 28, 28\), without channels: give data\.unsqueeze\(1\)"),
    "an image for a linear layer": (nn.Linear(64, 3), (1, 8, 8), r"takes vectors \(N, 64\): give data\.flatten\(1\)"),
    "other channels": (
        nn.Sequential(conv(1)), IMAGE, r"on inputs \(N, 3, 8, 8\): module '0' \(Conv2d\).*input\[N, 3, 8, 8\]"
    ),
    "another size": (
        nn.Sequential(conv(), nn.Flatten(), nn.Linear(99, 2)), IMAGE, r"module '2' \(Linear\).*\(Nx144 and 99x2\)"
    ),
    "a size of 1": (OneSample(), IMAGE, r"one sample at a time only"),
    "a fault of the user's": (Behind(lambda y: y.nope()), IMAGE, r"raised AttributeError: .*no attribute 'nope'"),
    "a branch": (Behind(positive), IMAGE, r"decides by the values.*test_causes\.py, line \d+: `if y\.mean\(\) > 0:`"),
    "numpy": (
        Behind(lambda y: torch.from_numpy(y.numpy())), IMAGE, r"cannot follow the model at test_causes\.py, line \d+"
    ),
    "lazy layers": (nn.LazyConv2d(3, 1), IMAGE, r"run the model once"),
}  # fmt: skip


@pytest.mark.parametrize(("model", "shape", "message"), CAUSES.values(), ids=CAUSES)
def test_the_cause_is_named(model, shape, message):
    with pytest.raises(UnsupportedError, match=message) as caught:
        import_model(model, shape, "m")
    told = str(caught.value)
    assert told.startswith("m: ")
    assert ("by the values" in told) == ("decides by the values" in message)  # control flow only where it is that
    assert "17" not in told


@pytest.mark.filterwarnings("ignore")
def test_a_scripted_model_is_told_to_come_as_a_module():
    with pytest.raises(UnsupportedError, match="TorchScript"):
        import_model(torch.jit.script(nn.Conv2d(3, 3, 1)), IMAGE, "m")


def test_a_size_that_depends_on_the_data_is_refused_as_such():
    with pytest.raises(UnsupportedError, match=r"aten\.index"):
        import_model(Behind(lambda y: F.relu(y[y[:, 0, 0, 0] > 0])), IMAGE, "m")


def test_finding_the_cause_leaves_modes_and_random_numbers_alone():
    model = nn.Sequential(conv(1), nn.BatchNorm2d(4)).train()
    before, mean = torch.get_rng_state(), model[1].running_mean.clone()
    with pytest.raises(UnsupportedError):
        import_model(model, IMAGE, "m")
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(model[1].running_mean, mean)
    assert not model[0]._forward_hooks
    assert not model[0]._forward_pre_hooks
