"""Networks on our targets beside other software: instructions by layer, flash, RAM, bounds."""

from __future__ import annotations

NETWORKS = ("resnet8", "dscnn", "mobilenet", "autoencoder")  # MLPerf Tiny's: CMSIS-NN's counts are known
MORE = ("mobilenet_v3", "efficientnet", "tcn", "resnet1d", "unet", "tiny_yolo")  # beside our own int8
