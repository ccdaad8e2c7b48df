"""The last step before the bundle: float nodes with known types and codes become integer nodes.

This is the one place where a real number becomes an integer; from here on everything is exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import LoweringError
from mixcomp_edge.ir import ops, qops
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.qops import QType, Requant
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.numerics import Codebook
from mixcomp_edge.numerics.requant import add_parameters, q32_parameters
from mixcomp_edge.numerics.softmax import exponentials


@dataclass(frozen=True, eq=False)
class QuantizedWeights:
    """codes in the shape of the float weight (O, ...); scale (O,) or (1,), the real value of 1.0 in the codebook."""

    codebook: Codebook
    codes: NDArray[np.uint8]
    scale: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class QuantizedGraph:
    """A simplified float graph, the type of each of its values and the codes of each of its weights."""

    graph: Graph
    types: dict[str, QType]
    weights: dict[str, QuantizedWeights]


def lower(quantized: QuantizedGraph) -> Graph:
    """The integer graph. LoweringError where an accumulator might leave int32."""
    graph, types = quantized.graph, quantized.types
    nodes = [
        _lower(node, types[node.name], [types[name] for name in node.inputs], quantized.weights.get(node.name))
        for node in graph.nodes
    ]
    return verify(Graph(graph.name, tuple(nodes), graph.output))


@singledispatch
def _lower(node: Node, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> Node:
    raise LoweringError(f"{node.name}: {node.op} has no integer form.")


def _common(node: Node, y: QType) -> dict[str, Any]:
    return {"name": node.name, "inputs": node.inputs, "shape": node.shape, "type": y}


def _weights(
    node: ops.Conv2d | ops.Dense, x: QType, y: QType, weights: QuantizedWeights | None, codes: NDArray[np.uint8]
) -> qops.Weights:
    """acc = sum level * x has the scale x.scale * w.scale * 2**-shift; bias and multiplier follow from it."""
    if weights is None:
        raise LoweringError(f"{node.name}: no codes for its weights.")
    book = weights.codebook
    acc_scale = x.scale * weights.scale * 2.0**-book.shift  # (O,) or (1,)
    levels = np.array(book.levels, np.int64)[weights.codes.reshape(len(weights.codes), -1)]
    bias = np.rint(node.bias / acc_scale) - x.zero_point * levels.sum(axis=1)
    if np.any(np.abs(bias) >= 2**31):
        raise LoweringError(
            f"{node.name}: a bias of {np.abs(node.bias).max():.3g} is beyond int32 in steps of {acc_scale.min():.3g}. "
            'Set granularity = "tensor" for this layer in the plan.'
        )
    multiplier, shift = q32_parameters(acc_scale / y.scale)
    return qops.Weights(book, codes, bias.astype(np.int32), Requant(multiplier, shift))


def _requant(scale: NDArray[np.floating] | float) -> Requant:
    return Requant(*q32_parameters(np.atleast_1d(np.asarray(scale, np.float64))))


@_lower.register
def _(node: ops.Input, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> Node:
    if node.gain is None or node.offset is None:
        return qops.Input(**_common(node, y))
    gain, offset = node.gain.astype(np.float32), node.offset.astype(np.float32)
    return qops.AffineInput(**_common(node, y), gain=gain, offset=offset)


@_lower.register
def _(node: ops.Conv2d, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> Node:
    codes = weights.codes if weights else np.zeros(0, np.uint8)
    depthwise = node.groups > 1 and node.weight.shape[3] == 1
    if depthwise:  # (O, KH, KW, 1) -> (KH*KW, O)
        rows = codes.reshape(node.shape[2], -1).T
        packed = _weights(node, inputs[0], y, weights, np.ascontiguousarray(rows))
        return qops.DwConv2d(**_common(node, y), weights=packed, window=node.window)
    packed = _weights(node, inputs[0], y, weights, codes.reshape(node.shape[2], -1))
    fields = {**_common(node, y), "weights": packed, "window": node.window, "groups": node.groups}
    if len(node.inputs) == 1:
        return qops.Conv2d(**fields)
    residual = _requant(inputs[1].scale / y.scale)
    multiplier, shift = int(residual.multiplier[0]), residual.shift
    return qops.Conv2dAdd(**fields, residual_multiplier=multiplier, residual_shift=shift)


@_lower.register
def _(node: ops.Dense, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> Node:
    codes = weights.codes if weights else np.zeros(0, np.uint8)
    return qops.Dense(**_common(node, y), weights=_weights(node, inputs[0], y, weights, codes))


@_lower.register
def _(node: ops.Add, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> Node:
    a, b = inputs
    ma, mb, shift = add_parameters(a.scale, b.scale, y.scale, a.peak, b.peak)
    return qops.Add(**_common(node, y), a_multiplier=ma, b_multiplier=mb, shift=shift)


@_lower.register
def _(node: ops.Relu, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> Node:
    return qops.Rescale(**_common(node, y), requant=_requant(inputs[0].scale / y.scale))


@_lower.register
def _(node: ops.Concat, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> Node:
    requants = tuple(_requant(x.scale / y.scale) for x in inputs)
    return qops.Concat(**_common(node, y), axis=node.axis, requants=requants)


@_lower.register
def _(node: ops.AvgPool2d, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> Node:
    size = prod(node.window.kernel)
    one_divisor = node.count_include_pad or not any(node.window.padding)
    divisors = np.array([size]) if one_divisor else np.arange(1, size + 1)
    requant = _requant(inputs[0].scale / (y.scale * divisors))
    return qops.AvgPool2d(**_common(node, y), window=node.window, requant=requant)


@_lower.register
def _(node: ops.MaxPool2d, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> Node:
    return qops.MaxPool2d(**_common(node, y), window=node.window)


@_lower.register
def _(node: ops.Pad, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> Node:
    return qops.Pad(**_common(node, y), before=node.before, after=node.after)


@_lower.register
def _(node: ops.Reshape, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> Node:
    return qops.Reshape(**_common(node, y))


@_lower.register
def _(node: ops.Softmax, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> Node:
    return qops.Softmax(**_common(node, y), table=exponentials(inputs[0].scale, 1 << inputs[0].bits))
