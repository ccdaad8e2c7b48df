"""Pieces of the mobile networks: squeeze-excite and the inverted residual block (arXiv 1801.04381, 1905.02244)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

Activation = Callable[[], nn.Module]


def rounded(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` next to a scaled number of channels, never below 90 % of it, as the papers' code."""
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution of odd size, padded on both sides alike, and its batch norm."""
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class SqueezeExcite(nn.Module):
    """(N, C, H, W) times a gate (N, C, 1, 1) that two 1x1 layers make of the channels' means (arXiv 1709.01507)."""

    def __init__(self, channels: int, squeezed: int, gate: Activation) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squeeze, self.act = nn.Conv2d(channels, squeezed, 1), nn.ReLU()
        self.excite, self.gate = nn.Conv2d(squeezed, channels, 1), gate()

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.gate(self.excite(self.act(self.squeeze(self.pool(x)))))
        return x * gate


class InvertedResidual(nn.Module):
    """1x1 to `wide` channels, depthwise, squeeze-excite where asked for, 1x1 to `outputs`; added to its input where
    both have the same shape."""

    def __init__(
        self, inputs: int, wide: int, outputs: int, kernel: int, stride: int, act: Activation, excite: nn.Module | None
    ) -> None:
        super().__init__()
        layers = [*conv_bn(inputs, wide, 1), act()] if wide != inputs else []
        layers += [*conv_bn(wide, wide, kernel, stride, groups=wide), act()]
        layers += [excite] if excite is not None else []
        self.layers = nn.Sequential(*layers, *conv_bn(wide, outputs, 1))
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.shortcut else y
