"""A few fixed networks that together use every operator, every format and every type of activation."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge import Bundle, LayerPlan, QuantPlan, convert, prepare
from mixcomp_edge.ir.graph import Graph


class Residual(nn.Module):
    """conv, depthwise with two outputs a channel, add, strided shortcut with channel pad, both poolings, softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding="same")
        self.deep = nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=4)
        self.point = nn.Conv2d(8, 8, 1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        shortcut = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        x = F.relu6(self.point(F.relu(self.deep(x))) + shortcut)
        x = F.avg_pool2d(F.max_pool2d(x, 2, 1), 2, 2, 1, count_include_pad=False)
        return F.softmax(self.fc(x.mean((2, 3))), 1)


class Branches(nn.Module):
    """grouped and dilated convolutions, concat along each axis, a ReLU of its own, pad, flatten of a map."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(4, 3, (2, 3), padding=(1, 1), dilation=(2, 1))
        self.right = nn.Conv2d(4, 6, (2, 3), padding=(1, 1), dilation=(2, 1), groups=2)
        self.fc = nn.Linear(9 * 10 * 8, 7)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.left(x), self.right(x)
        x = torch.cat([left, F.relu(right)], 1)  # (N, 9, 5, 6)
        x = torch.cat([x, F.relu(x)], 2)  # (N, 9, 10, 6)
        return self.fc(F.pad(x, (1, 1, 0, 0)).flatten(1))


class Dense(nn.Module):
    """Vectors only, odd lengths, concat of two."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(7, 5), nn.Linear(7, 4), nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.cat([self.a(x).relu(), self.b(x)], 1))


class One(nn.Module):
    """A single layer: neither input nor output lies between others."""

    def __init__(self) -> None:
        super().__init__()
        self.only = nn.Conv2d(1, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.only(x)


FORMATS = ("fixp4", "posit4", "posit4sc4", "posit4sc8", "posit4e1")
NETWORKS = {
    "residual": (Residual, (3, 9, 7), LayerPlan(act_bits=4)),
    "residual8": (Residual, (3, 8, 8), LayerPlan(act_bits=8, granularity="tensor")),
    "branches": (Branches, (4, 5, 6), LayerPlan(act_bits=4)),
    "branches8": (Branches, (4, 5, 6), LayerPlan(act_bits=8, granularity="tensor")),
    "dense": (Dense, (7,), LayerPlan(act_bits=4)),
    "one": (One, (1, 5, 5), LayerPlan()),
}


@cache
def bundle(name: str) -> Bundle:
    """The network of that name with seeded weights, each layer in another format, calibrated on noise."""
    network, shape, default = NETWORKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model, calibration = network(), torch.randn(32, *shape)
    layers = [path for path, module in model.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    plan = QuantPlan(default, {path: {"weights": FORMATS[i % len(FORMATS)]} for i, path in enumerate(layers)})
    return convert(prepare(model, calibration, plan, name))


def graph(name: str) -> Graph:
    return bundle(name).graph
