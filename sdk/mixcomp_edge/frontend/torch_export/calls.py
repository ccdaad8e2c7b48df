"""How a call of an exported program reads: its operator, arguments, place, and its shape with the channels last."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

from mixcomp_edge.frontend.torch_export.refusals import Refusal, Refused
from mixcomp_edge.ir.bounds import MAX_RANK
from mixcomp_edge.ir.graph import Shape

BATCH = 2  # export with two samples, so that an operation that mixes samples shows


def operator_of(node: fx.Node) -> str:
    """relu for aten.relu.default; getitem for an item of a call with several results."""
    parts = str(node.target).split(".")
    return parts[1] if len(parts) == 3 else getattr(node.target, "__name__", str(node.target))


def refused(node: fx.Node, what: str, remedy: str = "") -> Refused:
    """The error for a call that has no counterpart; `what` names it in the user's words, `remedy` says what to do
    where the operator's own in REMEDIES does not fit."""
    return Refused(Refusal(what, operator_of(node), module_stack(node), node.name, remedy))


def module_stack(node: fx.Node) -> str:
    """Path of the module whose forward() makes the value; empty for the top one."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return stack[-1][0] if stack else ""


def value_of(node: fx.Node) -> Tensor | None:
    """The value as traced, without data; of several results the first. None for what is no tensor."""
    value = node.meta.get("val")
    value = value[0] if isinstance(value, list | tuple) and value else value
    return value if isinstance(value, Tensor) else None


def only_booleans(node: fx.Node) -> None:
    """Refuses a logical call of numbers."""
    if any(value is None or value.dtype != torch.bool for value in map(value_of, node.all_input_nodes)):
        raise refused(node, f"aten.{operator_of(node)} of what is not boolean", "compare it with a number first")


def written(shape: tuple[int, ...]) -> str:
    """(N, 3, 32, 32): a shape of the traced program as the user knows it, channels first."""
    batch = "N" if shape and shape[0] == BATCH else str(shape[0]) if shape else ""
    return f"({', '.join([batch, *map(str, shape[1:])])})"


def torch_shape(node: fx.Node) -> Shape:
    """Shape of a call's value as torch has it, the batch included."""
    value = value_of(node)
    if value is None:
        raise refused(node, f"aten.{operator_of(node)} gives no tensor")
    if not all(isinstance(size, int) for size in value.shape):
        raise refused(node, f"aten.{operator_of(node)}, whose result's size depends on the data")
    return tuple(value.shape)


def shape_of(node: fx.Node) -> Shape:
    """Channels-last shape without the batch of a call's value (N, C, ...); of one number a sample, (N,), (1,)."""
    shape = torch_shape(node)
    if not 1 <= len(shape) <= 1 + MAX_RANK or shape[0] != BATCH:
        raise refused(node, unstorable(shape))
    return (*shape[2:], *shape[1:2]) or (1,)


def unstorable(shape: tuple[int, ...]) -> str:
    """What is wrong with a value of a shape that no node may have."""
    return (
        f"a value of shape {written(shape)} (expected (N,), (N, F), (N, C, L), (N, C, H, W) or (N, C, D, H, W), "
        "with the samples first and apart)"
    )


def axis_of(dim: int, rank: int) -> int:
    """Axis in a channels-last shape for a PyTorch dim of an (N, C, ...) tensor of this rank; -1 for the batch."""
    dim %= rank
    return -1 if dim == 0 else rank - 2 if dim == 1 else dim - 2


def pair(value: Any, shape: Shape, across: int = 1) -> tuple[int, int]:
    """(vertical, horizontal) of a number, or of one an axis, for a value (H, W, C); `across` is the vertical one of a
    value (W, C), which is one row."""
    values = [int(v) for v in value] if isinstance(value, list | tuple) else [int(value)]
    return (across if len(shape) == 2 else values[0], values[-1])


def arguments(node: fx.Node, *defaults: Any) -> list[Any]:
    """Positional arguments of a call, filled up with the operator's defaults."""
    given = list(node.args) + [None] * (len(defaults) - len(node.args))
    names = [argument.name for argument in node.target._schema.arguments]  # type: ignore[union-attr]
    for index, (name, default) in enumerate(zip(names, defaults, strict=False)):
        if index >= len(node.args):
            given[index] = node.kwargs.get(name, default)
    return given
