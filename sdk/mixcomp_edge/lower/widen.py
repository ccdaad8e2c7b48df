"""A graph with every activation in 8 bits: the same layers and weights, finer steps between them.

A type of 4 bits becomes one of 8 that holds its values exactly, k times as many steps to the same range: k = 17 for u4
(15 * 17 = 255), 16 for s4. Accumulators grow by k of the input, multipliers by k of the output over k of the input.
Layers that have 8 bits on both sides stay as they are, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.numerics.packing import pack_elements, unpack_elements


def widen(graph: Graph) -> Graph:
    """The graph itself where nothing has 4 bits. LoweringError where an accumulator would leave int32."""
    nodes = []
    for node in graph.nodes:
        assert isinstance(node, QNode)
        sources = [source.type for source in graph.sources(node) if isinstance(source, QNode)]
        wide = replace(node, type=node.type.wide)
        same = all(type_.finer == 1 for type_ in (node.type, *sources))
        nodes.append(wide if same else wide.widen(node.type, sources))
    kept = tuple(replace(kept, start=_widened(graph[kept.input], kept.start)) for kept in graph.kept)
    return verify(replace(graph.with_nodes(nodes), kept=kept))


def _widened(node: Node, start: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What is kept of a node's value before the first run."""
    assert isinstance(node, QNode)
    type_ = node.type
    if type_.finer == 1:
        return start
    values = unpack_elements(start.tobytes(), node.elements, type_.bits, signed=type_.signed) * type_.finer
    return np.frombuffer(pack_elements(values, 8), np.uint8)
