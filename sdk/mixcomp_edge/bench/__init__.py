"""The MLPerf Tiny networks on our targets beside other software: instructions by layer, flash, RAM, bounds."""

from __future__ import annotations

NETWORKS = ("resnet8", "dscnn", "mobilenet", "autoencoder")
