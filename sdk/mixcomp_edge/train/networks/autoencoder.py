"""The dense autoencoder of MLPerf Tiny v1 (anomaly detection, ToyADMOS). 267,928 parameters, 264 k MAC."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge.train.networks.layers import BATCHNORM_EPS

WIDTHS = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128)


class AutoEncoder(nn.Module):
    """(N, 640) log-mel in dB, 5 frames of 128 bands, frame after frame -> its reconstruction (N, 640)."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(WIDTHS))
        self.bn = nn.ModuleList(nn.BatchNorm1d(width, eps=BATCHNORM_EPS) for width in WIDTHS[1:])
        self.out = nn.Linear(WIDTHS[-1], WIDTHS[0])

    def forward(self, x: Tensor) -> Tensor:
        for linear, norm in zip(self.fc, self.bn, strict=True):
            x = F.relu(norm(linear(x)))
        reconstruction: Tensor = self.out(x)
        return reconstruction
