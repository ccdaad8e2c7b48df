"""A temporal convolutional network (arXiv 1803.01271): causal convolutions in time, each block twice as far apart."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = 3
DILATIONS = (1, 2, 4, 8)


class CausalConv(nn.Module):
    """(N, I, T) -> (N, O, T): no output depends on a later input; with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.past = (KERNEL - 1) * dilation
        self.conv = nn.Conv1d(inputs, outputs, KERNEL, dilation=dilation, bias=False)
        self.bn = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(F.pad(x, (self.past, 0)))))


class Block(nn.Module):
    """Two causal convolutions and a shortcut, by a 1x1 where the channels differ."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.first = CausalConv(inputs, outputs, dilation)
        self.second = CausalConv(outputs, outputs, dilation)
        self.shortcut = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(self.first(x)) + self.shortcut(x))


class Tcn(nn.Module):
    """(N, features, T) -> logits (N, classes) of the last step."""

    def __init__(self, features: int = 40, channels: int = 48, classes: int = 12) -> None:
        super().__init__()
        inputs = [features, *[channels] * (len(DILATIONS) - 1)]
        self.blocks = nn.Sequential(*(Block(i, channels, d) for i, d in zip(inputs, DILATIONS, strict=True)))
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.blocks(x)[:, :, -1])
        return logits
