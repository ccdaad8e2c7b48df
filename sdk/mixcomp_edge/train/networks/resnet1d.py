"""A residual network over time, as heartbeats are classified (after arXiv 1707.01836): long windows, few channels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = 15
STAGES = ((16, 1), (32, 2), (48, 2), (64, 2))  # channels and stride of each block


class Block(nn.Module):
    """(N, I, T) -> (N, O, T / stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inputs, outputs, KERNEL, stride, KERNEL // 2, bias=False)
        self.conv2 = nn.Conv1d(outputs, outputs, KERNEL, 1, KERNEL // 2, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm1d(outputs), nn.BatchNorm1d(outputs)
        plain = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if plain else nn.Conv1d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet1d(nn.Module):
    """(N, 1, T) -> logits (N, classes)."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        first = STAGES[0][0]
        self.stem = nn.Sequential(
            nn.Conv1d(1, first, KERNEL, 2, KERNEL // 2, bias=False), nn.BatchNorm1d(first), nn.ReLU(), nn.MaxPool1d(2)
        )
        inputs = [first, *(channels for channels, _ in STAGES[:-1])]
        self.blocks = nn.Sequential(*(Block(i, o, s) for i, (o, s) in zip(inputs, STAGES, strict=True)))
        self.fc = nn.Linear(STAGES[-1][0], classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.blocks(self.stem(x)).mean(2))
        return logits
