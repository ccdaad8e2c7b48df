"""Batch norms and arithmetic with constants become part of the layers beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.nodes import Activation, Doubles, FloatNode
from mixcomp_edge.ir.weighted import Layer
from mixcomp_edge.operators.affine import Affine
from mixcomp_edge.operators.input import Input

Changes = dict[str, Node]


def fold_affine(graph: Graph) -> Graph:
    """Each y[c] = gain[c] * x[c] + offset[c] goes into the layer before it, into all layers behind it, or into the way
    in which the input becomes integers:

    before: w'[o] = w[o] * gain[o],       b'[o] = b[o] * gain[o] + offset[o]        nothing else reads the layer
    behind: w'[o,i] = w[o,i] * gain[i],   b'[o] = b[o] + sum_i w[o,i] * offset[i]   no padding, or no offset: a zero
                                          of the padding is one behind the sum, not before it
    Between the two may lie poolings, pads, reshapes and ReLUs, as far as they commute with it. Exact in real
    arithmetic; what fits nowhere is refused."""
    while True:
        pending = [node for node in graph.nodes if isinstance(node, Affine)]
        if not pending:
            return graph
        reasons: list[str] = []
        for affine in pending:
            try:
                graph = _fold_one(graph, affine)
                break
            except UnsupportedError as error:
                reasons.append(str(error))
        else:
            raise UnsupportedError(reasons[0])


def _fold_one(graph: Graph, affine: Affine) -> Graph:
    """The graph less one affine node. One gain for all channels of the input goes into the layers rather than into the
    input: pixels stay the integers that they are. Other arithmetic there is done before the rounding to 8 bits, because
    behind it there is little left of a channel whose range is small beside another's."""
    plain = not np.any(affine.offset) and bool(np.all(affine.gain == affine.gain[0]))
    ways = [_into_layer_before, _into_layers_behind, _into_input] if plain else [_into_input, _into_layers_behind]
    reasons: list[str] = []
    for way in ways:
        try:
            changes = way(graph, affine, affine.gain, affine.offset)
        except _StuckError as stuck:
            reasons.append(str(stuck))
            continue
        nodes = [changes.get(node.name, node) for node in graph.nodes]
        return graph.with_nodes(nodes).without({affine.name: affine.inputs[0]})
    raise UnsupportedError(
        f"{affine.name}: a batch norm, or arithmetic with constants, must join the convolution or linear layer before "
        f"it, or all those behind it. Before it, {reasons[0]}; behind it, {reasons[1]}. Move it next to a layer."
    )


class _StuckError(Exception):
    """Why an affine node cannot go further."""


def _into_input(graph: Graph, node: Node, gain: Doubles, offset: Doubles) -> Changes:
    """As `_into_layer_before`, but an input of the graph counts as a layer."""
    return _into_layer_before(graph, node, gain, offset, or_input=True)


def _into_layer_before(graph: Graph, node: Node, gain: Doubles, offset: Doubles, *, or_input: bool = False) -> Changes:
    """The layer that makes the input of `node`, with gain and offset applied to what it makes."""
    source = graph[node.inputs[0]]
    if graph.only_user(source) is not node:
        raise _StuckError(f"'{source.name}' ({source.op}) is also read elsewhere")
    if isinstance(source, Affine):
        return {source.name: replace(source, gain=source.gain * gain, offset=source.offset * gain + offset)}
    if isinstance(source, Input) and or_input:
        if source.gain is not None and source.offset is not None:
            gain, offset = source.gain * gain, source.offset * gain + offset
        return {source.name: replace(source, gain=gain, offset=offset)}
    if isinstance(source, Layer):
        if len(source.inputs) > 1 or source.activation is not Activation.NONE:
            raise _StuckError(f"'{source.name}' ({source.op}) does more than a sum of products")
        weight = source.weight * gain.reshape(-1, *[1] * (source.weight.ndim - 1))
        bias = source.bias * gain + offset
        return {source.name: replace(source, weight=weight.astype(np.float32), bias=bias.astype(np.float32))}
    if not isinstance(source, FloatNode) or not source.commutes(gain, offset):
        raise _StuckError(f"'{source.name}' ({source.op}) is in the way")
    shape = graph[source.inputs[0]].shape
    gain, offset = (_known(source, source.channels_before(shape, values)) for values in (gain, offset))
    return _into_layer_before(graph, source, gain, offset, or_input=or_input)


def _into_layers_behind(graph: Graph, node: Node, gain: Doubles, offset: Doubles) -> Changes:
    """All layers that read the value of `node`, with gain and offset applied to what they read."""
    if node.name in graph.leaving:
        raise _StuckError("the model ends")
    changes: Changes = {}
    for user in graph.users[node.name]:
        if isinstance(user, Layer):
            changes[user.name] = _reading(user, gain, offset)
        elif isinstance(user, FloatNode) and user.commutes(gain, offset):
            shape = graph[user.inputs[0]].shape
            onward = (_known(user, user.channels_behind(shape, values)) for values in (gain, offset))
            changes |= _into_layers_behind(graph, user, *onward)
        else:
            raise _StuckError(f"'{user.name}' ({user.op}) is in the way")
    return changes


def _reading(layer: Layer, gain: Doubles, offset: Doubles) -> Layer:
    """The layer that makes of x what `layer` makes of gain * x + offset."""
    if len(layer.inputs) > 1:
        raise _StuckError(f"'{layer.name}' ({layer.op}) does more than a sum of products")
    if (obstacle := layer.obstacle(offset)) is not None:
        raise _StuckError(f"'{layer.name}' ({layer.op}) {obstacle}")
    return layer.reading(gain, offset)


def _known(node: Node, values: Doubles | None) -> Doubles:
    if values is None:
        raise _StuckError(f"'{node.name}' ({node.op}) mixes the channels")
    return values
