"""x[:, :, ::2, ::2] comes as two nodes, one for each axis."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

from mixcomp_edge.ir.graph import Graph, Node, Window
from mixcomp_edge.operators.maxpool2d import MaxPool2d


def merge_strides(graph: Graph) -> Graph:
    """A 1x1 max pooling behind another that nothing else reads becomes one with the product of the strides. Exact."""
    nodes: dict[str, Node] = {node.name: node for node in graph.nodes}
    gone: dict[str, str] = {}
    for node in graph.nodes:
        if not _subsamples(node):
            continue
        first = nodes[node.inputs[0]]
        if _subsamples(first) and graph.only_user(graph[first.name]) is node:
            (a, b), (c, d) = first.window.stride, node.window.stride
            nodes[node.name] = replace(node, inputs=first.inputs, window=Window((1, 1), (a * c, b * d)))
            gone[first.name] = first.inputs[0]
    return graph.with_nodes(nodes.values()).without(gone)


def _subsamples(node: Node) -> TypeGuard[MaxPool2d]:
    return isinstance(node, MaxPool2d) and node.window.kernel == (1, 1) and not any(node.window.padding)
