"""Operators of the float graph: what the front end makes out of PyTorch and the passes in lower/ simplify."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir.graph import Node, Window

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class Activation(Enum):
    """What a node does to its result before it is stored."""

    NONE = "none"
    RELU = "relu"
    RELU6 = "relu6"


@dataclass(frozen=True, eq=False, kw_only=True)
class Input(Node):
    """The graph's input x; its value is gain * x + offset, each (C,), where the model begins with such arithmetic."""

    gain: Doubles | None = None
    offset: Doubles | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv2d(Node):
    """weight (O, KH, KW, C / groups), bias (O,). groups == C is a depthwise convolution. A second input is a residual:
    it has the output's shape and is added before the activation."""

    weight: Floats
    bias: Floats
    window: Window
    groups: int = 1
    activation: Activation = Activation.NONE


@dataclass(frozen=True, eq=False, kw_only=True)
class Dense(Node):
    """weight (O, I), bias (O,)."""

    weight: Floats
    bias: Floats
    activation: Activation = Activation.NONE


@dataclass(frozen=True, eq=False, kw_only=True)
class Affine(Node):
    """y = gain * x + offset, each (C,): a batch norm, or arithmetic with constants."""

    gain: Doubles
    offset: Doubles


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(Node):
    """Sum of two values of one shape."""

    activation: Activation = Activation.NONE


@dataclass(frozen=True, eq=False, kw_only=True)
class Relu(Node):
    """A ReLU or ReLU6 of its own, before or unless it is fused."""

    activation: Activation


@dataclass(frozen=True, eq=False, kw_only=True)
class Concat(Node):
    """Inputs side by side along `axis` of the channels-last shape."""

    axis: int


@dataclass(frozen=True, eq=False, kw_only=True)
class AvgPool2d(Node):
    """Mean over each window. With count_include_pad the divisor is the kernel's size even where it overlaps padding."""

    window: Window
    count_include_pad: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxPool2d(Node):
    """Maximum over each window; a strided slice is a 1x1 window."""

    window: Window


@dataclass(frozen=True, eq=False, kw_only=True)
class Pad(Node):
    """Zeros around x: `before` and `after` each axis of the channels-last shape."""

    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Reshape(Node):
    """Another shape for the same elements. With channels_first they leave in PyTorch's (C, H, W) order, which the
    pass `absorb_flatten` moves into the weights of the dense layers that follow."""

    channels_first: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Softmax(Node):
    """Over the last axis."""
