"""Formats without any training: how well each holds the weights, what ResNet-8 then recognises, and what it costs.

python formats.py [--inputs 5000]     # two tables in Markdown, DECISIONS.md has them
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import mean

import numpy as np
from errors import decibel

from mixcomp_edge import Bundle, LayerPlan, QuantPlan, convert, load_task, prepare, save_bundle
from mixcomp_edge.ir import interp
from mixcomp_edge.simulation import simulate
from mixcomp_edge.train.quantize import integer_inputs, score
from mixcomp_edge.train.task import Split, Task

FORMATS = ("fixp4", "posit4", "e2m1", "nf4", "lut4", "int8")


def decibels(name: str) -> list[float]:
    """Of each format the mean over the layers, one scale a channel by least squared error."""
    task = load_task(name)
    model = prepare(task.model, task.calibration[:16], name=task.name)
    weights = [model.layer(layer).weight.detach().numpy() for layer in model.macs]
    return [mean(decibel(w, LayerPlan(each, quantizer="mse")) for w in weights) for each in FORMATS]


def accuracy(task: Task, bundle: Bundle, split: Split) -> float:
    (outputs,) = interp.predict(bundle.graph, integer_inputs(task, split, bundle.graph))
    value = score(task, split, bundle.graph, outputs)
    assert value is not None
    return value


def instructions(bundle: Bundle, folder: Path) -> int:
    """On Cortex-M4."""
    save_bundle(bundle, folder / "m.mce")
    return simulate(folder / "m.mce").instructions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=5000, help="validation images")
    options = parser.parse_args()
    print(f"| dB | {' | '.join(FORMATS)} |\n|---|{'---|' * len(FORMATS)}")
    for name in ("resnet8", "mobilenet"):
        print(f"| {name} | {' | '.join(f'{value:.1f}' for value in decibels(name))} |")
    task = load_task("resnet8")
    assert task.validation is not None
    split = task.validation.part(np.arange(min(options.inputs, len(task.validation))))
    print(f"\n| ResNet-8 | {' | '.join(FORMATS)} |\n|---|{'---|' * len(FORMATS)}")
    found: dict[int, list[Bundle]] = {
        bits: [
            convert(prepare(task.model, task.calibration, QuantPlan(LayerPlan(each, act_bits=bits)), task.name))
            for each in FORMATS
        ]
        for bits in (8, 4)
    }
    right = [accuracy(task, bundle, split) for bundle in found[8]]
    print(f"| {len(split):,} validation images, 8-bit activations, % | {' | '.join(f'{100 * x:.1f}' for x in right)} |")
    with tempfile.TemporaryDirectory() as folder:
        for bits, bundles in found.items():
            counts = [instructions(bundle, Path(folder)) / 1e6 for bundle in bundles]
            print(f"| M instructions, M4, {bits}-bit activations | {' | '.join(f'{x:.2f}' for x in counts)} |")


if __name__ == "__main__":
    main()
