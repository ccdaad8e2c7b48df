"""x[..., 1::2, ::2] comes as two nodes, one for each axis."""

from __future__ import annotations

from dataclasses import replace

from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.operators.slice import Slice


def merge_slices(graph: Graph) -> Graph:
    """A slice of a slice that nothing else reads becomes one: start = start1 + start2 * step1, step = step1 * step2
    of each axis. Exact."""
    nodes: dict[str, Node] = {node.name: node for node in graph.nodes}
    gone: dict[str, str] = {}
    for node in graph.nodes:
        first = nodes[node.inputs[0]] if isinstance(node, Slice) else None
        if isinstance(node, Slice) and isinstance(first, Slice) and graph.only_user(graph[first.name]) is node:
            start = tuple(a + b * by for a, b, by in zip(first.start, node.start, first.step, strict=True))
            step = tuple(a * b for a, b in zip(first.step, node.step, strict=True))
            nodes[node.name] = replace(node, inputs=first.inputs, start=start, step=step)
            gone[first.name] = first.inputs[0]
    return graph.with_nodes(nodes.values()).without(gone)
