"""A U-Net (arXiv 1505.04597) of about 100 k parameters: padded, with batch norm, enlarged by bilinear interpolation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge.train.networks.blocks import conv_bn

CHANNELS = (12, 24, 32, 48)  # of each level


def level(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*conv_bn(inputs, outputs, 3), nn.ReLU(), *conv_bn(outputs, outputs, 3), nn.ReLU())


class UNet(nn.Module):
    """(N, 1, H, W), sides divisible by 8 -> logits of a mask (N, 1, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(level(i, o) for i, o in zip((1, *CHANNELS[:-1]), CHANNELS, strict=True))
        pairs = zip(CHANNELS[::-1], CHANNELS[-2::-1], strict=False)  # from the deepest level up
        self.up = nn.ModuleList(level(below + beside, beside) for below, beside in pairs)
        self.head = nn.Conv2d(CHANNELS[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        for down in self.down:
            x = down(x if not kept else F.max_pool2d(x, 2))
            kept.append(x)
        for up, beside in zip(self.up, kept[-2::-1], strict=True):
            x = up(torch.cat([F.interpolate(x, scale_factor=2.0, mode="bilinear"), beside], 1))
        logits: Tensor = self.head(x)
        return logits
