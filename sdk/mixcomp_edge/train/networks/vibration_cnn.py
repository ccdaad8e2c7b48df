"""A 1-D CNN for vibration. One row of samples is an image of height 1, so that the same kernels run it."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge.train.networks.layers import ConvBn

STEM_TAPS, STEM_STRIDE = 64, 8  # the first filters see 5 ms at 12 kHz
WIDTHS = (16, 32, 64, 64)


class VibrationCnn(nn.Module):
    """(N, 1, 1, 1024) samples -> logits (N, classes). 21,929 parameters with nine classes, 0.6 M MAC."""

    def __init__(self, classes: int = 9) -> None:
        super().__init__()
        self.stem = ConvBn(1, WIDTHS[0], (1, STEM_TAPS), STEM_STRIDE, bias=False)
        self.conv = nn.ModuleList(ConvBn(i, o, (1, 3), bias=False) for i, o in pairwise(WIDTHS))
        self.fc = nn.Linear(WIDTHS[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 16, 1, 128)
        for conv in self.conv:
            x = conv(F.max_pool2d(x, (1, 2)))  # ends at (N, 64, 1, 16)
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits
