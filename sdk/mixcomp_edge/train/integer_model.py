"""The integer graph in PyTorch: the same integers as ir/interp.py, by convolutions in floating point that is exact
because no accumulator leaves the mantissa. A second opinion on the interpreter, fast enough for whole test sets."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge.ir import qops
from mixcomp_edge.ir.graph import Graph, Node, Window
from mixcomp_edge.ir.verify import accumulator_peak


class IntegerModel(nn.Module):
    """Maps the integers of inputs (N, *input shape), channels last, to those of outputs; float32 tensors."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        values: dict[str, Tensor] = {}
        for node in self.graph.nodes:
            if isinstance(node, qops.Input):
                values[node.name] = x.float()
                continue
            types = [source.type for source in self.graph.sources(node)]  # type: ignore[attr-defined]
            values[node.name] = _forward(node, [values[name] for name in node.inputs], types)
        return values[self.graph.output]

    def predict(self, x: np.ndarray, batch_size: int = 250) -> np.ndarray:
        """Outputs (N, *output shape) int64 of integer inputs x (N, *input shape)."""
        starts = range(0, len(x), batch_size)
        batches = [self(torch.from_numpy(x[i : i + batch_size].astype(np.float32))) for i in starts]
        return torch.cat(batches).numpy().astype(np.int64)


def _finish(node: qops.QNode, acc: Tensor, multiplier: Tensor | int, shift: int, residual: Tensor | int = 0) -> Tensor:
    """q32 in int64, then the output's zero point and range. `residual` joins before the rounding."""
    wide = acc.to(torch.int64) * (1 << shift) * multiplier + residual + (1 << 31)
    y = torch.div(wide, 1 << 32, rounding_mode="floor") + node.type.zero_point
    return y.clamp(node.type.low, node.type.high).float()


def _multiplier(requant: qops.Requant) -> Tensor:
    return torch.from_numpy(requant.multiplier.astype(np.int64))


def _first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def _last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def _padded(x: Tensor, window: Window, fill: float) -> Tensor:
    """x (N, C, H, W) with the window's padding."""
    top, left, bottom, right = window.padding
    return F.pad(x, (left, right, top, bottom), value=fill)


def _exact(node: qops.Conv2d | qops.DwConv2d | qops.Dense, x: qops.QType) -> torch.dtype:
    """The smallest floating type that holds every partial sum of the layer exactly."""
    return torch.float32 if accumulator_peak(node, x) < 1 << 24 else torch.float64


@singledispatch
def _forward(node: Node, inputs: list[Tensor], types: list[qops.QType]) -> Tensor:
    raise NotImplementedError(node.op)


@_forward.register
def _(node: qops.Conv2d, inputs: list[Tensor], types: list[qops.QType]) -> Tensor:
    (kh, kw), out = node.window.kernel, node.shape[2]
    kernel = torch.from_numpy(node.weights.levels.reshape(out, kh, kw, -1)).permute(0, 3, 1, 2)
    acc = _convolve(node, inputs[0], types[0], kernel, node.groups)
    residual: Tensor | int = 0
    if isinstance(node, qops.Conv2dAdd):
        steps = (inputs[1] - types[1].zero_point).to(torch.int64)
        residual = steps * (1 << node.residual_shift) * node.residual_multiplier
    return _finish(node, acc, _multiplier(node.weights.requant), node.weights.requant.shift, residual)


@_forward.register
def _(node: qops.DwConv2d, inputs: list[Tensor], types: list[qops.QType]) -> Tensor:
    kh, kw = node.window.kernel
    kernel = torch.from_numpy(node.weights.levels.T.reshape(node.shape[2], 1, kh, kw).copy())
    acc = _convolve(node, inputs[0], types[0], kernel, inputs[0].shape[3])
    return _finish(node, acc, _multiplier(node.weights.requant), node.weights.requant.shift)


