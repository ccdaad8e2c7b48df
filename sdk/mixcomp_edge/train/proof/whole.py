"""The user's module as it is against the graph that is trained, from end to end in float32.

How far rounding may move an output is measured, not guessed. In float32 a sum of K products is off by about sqrt(K) *
2**-24 of the size of its terms, so every weight is moved at random by as much of itself, in the graph and in the model,
and every input and constant by the rounding of a few terms, for what reads it without weights; SPREAD times what that
does to an output is allowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.func import functional_call

from mixcomp_edge.errors import ImportMismatch, TaskError
from mixcomp_edge.frontend.torch_export import Imported
from mixcomp_edge.frontend.torch_export.calls import value_of
from mixcomp_edge.ir.graph import Node
from mixcomp_edge.train.proof.place import place
from mixcomp_edge.train.proof.user_model import run, runs, tensors
from mixcomp_edge.train.samples import Samples, count, each

if TYPE_CHECKING:
    from mixcomp_edge.train.quantized_model import QuantizedModel

UNIT = 2.0**-24  # rounding of float32
DRAWS = 3
SPREAD = 8
TERMS = 16  # at least: what a bias or a batch norm is added to is rounded, too
COPIED = 2.0**-16  # of the largest output: the same operations, perhaps in other threads


def check_whole(model: nn.Module, imported: Imported, quantized: QuantizedModel, x: Samples) -> None:
    """ImportMismatch where the two differ by more than rounding can make them; x: samples (N, C, ...)."""
    name = imported.graph.name
    expected = _steady(model, x, name)
    noise = _Noise(max(map(_unit, imported.program.graph.nodes)))
    allowed = _spread(lambda: [y.float() for y in run(model, noise.inputs(x), noise)], expected)
    weights = {
        f"layers.{path}.{kind}": getattr(layer, kind).detach()
        for path, layer in quantized.layers.items()
        for kind in ("weight", "bias")
    }
    with quantized.floating():
        found = tensors(quantized(*each(x)))
        moved = _spread(lambda: _moved(quantized, weights, x, noise), found)
    for y, want, far, further in zip(found, expected, allowed, moved, strict=True):
        difference = _difference(y, want, far + further)
        if difference is None:
            continue
        undefined = (want.isnan() & ~y.isnan()).flatten(1).any(1)
        if undefined.any():
            raise TaskError(
                f"{name}: the model's output is not a number on {int(undefined.sum())} of {count(x)} samples: "
                "a logarithm, root or power of what is below 0, or 0 / 0. Clamp what it reads."
            )
        raise ImportMismatch(f"{name}: {difference}: {place(model, imported, quantized, x)}.")


def _moved(quantized: QuantizedModel, weights: dict[str, Tensor], x: Samples, noise: _Noise) -> list[Tensor]:
    """What the float graph gives for x where its weights, x and all other numbers that it holds are moved."""
    graph = quantized.graph
    quantized.graph = replace(graph, nodes=tuple(map(noise.node, graph.nodes)))
    try:
        return tensors(functional_call(quantized, {key: noise(w) for key, w in weights.items()}, noise.inputs(x)))
    finally:
        quantized.graph = graph


def _steady(model: nn.Module, x: Samples, name: str) -> list[Tensor]:
    """What the model returns for x in float32, a choice as 0 and 1, if it does so again."""
    first, second = ([y.float() for y in results] for results in runs(model, x, 2))
    for before, again in zip(first, second, strict=True):
        if _difference(again, before, COPIED * before.abs().amax()) is not None:
            raise ImportMismatch(
                f"{name}: the model gives other outputs for the same inputs when it runs again, in eval mode. Take out "
                "what it draws at random or remembers from call to call."
            )
    return first


def _unit(call: fx.Node) -> float:
    """What the value of a call is rounded to."""
    value = value_of(call)
    is_half = value is not None and value.dtype in (torch.float16, torch.bfloat16)
    return torch.finfo(value.dtype).eps if is_half else UNIT  # type: ignore[union-attr]


class _Noise:
    """Moves the elements of a weight (O, ...) at random by the rounding of sums of as many terms as O has each."""

    def __init__(self, unit: float) -> None:
        self.unit = unit
        self.random = torch.Generator().manual_seed(0)

    def __call__(self, w: Tensor) -> Tensor:
        if not w.is_floating_point():
            return w.clone()
        return self._moved(w, max(w[0].numel(), TERMS) if w.dim() > 1 else TERMS)

    def inputs(self, x: Samples) -> tuple[Tensor, ...]:
        return tuple(self._moved(value, TERMS) if value.is_floating_point() else value for value in each(x))

    def node(self, node: Node) -> Node:
        """With other numbers in its arrays: a constant, gains, factors."""
        arrays = {field.name: getattr(node, field.name) for field in fields(node)}
        numbers = {name: torch.from_numpy(a) for name, a in arrays.items() if isinstance(a, np.ndarray)}
        moved: dict[str, Any] = {
            name: self._moved(a, TERMS).numpy() for name, a in numbers.items() if a.is_floating_point()
        }
        return replace(node, **moved)

    def _moved(self, values: Tensor, terms: int) -> Tensor:
        signs = 2.0 * torch.randint(0, 2, values.shape, generator=self.random) - 1
        return values * (1 + max(terms**0.5 * UNIT, self.unit) * signs)


def _spread(moved: Callable[[], list[Tensor]], ys: list[Tensor]) -> list[Tensor]:
    """How far each element of an output (1, ...) may be off: from outputs y (N, ...), and others as moved() gives."""
    draws = zip(*(moved() for _ in range(DRAWS)), strict=True)
    allowed = []
    for y, others in zip(ys, draws, strict=True):
        off = torch.stack([(other - y).abs().nan_to_num(0, 0).amax(0, keepdim=True) for other in others]).amax(0)
        allowed.append(SPREAD * (off + UNIT * y.abs().nan_to_num(0, 0).amax(0, keepdim=True)))
    return allowed


def _difference(found: Tensor, expected: Tensor, allowed: Tensor) -> str | None:
    """What differs, in words; None for nothing. NaN and infinities must be in the same places."""
    if found.shape != expected.shape:
        return f"outputs of shape {tuple(found.shape[1:])} in place of {tuple(expected.shape[1:])}"
    found, expected = found.double(), expected.double()
    off = (found - expected).abs()
    fine = (off <= allowed) | (found == expected) | (found.isnan() & expected.isnan())
    if fine.all():
        return None
    at = torch.where(fine, 0.0, off.nan_to_num(torch.inf)).argmax()
    return f"an output is {found.flatten()[at]:.6g} where the model gives {expected.flatten()[at]:.6g}"
