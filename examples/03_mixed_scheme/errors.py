"""Where Posit's smaller error lives, without any training: the signal-to-noise ratio of each layer's float weights in
FixP4, in the best Posit variant and in other formats of 4 bits, under each way to find a scale.

    python errors.py [--work mixed_scheme_work]     # tasks whose float model is published or in the work folder
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from measure import with_float_model
from points import METHODS, OTHERS, Point
from run import HERE, note, save

from mixcomp_edge import LayerPlan
from mixcomp_edge.train.method.quantizers import weight_quantizer
from mixcomp_edge.train.quantized_model import prepare_task
from mixcomp_edge.train.recipe import Recipe

TASKS = ("resnet8", "resnet20", "spoken_digits", "bearings", "clinc150")


def decibel(w: np.ndarray, plan: LayerPlan) -> float:
    """10 log10(sum w^2 / sum (w - Q(w))^2)."""
    with torch.no_grad():
        error = weight_quantizer(w, plan, Recipe())(torch.from_numpy(w)).numpy() - w
    return float(10 * np.log10(np.sum(w.astype(np.float64) ** 2) / np.sum(error.astype(np.float64) ** 2)))


def rows(weights: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """One for each granularity, scale and pair of methods."""
    found = []
    for granularity, scale, (fixed, posit) in product(("tensor", "channel"), ("pow2", "free"), METHODS):
        a = {n: decibel(w, LayerPlan("fixp4", granularity, quantizer=fixed, scale=scale)) for n, w in weights.items()}
        b = {n: decibel(w, LayerPlan("posit", granularity, quantizer=posit, scale=scale)) for n, w in weights.items()}
        found.append({
            "granularity": granularity, "scale": scale, "fixp4_by": fixed, "posit_by": posit, "layers": len(a),
            "fixp4_db": round(mean(a.values()), 2), "posit_db": round(mean(b.values()), 2),
            "posit_better": sum(b[name] > a[name] for name in a),
            "most_gained_db": round(max(b[name] - a[name] for name in a), 2),
        })  # fmt: skip
        if posit == "mse":
            for each in OTHERS:
                plan = LayerPlan(each, granularity, quantizer=posit, scale=scale)
                found[-1][f"{each}_db"] = round(mean(decibel(w, plan) for w in weights.values()), 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("mixed_scheme_work"))
    parser.add_argument("--results", type=Path, default=HERE / "results")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    for task in TASKS:
        published = task.startswith("resnet")
        if not published and not (options.work / "float" / f"{task}-0-1.safetensors").exists():
            note(f"{task}: no float model in {options.work} yet; run an experiment on it first.")
            continue
        model = prepare_task(with_float_model(Point(task, "float", 0, "float"), options.work, 1.0, note))
        weights = {name: model.layer(name).weight.detach().numpy() for name in model.macs}
        save([{"id": task, **row} for row in rows(weights)], options.results / f"errors_{task}.json")
        note(f"{task}: done")


if __name__ == "__main__":
    main()
