"""conv -> batchnorm, dense -> batchnorm: one layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.ir import ops
from mixcomp_edge.ir.graph import Graph, Node


def fold_batchnorm(graph: Graph) -> Graph:
    """w'[o] = w[o]*g[o],  b'[o] = (b[o] - mean[o])*g[o] + beta[o],  g = gamma / sqrt(variance + eps). Exact in real
    arithmetic. A batch norm behind anything else, or behind a layer that is also read elsewhere, is refused."""
    folded: dict[str, Node] = {}
    gone: dict[str, str] = {}
    for node in graph.nodes:
        if not isinstance(node, ops.BatchNorm):
            continue
        layer = graph[node.inputs[0]]
        if not isinstance(layer, ops.Conv2d | ops.Dense) or graph.only_user(layer) is not node:
            raise UnsupportedError(
                f"{node.name}: a batch norm must follow a convolution or linear layer that nothing else reads; "
                f"it follows '{layer.name}' ({layer.op}). Move it behind the layer it normalises."
            )
        gain = node.gamma.astype(np.float64) / np.sqrt(node.variance.astype(np.float64) + node.eps)
        weight = layer.weight * gain.reshape(-1, *[1] * (layer.weight.ndim - 1))
        bias = (layer.bias - node.mean) * gain + node.beta
        folded[layer.name] = replace(layer, weight=weight.astype(np.float32), bias=bias.astype(np.float32))
        gone[node.name] = layer.name
    return graph.with_nodes(folded.get(node.name, node) for node in graph.nodes).without(gone)
