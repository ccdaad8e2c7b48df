"""MobileNet v1 x 0.25, the person detector of MLPerf Tiny v1 (Visual Wake Words). 216,322 parameters, 7.5 M MAC."""

from __future__ import annotations

from torch import Tensor, nn

from mixcomp_edge.train.networks.layers import ConvBn

# Output channels and stride of each depthwise-pointwise pair; the stride is the depthwise layer's.
BLOCKS = (
    (16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (128, 1), (128, 1), (128, 1), (128, 1),
    (256, 2), (256, 1),
)  # fmt: skip
STEM = 8  # channels


class MobileNet(nn.Module):
    """(N, 3, 96, 96) pixels 0..1 -> logits (N, classes): no person, person."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        outputs = [channels for channels, _ in BLOCKS]
        inputs = [STEM, *outputs[:-1]]
        self.stem = ConvBn(3, STEM, 3, 2)
        self.dw = nn.ModuleList(ConvBn(i, i, 3, s, groups=i) for i, (_, s) in zip(inputs, BLOCKS, strict=True))
        self.pw = nn.ModuleList(ConvBn(i, o, 1) for i, o in zip(inputs, outputs, strict=True))
        self.fc = nn.Linear(outputs[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 8, 48, 48)
        for depthwise, pointwise in zip(self.dw, self.pw, strict=True):
            x = pointwise(depthwise(x))
        logits: Tensor = self.fc(x.mean((2, 3)))  # (N, 256, 3, 3) -> (N, 256)
        return logits
