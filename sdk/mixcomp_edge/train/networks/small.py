"""Two small classifiers that train in seconds and minutes. A batch norm and a ReLU stand after each convolution, so
that every activation has one short range."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Layer(nn.Module):
    """3x3 convolution with one pixel of zeros around, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class DigitsCnn(nn.Module):
    """(N, 1, 8, 8) pixels 0..255 -> logits (N, 10). 14,458 parameters, 231 k MAC."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Layer(1, 16)
        self.conv2 = Layer(16, 32, 2)
        self.conv3 = Layer(32, 32)
        self.fc = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv3(self.conv2(self.conv1(x)))  # (N, 32, 4, 4)
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits


class FashionCnn(nn.Module):
    """(N, 1, 28, 28) pixels 0..255 -> logits (N, 10). 61,050 parameters, 3.7 M MAC."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Layer(1, 16)
        self.conv2 = Layer(16, 32)
        self.conv3 = Layer(32, 64)
        self.conv4 = Layer(64, 64)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(x), 2)  # (N, 16, 14, 14)
        x = F.max_pool2d(self.conv2(x), 2)  # (N, 32, 7, 7)
        x = self.conv4(self.conv3(x))  # (N, 64, 7, 7)
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits
