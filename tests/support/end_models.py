"""Networks with several inputs and outputs, as engineers write them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Fusion(nn.Module):
    """An image and a vector of sensors make one classification."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.sensors = nn.Sequential(nn.Linear(5, 8), nn.ReLU())
        self.head = nn.Linear(16, 4)

    def forward(self, image: Tensor, state: Tensor) -> Tensor:
        return self.head(torch.cat([self.body(image).flatten(1), self.sensors(state)], 1))


class Detection(NamedTuple):
    boxes: Tensor
    scores: Tensor


class Detector(nn.Module):
    """Two maps at two strides, each of boxes and scores, from one backbone."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.down = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU())
        self.near, self.far = nn.Conv2d(8, 4 + 3, 1), nn.Conv2d(12, 4, 1)
        self.scores = nn.Conv2d(12, 3, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor | Detection | None]:
        fine = self.stem(x)
        coarse = self.down(fine)
        return {"near": self.near(fine), "far": Detection(self.far(coarse), self.scores(coarse)), "aux": None}


class Encoder(nn.Module):
    """Features, which something else reads too, and logits."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 6), nn.ReLU())
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return features, self.head(features)


class Cell(nn.Module):
    """Two inputs, three outputs: a map, a classification and the next state, called as the state that it was."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.mix = nn.Linear(4 + 3, 3)
        self.head = nn.Linear(3, 5)

    def forward(self, image: Tensor, state: Tensor) -> dict[str, Tensor]:
        found = torch.relu(self.conv(image))
        state = torch.relu(self.mix(torch.cat([found.mean((2, 3)), state], 1)))
        return {"map": found, "logits": self.head(state), "state": state}
