"""How a call of an exported program reads: its arguments, its place, its shape with the channels last."""

from __future__ import annotations

from typing import Any

from torch import fx

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.ir.graph import Shape

BATCH = 2  # export with two samples, so that an operation that mixes samples shows


def overload_packet(node: fx.Node) -> str:
    """relu_ for aten.relu_.default; empty for what is no ATen operator."""
    parts = str(node.target).split(".")
    return parts[1] if len(parts) == 3 else ""


def module_stack(node: fx.Node) -> str:
    """Path of the module whose forward() makes the value; empty for the top one."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return stack[-1][0] if stack else ""


def module_path(node: fx.Node) -> str:
    return module_stack(node) or "the top module"


def shape_of(node: fx.Node) -> Shape:
    """Channels-last shape without the batch of an fx node's value (N, C, ...)."""
    shape = tuple(int(size) for size in node.meta["val"].shape)
    if len(shape) < 2 or shape[0] != BATCH or len(shape) > 4:
        path = module_path(node)
        raise UnsupportedError(
            f"{node.name} in module '{path}' has shape {shape}; expected (N, F), (N, C, L) or (N, C, H, W) "
            "with the batch first and untouched."
        )
    return (*shape[2:], shape[1])


def axis_of(dim: int, rank: int) -> int:
    """Axis in a channels-last shape for a PyTorch dim of an (N, C, ...) tensor of this rank; -1 for the batch."""
    dim %= rank
    return -1 if dim == 0 else rank - 2 if dim == 1 else dim - 2


def pair(value: Any) -> tuple[int, int]:
    values = [int(v) for v in value] if isinstance(value, list | tuple) else [int(value)]
    return (values[0], values[-1])


def arguments(node: fx.Node, *defaults: Any) -> list[Any]:
    """Positional arguments of a call, filled up with the operator's defaults."""
    given = list(node.args) + [None] * (len(defaults) - len(node.args))
    names = [argument.name for argument in node.target._schema.arguments]  # type: ignore[union-attr]
    for index, (name, default) in enumerate(zip(names, defaults, strict=False)):
        if index >= len(node.args):
            given[index] = node.kwargs.get(name, default)
    return given
