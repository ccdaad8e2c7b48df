"""The function that each operator's file adds to, and what several forms share."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import singledispatch
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.ir.graph import Node, Window
from mixcomp_edge.ir.nodes import Activation


@singledispatch
def forward(node: Node, inputs: list[Tensor], *parameters: Any) -> Tensor:
    """Value of a float node on inputs (N, C, ...); parameters: weight and bias in PyTorch's layout, of a layer; of one
    that feeds back what makes its value what is stored, too."""
    raise NotImplementedError(node.op)


@singledispatch
def terms(node: Node, inputs: list[Tensor], sizes: list[Tensor], *parameters: Tensor) -> Tensor:
    """The sum of the sizes of the terms that the node's value is made of, for inputs of these values and sizes: of a
    sum of products, its value for the sizes of all that goes into it. parameters: the sizes of weight and bias."""
    contents = {field.name: getattr(node, field.name) for field in fields(node)}
    arrays: dict[str, Any] = {name: np.abs(v) for name, v in contents.items() if isinstance(v, np.ndarray)}
    return forward(replace(node, **arrays), sizes, *parameters)


def activate(x: Tensor, activation: Activation) -> Tensor:
    if activation.high is None:
        return x
    return F.relu(x) if activation == Activation.RELU else F.hardtanh(x, 0.0, activation.high)


def dims_of(axes: tuple[int, ...], rank: int) -> list[int]:
    """Axes of a stored shape of that rank, channels last, as dimensions of a value (N, C, ...)."""
    return [1 if axis == rank - 1 else axis + 2 for axis in axes]


def planes(x: Tensor) -> Tensor:
    """x (N, C, H, W) or (N, C, W) as (N, C, H, W)."""
    return x.unsqueeze(2) if x.dim() == 3 else x


def shaped(y: Tensor, node: Node) -> Tensor:
    """y (N, C, H, W) in the rank of the node's value."""
    return y.squeeze(2) if len(node.shape) == 2 else y


def stored(x: Tensor) -> Tensor:
    """A value (N, C, ...) with its axes as the graph stores them, channels last."""
    return x.movedim(1, -1)


def unstored(x: Tensor) -> Tensor:
    """The inverse."""
    return x.movedim(-1, 1)


def partly_padded(x: Tensor, window: Window, fill: float = 0.0) -> tuple[Tensor, tuple[int, int]]:
    """x (N, C, H, W) with asymmetric padding applied, and the symmetric padding that is left to the operator."""
    top, left, bottom, right = window.padding
    if (top, left) == (bottom, right):
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=fill), (0, 0)
