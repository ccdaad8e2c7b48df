"""MobileNetV3-Small (arXiv 1905.02244, table 2) by a factor on its channels."""

from __future__ import annotations

from torch import Tensor, nn

from mixcomp_edge.train.networks.blocks import InvertedResidual, SqueezeExcite, conv_bn, rounded

# kernel, expanded channels, output channels, squeeze-excite, hard swish, stride
BLOCKS = (
    (3, 16, 16, True, False, 2), (3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1), (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1), (5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2), (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1),
)  # fmt: skip
STEM, LAST, HEAD = 16, 576, 1024


class MobileNetV3Small(nn.Module):
    """(N, 3, H, W) -> logits (N, classes)."""

    def __init__(self, width: float = 0.35, classes: int = 10) -> None:
        super().__init__()

        def wide(channels: int) -> int:
            return rounded(channels * width)

        layers = [*conv_bn(3, wide(STEM), 3, 2), nn.Hardswish()]
        inputs = wide(STEM)
        for kernel, expanded, outputs, squeezes, swish, stride in BLOCKS:
            inner = wide(expanded)
            excite = SqueezeExcite(inner, rounded(inner / 4), nn.Hardsigmoid) if squeezes else None
            act = nn.Hardswish if swish else nn.ReLU
            layers.append(InvertedResidual(inputs, inner, wide(outputs), kernel, stride, act, excite))
            inputs = wide(outputs)
        self.features = nn.Sequential(*layers, *conv_bn(inputs, wide(LAST), 1), nn.Hardswish())
        self.head = nn.Sequential(nn.Linear(wide(LAST), wide(HEAD)), nn.Hardswish(), nn.Linear(wide(HEAD), classes))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x).mean((2, 3)))
        return logits
