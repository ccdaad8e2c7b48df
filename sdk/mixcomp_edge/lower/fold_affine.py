"""Batch norms and arithmetic with constants become part of the layers beside them."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.ir import ops
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.ops import Activation, Doubles

Layer = ops.Conv2d | ops.Dense
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
        pending = [node for node in graph.nodes if isinstance(node, ops.Affine)]
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


def _fold_one(graph: Graph, affine: ops.Affine) -> Graph:
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
    """As `_into_layer_before`, but the graph's input counts as a layer."""
    return _into_layer_before(graph, node, gain, offset, or_input=True)


def _into_layer_before(graph: Graph, node: Node, gain: Doubles, offset: Doubles, *, or_input: bool = False) -> Changes:
    """The layer that makes the input of `node`, with gain and offset applied to what it makes."""
    source = graph[node.inputs[0]]
    if graph.only_user(source) is not node:
        raise _StuckError(f"'{source.name}' ({source.op}) is also read elsewhere")
    if isinstance(source, ops.Affine):
        return {source.name: replace(source, gain=source.gain * gain, offset=source.offset * gain + offset)}
    if isinstance(source, ops.Input) and or_input:
        if source.gain is not None and source.offset is not None:
            gain, offset = source.gain * gain, source.offset * gain + offset
        return {source.name: replace(source, gain=gain, offset=offset)}
    if isinstance(source, Layer):
        if len(source.inputs) > 1 or source.activation is not Activation.NONE:
            raise _StuckError(f"'{source.name}' ({source.op}) does more than a sum of products")
        weight = source.weight * gain.reshape(-1, *[1] * (source.weight.ndim - 1))
        bias = source.bias * gain + offset
        return {source.name: replace(source, weight=weight.astype(np.float32), bias=bias.astype(np.float32))}
    if not _commutes(source, gain, offset):
        raise _StuckError(f"'{source.name}' ({source.op}) is in the way")
    if isinstance(source, ops.Reshape):
        channels = graph[source.inputs[0]].shape[-1]
        gain, offset = _one_number(source, gain, channels), _one_number(source, offset, channels)
    return _into_layer_before(graph, source, gain, offset, or_input=or_input)


def _into_layers_behind(graph: Graph, node: Node, gain: Doubles, offset: Doubles) -> Changes:
    """All layers that read the value of `node`, with gain and offset applied to what they read."""
    if node.name == graph.output:
        raise _StuckError("the model ends")
    changes: Changes = {}
    for user in graph.users[node.name]:
        if isinstance(user, Layer):
            changes[user.name] = _reading(user, gain, offset)
        elif not isinstance(user, ops.Affine) and _commutes(user, gain, offset):
            onward = (_through(user, graph[user.inputs[0]], g) for g in (gain, offset))
            changes |= _into_layers_behind(graph, user, *onward)
        else:
            raise _StuckError(f"'{user.name}' ({user.op}) is in the way")
    return changes


def _reading(layer: Layer, gain: Doubles, offset: Doubles) -> Layer:
    """The layer that makes of x what `layer` makes of gain * x + offset."""
    if len(layer.inputs) > 1:
        raise _StuckError(f"'{layer.name}' ({layer.op}) does more than a sum of products")
    if isinstance(layer, ops.Dense):
        positions = layer.weight.shape[1] // len(gain)  # it may read a map, channels last
        per_weight, shift = np.tile(gain, positions), np.tile(offset, positions)
    else:
        if any(layer.window.padding) and np.any(offset):
            raise _StuckError(f"'{layer.name}' (conv2d) pads with zeros, which would have to be other numbers")
        groups, out = layer.groups, len(layer.weight)  # output o reads the inputs of group o // (out / groups)
        per_weight, shift = (
            np.repeat(v.reshape(groups, -1), out // groups, axis=0)[:, None, None, :] for v in (gain, offset)
        )
    bias = layer.bias + (layer.weight * shift).reshape(len(layer.weight), -1).sum(axis=1)
    return replace(layer, weight=(layer.weight * per_weight).astype(np.float32), bias=bias.astype(np.float32))


def _commutes(node: Node, gain: Doubles, offset: Doubles) -> bool:
    """Whether node(gain * x + offset) = gain * node(x) + offset."""
    match node:
        case ops.Relu():
            return node.activation is Activation.RELU and bool(np.all(gain > 0)) and not np.any(offset)
        case ops.MaxPool2d():
            return bool(np.all(gain > 0))
        case ops.AvgPool2d():
            return not np.any(offset) or not any(node.window.padding) or not node.count_include_pad
        case ops.Pad():
            return not np.any(offset) and not node.before[-1] and not node.after[-1]
        case ops.Reshape():
            return True
    return False


def _through(node: Node, source: Node, values: Doubles) -> Doubles:
    """Values of each channel of `source`, as those of `node`, which reads it."""
    if not isinstance(node, ops.Reshape):
        return values
    if len(node.shape) > 1:
        return _one_number(node, values, node.shape[-1])
    positions = prod(source.shape[:-1])
    return np.repeat(values, positions) if node.channels_first else np.tile(values, positions)


def _one_number(reshape: Node, values: Doubles, channels: int) -> Doubles:
    """Values of each channel on one side of a reshape, as those of the other side's channels."""
    if len(values) == channels:
        return values
    if np.any(values != values[0]):
        raise _StuckError(f"'{reshape.name}' (reshape) mixes the channels")
    return np.full(channels, values[0])
