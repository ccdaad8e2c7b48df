"""From a PyTorch model to verified C in one page: train, quantize to 4 bits, export, prove, measure.

python first_model.py [folder]        # about half a minute
"""

import sys
from pathlib import Path

import torch
from torch import nn

from mixcomp_edge import LayerPlan, QuantPlan, Recipe, Task, convert, export, fit, load_task, prepare, simulate, verify
from mixcomp_edge.train.loop.fit import evaluate

# 1. Data and a model of your own: 8x8 grey digits, ten classes.
digits: Task = load_task("digits")
torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
    nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
    nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
)  # fmt: skip
fit(model, digits, Recipe(epochs=40, batch_size=64, lr=0.1, threads=1))
print(f"float            {evaluate(model, digits, digits.test):.4f}")

# 2. Quantize: 4-bit weights, 4-bit activations; the last convolution in posit. Retrain a little.
plan = QuantPlan(LayerPlan(weights="fixp4", act_bits=4), {"6": {"weights": "posit4sc4"}})
quantized = prepare(model, digits.calibration, plan, name="first_model")
fit(quantized, digits, Recipe(epochs=15, batch_size=64, threads=1))
print(f"fake quantized   {evaluate(quantized, digits, digits.test):.4f}")

# 3. Integers, then C.
folder = Path(sys.argv[1] if len(sys.argv) > 1 else "first_model_c")
layout = export(convert(quantized), "cortex-m4", folder)
print(f"{folder}: {layout.weight_bytes} B of weights, {layout.arena.total_bytes} B of RAM")

# 4. Proof: every element of every layer, on this machine and on an emulated Cortex-M4.
for on in ("host", "emulator"):
    verdict = verify(folder, on=on, count=20)
    print(f"{on:16} {verdict.elements} elements, {verdict.mismatches} mismatches")

# 5. Cost.
cost = simulate(folder)
print(f"{cost.instructions} instructions, {cost.flash_bytes['total']} B flash, {cost.ram_bytes['total']} B RAM")
for layer in cost.layers:
    print(f"    {layer.name:24} {layer.op:10} {layer.weights:10} {layer.instructions:8}")
