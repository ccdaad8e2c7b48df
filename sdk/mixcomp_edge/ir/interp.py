"""The definition of every integer operation, SPEC.md 4 as NumPy int64: slow and obvious. C equals this, to the bit.

Values are (N, *shape) int64: a batch of inputs goes through at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import qops
from mixcomp_edge.ir.graph import Graph, Node, Window
from mixcomp_edge.numerics.requant import q32

Value = NDArray[np.int64]


def run(graph: Graph, x: Value) -> Value:
    """Output (N, *shape) of inputs x (N, *input shape)."""
    values = {}
    for name, value in steps(graph, x):
        values[name] = value
    return values[graph.output]


def steps(graph: Graph, x: Value) -> Iterator[tuple[str, Value]]:
    """(name, value) of each node in execution order, the input first. Values are dropped after their last use."""
    last_use = {name: node.name for node in graph.nodes for name in node.inputs}
    values: dict[str, Value] = {}
    for node in graph.nodes:
        if isinstance(node, qops.Input):
            value = _checked_input(node, x)
        else:
            types = [source.type for source in graph.sources(node)]  # type: ignore[attr-defined]
            value = evaluate(node, *(values[name] for name in node.inputs), types=types)
        values[node.name] = value
        yield node.name, value
        for name in set(node.inputs):
            if last_use[name] == node.name:
                del values[name]


def _checked_input(node: qops.Input, x: Value) -> Value:
    x = np.asarray(x, np.int64)
    if x.shape[1:] != node.shape:
        raise GraphError(f"{node.name}: input has shape {x.shape[1:]}, the model takes {node.shape}.")
    if x.size and (x.min() < node.type.low or x.max() > node.type.high):
        raise GraphError(f"{node.name}: input leaves the range of {node.type.dtype}.")
    return x


def clamp(node: qops.QNode, y: Value) -> Value:
    return np.clip(y, node.type.low, node.type.high)


def requantize(node: qops.QNode, acc: Value, requant: qops.Requant) -> Value:
    """acc (..., C), with one multiplier or C of them."""
    return clamp(node, node.type.zero_point + q32(acc, requant.multiplier.astype(np.int64), requant.shift))


def taps(x: Value, window: Window, size: tuple[int, int], fill: int) -> Iterator[Value]:
    """For each kernel position in row-major order, the (N, OH, OW, C) elements of x (N, H, W, C) that it meets."""
    (kh, kw), (sh, sw), (dh, dw), (top, left, _, _) = window.kernel, window.stride, window.dilation, window.padding
    oh, ow = size
    bottom = max(0, (oh - 1) * sh + (kh - 1) * dh + 1 - top - x.shape[1])
    right = max(0, (ow - 1) * sw + (kw - 1) * dw + 1 - left - x.shape[2])
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    for i in range(kh):
        for j in range(kw):
            rows = slice(i * dh, i * dh + (oh - 1) * sh + 1, sh)
            columns = slice(j * dw, j * dw + (ow - 1) * sw + 1, sw)
            yield padded[:, rows, columns, :]


@singledispatch
def evaluate(node: Node, *inputs: Value, types: list[qops.QType]) -> Value:
    """Value (N, *node.shape) of one node; inputs (N, ...) and their types in the order of node.inputs."""
    raise GraphError(f"{node.name}: the interpreter does not know '{node.op}'.")


@evaluate.register
def _(node: qops.Conv2d, x: Value, *, types: list[qops.QType]) -> Value:
    return requantize(node, _convolution(node, x, types[0]), node.weights.requant)


@evaluate.register
def _(node: qops.Conv2dAdd, x: Value, r: Value, *, types: list[qops.QType]) -> Value:
    requant = node.weights.requant
    product = (_convolution(node, x, types[0]) << requant.shift) * requant.multiplier.astype(np.int64)
    residual = ((r - types[1].zero_point) << node.residual_shift) * node.residual_multiplier
    return clamp(node, node.type.zero_point + ((product + residual + (1 << 31)) >> 32))


def _convolution(node: qops.Conv2d, x: Value, x_type: qops.QType) -> Value:
    """Accumulators (N, OH, OW, O)."""
    oh, ow, out_channels = node.shape
    group = x.shape[3] // node.groups
    levels = node.weights.levels.reshape(node.groups, out_channels // node.groups, -1, group)  # (g, O/g, taps, C/g)
    acc = np.broadcast_to(node.weights.bias.astype(np.int64), (len(x), oh, ow, out_channels)).copy()
    for t, tap in enumerate(taps(x, node.window, (oh, ow), x_type.zero_point)):
        for g in range(node.groups):
            outputs = slice(g * levels.shape[1], (g + 1) * levels.shape[1])
            acc[..., outputs] += tap[..., g * group : (g + 1) * group] @ levels[g, :, t, :].T
    return acc


@evaluate.register
def _(node: qops.DwConv2d, x: Value, *, types: list[qops.QType]) -> Value:
    oh, ow, out_channels = node.shape
    multiplicity = out_channels // x.shape[3]
    acc = np.broadcast_to(node.weights.bias.astype(np.int64), (len(x), oh, ow, out_channels)).copy()
    for t, tap in enumerate(taps(x, node.window, (oh, ow), types[0].zero_point)):
        acc += np.repeat(tap, multiplicity, axis=3) * node.weights.levels[t]
    return requantize(node, acc, node.weights.requant)


@evaluate.register
def _(node: qops.Dense, x: Value, *, types: list[qops.QType]) -> Value:
    acc = node.weights.bias.astype(np.int64) + x.reshape(len(x), node.weights.codes.shape[1]) @ node.weights.levels.T
    return requantize(node, acc, node.weights.requant).reshape(len(x), *node.shape)


@evaluate.register
def _(node: qops.Add, a: Value, b: Value, *, types: list[qops.QType]) -> Value:
    acc = (a - types[0].zero_point) * node.a_multiplier + (b - types[1].zero_point) * node.b_multiplier
    return clamp(node, node.type.zero_point + ((acc + (1 << (node.shift - 1))) >> node.shift))


@evaluate.register
def _(node: qops.Rescale, x: Value, *, types: list[qops.QType]) -> Value:
    return requantize(node, x - types[0].zero_point, node.requant)


@evaluate.register
def _(node: qops.Concat, *inputs: Value, types: list[qops.QType]) -> Value:
    parts = [
        requantize(node, x - type_.zero_point, requant)
        for x, type_, requant in zip(inputs, types, node.requants, strict=True)
    ]
    return np.concatenate(parts, axis=1 + node.axis)


@evaluate.register
def _(node: qops.AvgPool2d, x: Value, *, types: list[qops.QType]) -> Value:
    zero, size = types[0].zero_point, (node.shape[0], node.shape[1])
    acc = np.sum([tap - zero for tap in taps(x, node.window, size, zero)], axis=0)
    if len(node.requant.multiplier) == 1:
        return requantize(node, acc, node.requant)
    inside = np.sum(list(taps(np.ones_like(x[:1, :, :, :1]), node.window, size, 0)), axis=0)  # (1, OH, OW, 1)
    return requantize(node, acc, qops.Requant(node.requant.multiplier[inside - 1], node.requant.shift))


@evaluate.register
def _(node: qops.MaxPool2d, x: Value, *, types: list[qops.QType]) -> Value:
    return np.max(list(taps(x, node.window, (node.shape[0], node.shape[1]), types[0].low)), axis=0)


@evaluate.register
def _(node: qops.Pad, x: Value, *, types: list[qops.QType]) -> Value:
    return np.pad(x, ((0, 0), *zip(node.before, node.after, strict=True)), constant_values=types[0].zero_point)


@evaluate.register
def _(node: qops.Reshape, x: Value, *, types: list[qops.QType]) -> Value:
    return x.reshape(len(x), *node.shape)


@evaluate.register
def _(node: qops.Softmax, x: Value, *, types: list[qops.QType]) -> Value:
    e = node.table.astype(np.int64)[x.max(axis=-1, keepdims=True) - x]
    total = e.sum(axis=-1, keepdims=True)
    return np.minimum(255, (256 * e + total // 2) // total)
