"""Stands for your own pictures: scikit-learn's digits as PNG files, photos/<digit>/<number>.png, and beside them an
untrained model.onnx for them.

    python make_pictures.py [FOLDER]
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
digits = load_digits()
for i, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
    place = folder / "photos" / str(label)
    place.mkdir(parents=True, exist_ok=True)
    Image.fromarray((image * 15.9375).astype(np.uint8)).save(place / f"{i}.png")

torch.manual_seed(0)
net = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.ReLU(),
    nn.Flatten(), nn.Linear(32 * 16, 10),
)  # fmt: skip
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch.onnx.export(
        net.eval(), (torch.zeros(1, 1, 8, 8),), str(folder / "model.onnx"), dynamo=False, input_names=["image"],
        output_names=["scores"], dynamic_axes={"image": {0: "n"}, "scores": {0: "n"}},
    )  # fmt: skip
