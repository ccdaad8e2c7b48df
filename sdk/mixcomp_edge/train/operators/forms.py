"""The two functions that each operator's file adds to, and what their forms are made of."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.ir.graph import Node
from mixcomp_edge.ir.nodes import Activation, QNode
from mixcomp_edge.ir.types import QType, Requant
from mixcomp_edge.ir.weighted import Weighted


@singledispatch
def forward(node: Node, inputs: list[Tensor], *parameters: Tensor) -> Tensor:
    """Value of a float node on inputs (N, C, ...); parameters: weight and bias in PyTorch's layout, of a layer."""
    raise NotImplementedError(node.op)


@singledispatch
def integer(node: Node, inputs: list[Tensor], types: list[QType]) -> Tensor:
    """Value of an integer node on integers (N, ..., C) of these types, as float32."""
    raise NotImplementedError(node.op)


def activate(x: Tensor, activation: Activation) -> Tensor:
    if activation is Activation.NONE:
        return x
    return F.relu(x) if activation is Activation.RELU else F.relu6(x)


def exact(node: Weighted, x: QType) -> torch.dtype:
    """The smallest floating type that holds every partial sum of the layer exactly."""
    return torch.float32 if node.accumulator_peak(x) < 1 << 24 else torch.float64


def finish(node: QNode, acc: Tensor, multiplier: Tensor | int, shift: int, residual: Tensor | int = 0) -> Tensor:
    """q32 in int64, then the output's zero point and range. `residual` joins before the rounding."""
    wide = acc.to(torch.int64) * (1 << shift) * multiplier + residual + (1 << 31)
    y = torch.div(wide, 1 << 32, rounding_mode="floor") + node.type.zero_point
    return y.clamp(node.type.low, node.type.high).float()


def multiplier(requant: Requant) -> Tensor:
    return torch.from_numpy(requant.multiplier.astype(np.int64))
