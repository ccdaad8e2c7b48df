"""Channels that share a grid brought nearer to one range, which a layer's own scales allow for nothing: after Nagel et
al., Data-Free Quantization Through Weight Equalization and Bias Correction (arXiv 1906.04721), but by what channels
hold on samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import Activation, Doubles
from mixcomp_edge.ir.weighted import Layer
from mixcomp_edge.lower.fold_affine import StuckError, into_layers_behind

POWER = 0.75  # of a channel's share of the largest range: at 1 the ranges are equal, and a reader's weights are not
LEAST = 2.0**-5  # factor of a channel, however little it holds


def equalize(graph: Graph, peaks: Mapping[str, Doubles]) -> Graph:
    """What each layer makes is divided, channel by channel, and multiplied again in all layers that read it, with
    poolings and reshapes between them. Exact in real arithmetic; peaks (C,): the largest magnitudes of what nodes make.
    A layer stays as it is where something else reads it, or where a factor does not commute with its activation."""
    for name, peak in peaks.items():
        layer = graph[name]
        if not isinstance(layer, Layer) or len(layer.inputs) > 1 or layer.feeds_back:
            continue
        if not np.any(peak > 0) or not np.all(np.isfinite(peak)):
            continue
        if layer.activation not in (Activation.NONE, Activation.RELU):
            continue
        factor = np.where(peak > 0, np.maximum((peak / peak.max()) ** POWER, LEAST), 1.0)
        try:
            changes = into_layers_behind(graph, layer, factor, np.zeros_like(factor))
        except StuckError:
            continue
        weight = layer.weight / factor.reshape(-1, *[1] * (layer.weight.ndim - 1))
        bias = layer.bias / factor
        changes[name] = replace(layer, weight=weight.astype(np.float32), bias=bias.astype(np.float32))
        graph = graph.with_nodes(changes.get(node.name, node) for node in graph.nodes)
    return graph
