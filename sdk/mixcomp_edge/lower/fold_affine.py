"""Batch norms and arithmetic with constants become part of the layers beside them, or a layer of their own."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from mixcomp_edge.ir.graph import Graph, Node, Window
from mixcomp_edge.ir.nodes import Doubles, FloatNode
from mixcomp_edge.ir.verify import symbol
from mixcomp_edge.ir.weighted import Layer
from mixcomp_edge.operators.affine import Affine
from mixcomp_edge.operators.conv2d import Conv2d
from mixcomp_edge.operators.input import Input
from mixcomp_edge.operators.reshape import Reshape

Changes = dict[str, Node]


def fold_affine(graph: Graph) -> Graph:
    """Each y[c] = gain[c] * x[c] + offset[c] goes into the layer before it, into all layers behind it, or into the way
    in which the input becomes integers:

    before: w'[o] = w[o] * gain[o],       b'[o] = b[o] * gain[o] + offset[o]        nothing else reads the layer
    behind: w'[o,i] = w[o,i] * gain[i],   b'[o] = b[o] + sum_i w[o,i] * offset[i]   no padding, or no offset: a zero
                                          of the padding is one behind the sum, not before it
    Between the two may lie poolings, pads, reshapes and ReLUs, as far as they commute with it. What fits nowhere
    becomes a depthwise 1x1 convolution, of one weight a channel. Exact in real arithmetic."""
    while True:
        pending = [node for node in graph.nodes if isinstance(node, Affine)]
        if not pending:
            return graph
        folded = (_folded(graph, affine) for affine in pending)
        graph = next((found for found in folded if found is not None), None) or _as_layer(graph, pending[0])


def _folded(graph: Graph, affine: Affine) -> Graph | None:
    """The graph less one affine node; None where it fits nowhere. One gain for all channels of the input goes into the
    layers rather than into the input: pixels stay the integers that they are. Other arithmetic there is done before the
    rounding to 8 bits, because behind it there is little left of a channel whose range is small beside another's."""
    plain = not np.any(affine.offset) and bool(np.all(affine.gain == affine.gain[0]))
    ways = [_into_layer_before, into_layers_behind, _into_input] if plain else [_into_input, into_layers_behind]
    for way in ways:
        try:
            changes = way(graph, affine, affine.gain, affine.offset)
        except StuckError:
            continue
        nodes = [changes.get(node.name, node) for node in graph.nodes]
        return graph.with_nodes(nodes).without({affine.name: affine.inputs[0]})
    return None


def _as_layer(graph: Graph, affine: Affine) -> Graph:
    """The graph with a depthwise 1x1 convolution in the place of an affine node, between reshapes to (H, W, C) and back
    where the value has another rank."""
    *positions, channels = affine.shape
    shape = (prod(positions[:-1]), *(positions[-1:] or (1,)), channels)
    layer = Conv2d(
        name=affine.name, inputs=affine.inputs, shape=shape, window=Window((1, 1)), groups=channels,
        weight=affine.gain.astype(np.float32).reshape(channels, 1, 1, 1), bias=affine.offset.astype(np.float32),
    )  # fmt: skip
    if shape == affine.shape:
        return graph.with_nodes(layer if node is affine else node for node in graph.nodes)
    before, name = (_free_name(graph, f"{affine.name}_{side}") for side in ("map", "layer"))
    new = (
        Reshape(name=before, inputs=affine.inputs, shape=shape),
        replace(layer, name=name, inputs=(before,)),
        Reshape(name=affine.name, inputs=(name,), shape=affine.shape),
    )
    return graph.with_nodes(each for node in graph.nodes for each in (new if node is affine else (node,)))


def _free_name(graph: Graph, name: str) -> str:
    """One that no node has."""
    taken = {symbol(node.name) for node in graph.nodes}
    while symbol(name) in taken:
        name += "_"
    return name


class StuckError(Exception):
    """Where a gain cannot go further."""


def _into_input(graph: Graph, node: Node, gain: Doubles, offset: Doubles) -> Changes:
    """As `_into_layer_before`, but an input of the graph counts as a layer."""
    return _into_layer_before(graph, node, gain, offset, or_input=True)


def _into_layer_before(graph: Graph, node: Node, gain: Doubles, offset: Doubles, *, or_input: bool = False) -> Changes:
    """The layer that makes the input of `node`, with gain and offset applied to what it makes."""
    source = graph[node.inputs[0]]
    if graph.only_user(source) is not node:
        raise StuckError
    if isinstance(source, Affine):
        return {source.name: replace(source, gain=source.gain * gain, offset=source.offset * gain + offset)}
    if isinstance(source, Input) and or_input:
        if source.gain is not None and source.offset is not None:
            gain, offset = source.gain * gain, source.offset * gain + offset
        return {source.name: replace(source, gain=gain, offset=offset)}
    if isinstance(source, FloatNode) and (scaled := source.scaled(gain, offset)) is not None:
        return {source.name: scaled}
    if not isinstance(source, FloatNode) or not source.commutes(gain, offset):
        raise StuckError
    shape = graph[source.inputs[0]].shape
    gain, offset = (_known(source, source.channels_before(shape, values)) for values in (gain, offset))
    return _into_layer_before(graph, source, gain, offset, or_input=or_input)


def into_layers_behind(graph: Graph, node: Node, gain: Doubles, offset: Doubles) -> Changes:
    """All layers that read the value of `node`, with gain and offset applied to what they read."""
    if node.name in graph.leaving:
        raise StuckError
    changes: Changes = {}
    for user in graph.users[node.name]:
        if isinstance(user, Layer):
            changes[user.name] = _reading(user, gain, offset)
        elif isinstance(user, FloatNode) and user.commutes(gain, offset):
            shape = graph[user.inputs[0]].shape
            onward = (_known(user, user.channels_behind(shape, values)) for values in (gain, offset))
            changes |= into_layers_behind(graph, user, *onward)
        else:
            raise StuckError
    return changes


def _reading(layer: Layer, gain: Doubles, offset: Doubles) -> Layer:
    """The layer that makes of x what `layer` makes of gain * x + offset."""
    if len(layer.inputs) > 1 or not layer.takes(offset):
        raise StuckError
    return layer.reading(gain, offset)


def _known(node: Node, values: Doubles | None) -> Doubles:
    if values is None:
        raise StuckError
    return values