def _convolve(node: qops.Conv2d | qops.DwConv2d, x: Tensor, type_: qops.QType, kernel: Tensor, groups: int) -> Tensor:
    """Accumulators (N, OH, OW, O)."""
    exact = _exact(node, type_)
    padded = _padded(_first(x), node.window, float(type_.zero_point)).to(exact)
    bias = torch.from_numpy(node.weights.bias).to(exact)
    acc = F.conv2d(padded, kernel.to(exact), bias, node.window.stride, 0, node.window.dilation, groups)
    return _last(acc)


@_forward.register
def _(node: qops.Dense, inputs: list[Tensor], types: list[qops.QType]) -> Tensor:
    exact = _exact(node, types[0])
    weight, bias = torch.from_numpy(node.weights.levels).to(exact), torch.from_numpy(node.weights.bias).to(exact)
    acc = F.linear(inputs[0].flatten(1).to(exact), weight, bias)
    return _finish(node, acc, _multiplier(node.weights.requant), node.weights.requant.shift)


@_forward.register
def _(node: qops.Add, inputs: list[Tensor], types: list[qops.QType]) -> Tensor:
    a, b = (x.double() - type_.zero_point for x, type_ in zip(inputs, types, strict=True))
    acc = (a * node.a_multiplier + b * node.b_multiplier + float(1 << (node.shift - 1))) / float(1 << node.shift)
    return (acc.floor() + node.type.zero_point).clamp(node.type.low, node.type.high).float()


@_forward.register
def _(node: qops.Rescale, inputs: list[Tensor], types: list[qops.QType]) -> Tensor:
    return _finish(node, inputs[0] - types[0].zero_point, _multiplier(node.requant), node.requant.shift)


@_forward.register
def _(node: qops.Concat, inputs: list[Tensor], types: list[qops.QType]) -> Tensor:
    parts = [
        _finish(node, x - type_.zero_point, _multiplier(requant), requant.shift)
        for x, type_, requant in zip(inputs, types, node.requants, strict=True)
    ]
    return torch.cat(parts, dim=1 + node.axis)


def _window_sums(x: Tensor, window: Window) -> Tensor:
    """(N, C, OH, OW) sums over each window of x (N, C, H, W), zero padded: a depthwise convolution with ones."""
    channels = x.shape[1]
    ones = torch.ones(channels, 1, *window.kernel, dtype=torch.float64)
    return F.conv2d(_padded(x, window, 0.0).double(), ones, None, window.stride, 0, window.dilation, channels)


@_forward.register
def _(node: qops.AvgPool2d, inputs: list[Tensor], types: list[qops.QType]) -> Tensor:
    x = _first(inputs[0]) - types[0].zero_point
    multiplier = _multiplier(node.requant)
    if len(multiplier) > 1:
        inside = _window_sums(torch.ones_like(x[:1, :1]), node.window).long()
        multiplier = _last(multiplier[inside - 1])
    return _finish(node, _last(_window_sums(x, node.window)), multiplier, node.requant.shift)


@_forward.register
def _(node: qops.MaxPool2d, inputs: list[Tensor], types: list[qops.QType]) -> Tensor:
    padded = _padded(_first(inputs[0]), node.window, float(types[0].low))
    return _last(F.max_pool2d(padded, node.window.kernel, node.window.stride, 0, node.window.dilation))


@_forward.register
def _(node: qops.Pad, inputs: list[Tensor], types: list[qops.QType]) -> Tensor:
    pads = [amount for pair in zip(reversed(node.before), reversed(node.after), strict=True) for amount in pair]
    return F.pad(inputs[0], pads, value=float(types[0].zero_point))


@_forward.register
def _(node: qops.Reshape, inputs: list[Tensor], types: list[qops.QType]) -> Tensor:
    return inputs[0].reshape(len(inputs[0]), *node.shape)


@_forward.register
def _(node: qops.Softmax, inputs: list[Tensor], types: list[qops.QType]) -> Tensor:
    x = inputs[0].long()
    e = torch.from_numpy(node.table.astype(np.int64))[x.amax(-1, keepdim=True) - x]
    total = e.sum(-1, keepdim=True)
    return torch.div(256 * e + total // 2, total, rounding_mode="floor").clamp(max=255).float()
