"""Where the user's model and what was made of it part, found once they are known to differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn

from mixcomp_edge.frontend.torch_export import BATCH, Imported
from mixcomp_edge.train.proof.calls import results
from mixcomp_edge.train.proof.float_graph import values
from mixcomp_edge.train.proof.user_model import run
from mixcomp_edge.train.samples import Samples, count, take

if TYPE_CHECKING:
    from mixcomp_edge.train.quantized_model import QuantizedModel

APART = 2.0**-12  # of a value's largest element: more than rounding leaves between two runs in float32


def place(model: nn.Module, imported: Imported, quantized: QuantizedModel, x: Samples) -> str:
    """In words, for samples x (N, C, ...)."""
    module = _first_module(model, imported, take(x, torch.arange(BATCH) % count(x)))
    if module is not None:
        where = f"module '{module}'" if module else "the top module"
        return (
            f"what torch.export traced differs from the model from {where} on. In forward(), write operations in place "
            "out of place, and take out decisions by attributes or by the batch size"
        )
    few = run(model, take(x, slice(BATCH)))
    if not all(_close(y, many[:BATCH]) for y, many in zip(few, run(model, x), strict=True)):
        return "the model treats a sample in another way when the batch has another size; take that decision out"
    traced = values(imported.graph, x)
    for name, value in values(quantized.graph, x).items():
        if not any(_close(value, other) for other in traced.values()):
            return f"layer '{name}' computes something else once what stands around it is folded into it"
    return "it differs from the model in float32, though no layer does by itself in float64"


def _first_module(model: nn.Module, imported: Imported, x: Samples) -> str | None:
    """Path of the first module whose last result is not what the traced program has there; None for no such one."""
    own: dict[str, Tensor] = {}

    def watch(path: str) -> Any:
        def hook(module: nn.Module, inputs: Any, y: Any) -> None:
            if isinstance(y, Tensor):
                own.pop(path, None)
                own[path] = y.detach().clone()

        return hook

    hooks = [module.register_forward_hook(watch(path)) for path, module in model.named_modules()]
    try:
        run(model, x)
    finally:
        for hook in hooks:
            hook.remove()
    traced: dict[str, Any] = {}
    for call, result in results(imported, x):
        traced.update(dict.fromkeys(_paths(call), result))
    for path, y in own.items():
        if isinstance(traced.get(path), Tensor) and not _close(y, traced[path]):
            return path
    return None


def _paths(call: fx.Node) -> list[str]:
    """The modules that a call is made in, from the top one on."""
    return [path for path, _ in call.meta.get("nn_module_stack", {}).values()]


def _close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(((a - b).abs() <= APART * b.abs().max()).all())
