"""A small EfficientNet (arXiv 1905.11946) with ReLU6 in the place of SiLU, as the Lite variants have it, and with the
squeeze-excite that those leave out."""

from __future__ import annotations

from torch import Tensor, nn

from mixcomp_edge.train.networks.blocks import InvertedResidual, SqueezeExcite, conv_bn, rounded

# expansion, output channels, blocks, stride of the first, kernel: B0's stages
STAGES = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 2, 2, 3), (6, 112, 2, 1, 5), (6, 192, 2, 2, 5))
STEM, HEAD = 32, 640


class EfficientNetLite(nn.Module):
    """(N, 3, H, W) -> logits (N, classes)."""

    def __init__(self, width: float = 0.3, classes: int = 10) -> None:
        super().__init__()
        inputs = rounded(STEM * width)
        layers = [*conv_bn(3, inputs, 3, 2), nn.ReLU6()]
        for expansion, channels, blocks, stride, kernel in STAGES:
            outputs = rounded(channels * width)
            for first in (True, *[False] * (blocks - 1)):
                inner = inputs * expansion
                excite = SqueezeExcite(inner, max(inputs // 4, 4), nn.Sigmoid)
                step = stride if first else 1
                layers.append(InvertedResidual(inputs, inner, outputs, kernel, step, nn.ReLU6, excite))
                inputs = outputs
        head = rounded(HEAD * width)
        self.features = nn.Sequential(*layers, *conv_bn(inputs, head, 1), nn.ReLU6())
        self.fc = nn.Linear(head, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.features(x).mean((2, 3)))
        return logits
