"""A graph with every activation in 8 bits: the same layers and weights, finer steps between them.

A type of 4 bits becomes one of 8 that holds its values exactly, k times as many steps to the same range: k = 17 for u4
(15 * 17 = 255), 16 for s4. Accumulators grow by k of the input, multipliers by k of the output over k of the input.
Layers that have 8 bits on both sides stay as they are, to the bit."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch

import numpy as np

from mixcomp_edge.errors import LoweringError
from mixcomp_edge.ir import qops
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.qops import QNode, QType, Requant
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.numerics.requant import add_parameters, q32_parameters
from mixcomp_edge.numerics.softmax import exponentials

STEPS = {"u4": 17, "s4": 16, "u8": 1, "s8": 1}


def widen(graph: Graph) -> Graph:
    """The graph itself where nothing has 4 bits. LoweringError where an accumulator would leave int32."""
    nodes = []
    for node in graph.nodes:
        assert isinstance(node, QNode)
        sources = [source.type for source in graph.sources(node) if isinstance(source, QNode)]
        wide = replace(node, type=_wide(node.type))
        same = all(_steps(type_) == 1 for type_ in (node.type, *sources))
        nodes.append(wide if same else _widen(wide, node.type, sources))
    return verify(Graph(graph.name, tuple(nodes), graph.output))


def _steps(type_: QType) -> int:
    return STEPS[type_.dtype]


def _wide(type_: QType) -> QType:
    k = _steps(type_)
    return type_ if k == 1 else QType(f"{type_.dtype[0]}8", type_.scale / k, type_.zero_point * k)


def _requant(old: Requant, x: QType, y: QType) -> Requant:
    """For the wide forms of x and y."""
    scale = old.multiplier.astype(np.float64) * 2.0 ** (old.shift - 32)
    return Requant(*q32_parameters(scale * (_steps(y) / _steps(x))))


@singledispatch
def _widen(node: QNode, y: QType, inputs: list[QType]) -> QNode:
    """node has its wide type already; y and inputs are the types as they were."""
    return node  # computes nothing but what it reads: pad, maximum, reshape


@_widen.register
def _(node: qops.Conv2d | qops.DwConv2d | qops.Dense, y: QType, inputs: list[QType]) -> QNode:
    bias = node.weights.bias.astype(np.int64) * _steps(inputs[0])
    if np.any(np.abs(bias) >= 1 << 31):
        raise LoweringError(f"{node.name}: with 8-bit activations a bias leaves int32.")
    requant = _requant(node.weights.requant, inputs[0], y)
    weights = replace(node.weights, bias=bias.astype(np.int32), requant=requant)
    if not isinstance(node, qops.Conv2dAdd):
        return replace(node, weights=weights)
    old = Requant(np.array([node.residual_multiplier], np.int32), node.residual_shift)
    residual = _requant(old, inputs[1], y)
    multiplier = int(residual.multiplier[0])
    return replace(node, weights=weights, residual_multiplier=multiplier, residual_shift=residual.shift)


@_widen.register
def _(node: qops.Add, y: QType, inputs: list[QType]) -> QNode:
    a, b = map(_wide, inputs)
    ma, mb, shift = add_parameters(a.scale, b.scale, node.type.scale, a.peak, b.peak)
    return replace(node, a_multiplier=ma, b_multiplier=mb, shift=shift)


@_widen.register
def _(node: qops.Rescale | qops.AvgPool2d, y: QType, inputs: list[QType]) -> QNode:
    return replace(node, requant=_requant(node.requant, inputs[0], y))


@_widen.register
def _(node: qops.Concat, y: QType, inputs: list[QType]) -> QNode:
    return replace(node, requants=tuple(_requant(r, x, y) for r, x in zip(node.requants, inputs, strict=True)))


@_widen.register
def _(node: qops.Softmax, y: QType, inputs: list[QType]) -> QNode:
    return replace(node, table=exponentials(_wide(inputs[0]).scale))
