"""Stands for the file that you have already: a small CNN trained on scikit-learn's digits, as digits.onnx, and two
files of samples, 512 without labels and 360 with labels to test on.

    python make_model.py [FOLDER]
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
torch.manual_seed(0)
torch.set_num_threads(1)
digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.images))
x, y = digits.images[order].astype(np.uint8)[:, None], digits.target[order]  # (N, 1, 8, 8), 0..16

net = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.BatchNorm2d(32), nn.ReLU(),
    nn.Flatten(), nn.Linear(32 * 16, 10),
)  # fmt: skip
optimizer = torch.optim.Adam(net.parameters(), 3e-3)
for epoch in range(15):
    for chosen in torch.randperm(len(x) - 360, generator=torch.Generator().manual_seed(epoch)).split(64):
        loss = nn.functional.cross_entropy(
            net(torch.from_numpy(x[chosen] / np.float32(16))), torch.from_numpy(y[chosen])
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

net.eval()
right = net(torch.from_numpy(x[-360:] / np.float32(16))).argmax(1).numpy() == y[-360:]
print(f"float accuracy on 360 test images: {100 * right.mean():.2f} %")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch.onnx.export(
        net, (torch.zeros(1, 1, 8, 8),), str(folder / "digits.onnx"), dynamo=False, input_names=["image"],
        output_names=["scores"], dynamic_axes={"image": {0: "n"}, "scores": {0: "n"}},
    )  # fmt: skip
np.savez(folder / "samples.npz", x=x[:512])
np.savez(folder / "test.npz", x=x[-360:], y=y[-360:])
