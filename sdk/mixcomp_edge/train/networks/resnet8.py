"""ResNet-8, the image classifier of MLPerf Tiny v1 (CIFAR-10). 78,186 parameters, 12.5 M MAC."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge.train.networks.layers import ConvBn, SameConv2d


class ResNet8(nn.Module):
    """(N, 3, 32, 32) pixels 0..255 -> logits (N, classes). The shortcuts of stages 2 and 3 are 1x1 convolutions."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = ConvBn(3, 16, 3)
        self.b1a, self.b1b = ConvBn(16, 16, 3), ConvBn(16, 16, 3, relu=False)
        self.b2a, self.b2b = ConvBn(16, 32, 3, 2), ConvBn(32, 32, 3, relu=False)
        self.s2 = SameConv2d(16, 32, (1, 1), 2)
        self.b3a, self.b3b = ConvBn(32, 64, 3, 2), ConvBn(64, 64, 3, relu=False)
        self.s3 = SameConv2d(32, 64, (1, 1), 2)
        self.fc = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 16, 32, 32)
        x = F.relu(x + self.b1b(self.b1a(x)))  # (N, 16, 32, 32)
        x = F.relu(self.s2(x) + self.b2b(self.b2a(x)))  # (N, 32, 16, 16)
        x = F.relu(self.s3(x) + self.b3b(self.b3a(x)))  # (N, 64, 8, 8)
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits
