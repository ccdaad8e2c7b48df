"""4-bit neural networks for microcontrollers: a PyTorch model in, C for Cortex-M out, equal to the bit.

    from mixcomp_edge import prepare, fit, convert, export, verify

The names below are the library behind the command; each is imported when it is first used, so that exporting and
simulating never load PyTorch."""

from __future__ import annotations

import importlib
from typing import Any

from mixcomp_edge.errors import MissingTorchError

__version__ = "0.1.0"

_HOME = {
    "prepare": "mixcomp_edge.train.quantized_model",
    "fit": "mixcomp_edge.train.loop.fit",
    "Recipe": "mixcomp_edge.train.recipe",
    "Task": "mixcomp_edge.train.task",
    "Split": "mixcomp_edge.train.task",
    "Metric": "mixcomp_edge.train.objective",
    "load_task": "mixcomp_edge.train.tasks",
    "quantize": "mixcomp_edge.train.quantize",
    "convert": "mixcomp_edge.train.quantize",
    "QuantPlan": "mixcomp_edge.quant_plan",
    "LayerPlan": "mixcomp_edge.quant_plan",
    "Bundle": "mixcomp_edge.bundle",
    "load_bundle": "mixcomp_edge.bundle",
    "save_bundle": "mixcomp_edge.bundle",
    "export": "mixcomp_edge.codegen",
    "simulate": "mixcomp_edge.simulation",
    "verify": "mixcomp_edge.verification",
    "MixcompError": "mixcomp_edge.errors",
}
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mixcomp_edge' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        if error.name == "torch":
            raise MissingTorchError from error
        raise
