"""A residual sum moves into the convolution that feeds it: one rounding less, and no buffer for the value between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.nodes import Activation
from mixcomp_edge.operators.add import Add
from mixcomp_edge.operators.conv2d import Conv2d


def fuse_add(graph: Graph) -> Graph:
    """conv(x) + r becomes a convolution with a residual input r, in the place of the sum. Exact in real arithmetic; in
    integers the value between is never rounded to a type (SPEC.md 4.12).

    The convolution must have no activation and no other reader. If both operands are such, the later one takes the
    sum. Depthwise convolutions keep it as a node of its own."""
    order = {node.name: step for step, node in enumerate(graph.nodes)}
    fused: dict[str, Conv2d] = {}  # by the name of the sum
    gone: set[str] = set()
    for add in graph.nodes:
        if not isinstance(add, Add):
            continue
        candidates = list(_absorbing(graph, add))
        if not candidates:
            continue
        conv = max(candidates, key=lambda node: order[node.name])
        (residual,) = (name for name in add.inputs if name != conv.name)
        fused[add.name] = replace(conv, inputs=(*conv.inputs, residual), activation=add.activation)
        gone.add(conv.name)
    renamed = {add: conv.name for add, conv in fused.items()}
    nodes: list[Node] = [fused.get(node.name, node) for node in graph.nodes if node.name not in gone]
    nodes = [replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs)) for node in nodes]
    return graph.with_nodes(nodes, renamed)


def _absorbing(graph: Graph, add: Add) -> Iterator[Conv2d]:
    """The operands of a sum that can take it in."""
    for node in graph.sources(add):
        if not isinstance(node, Conv2d) or (node.groups > 1 and node.weight.shape[3] == 1):
            continue
        plain = len(node.inputs) == 1 and node.activation == Activation.NONE
        if plain and graph.only_user(node) is add and len(set(add.inputs)) == 2:
            yield node
