"""A detector in the style of Tiny YOLOv3 (arXiv 1804.02767): LeakyReLU, pooling, and two maps of boxes, the finer one
from the coarser one's features enlarged beside an earlier map."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge.train.networks.blocks import conv_bn

BACKBONE = (8, 16, 32, 64, 96)  # channels; each half as large as the one before
SLOPE = 0.1


def block(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(*conv_bn(inputs, outputs, kernel), nn.LeakyReLU(SLOPE))


class TinyYolo(nn.Module):
    """(N, 3, H, W), sides divisible by 32 -> (coarse (N, B, H/32, W/32), fine (N, B, H/16, W/16)), B numbers a cell:
    box (4), object (1) and classes for each anchor."""

    def __init__(self, anchors: int = 3, classes: int = 3) -> None:
        super().__init__()
        inputs = (3, *BACKBONE[:-1])
        self.backbone = nn.ModuleList(block(i, o) for i, o in zip(inputs, BACKBONE, strict=True))
        middle, deep = BACKBONE[-2:]
        self.neck, self.narrow = block(deep, deep), block(deep, middle // 2, 1)
        self.merge = block(middle + middle // 2, middle)
        self.coarse = nn.Conv2d(deep, anchors * (5 + classes), 1)
        self.fine = nn.Conv2d(middle, anchors * (5 + classes), 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        beside = x
        for layer in self.backbone:
            beside, x = x, F.max_pool2d(layer(x), 2)
        x = self.neck(x)
        wide = F.interpolate(self.narrow(x), scale_factor=2.0, mode="nearest")
        return self.coarse(x), self.fine(self.merge(torch.cat([wide, beside], 1)))
