"""DS-CNN, the keyword spotter of MLPerf Tiny v1 (Speech Commands). 23,756 parameters, 2.7 M MAC."""

from __future__ import annotations

from torch import Tensor, nn

from mixcomp_edge.train.networks.layers import ConvBn


class DsCnn(nn.Module):
    """(N, 1, 49, 10) MFCC, time by coefficient -> logits (N, classes). strides: of the stem and of the first block;
    larger pictures take larger ones."""

    def __init__(self, classes: int = 12, width: int = 64, blocks: int = 4, strides: tuple[int, int] = (2, 1)) -> None:
        super().__init__()
        self.stem = ConvBn(1, width, (10, 4), strides[0])
        self.dw = nn.ModuleList(ConvBn(width, width, 3, 1 if k else strides[1], groups=width) for k in range(blocks))
        self.pw = nn.ModuleList(ConvBn(width, width, 1) for _ in range(blocks))
        self.fc = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 64, 25, 5)
        for depthwise, pointwise in zip(self.dw, self.pw, strict=True):
            x = pointwise(depthwise(x))
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits
