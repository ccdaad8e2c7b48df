"""The last step before the bundle: float nodes with known types and codes become integer nodes, each by its `lower`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mixcomp_edge.ir.graph import Q32, Graph
from mixcomp_edge.ir.nodes import FloatNode
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower.part_outputs import part_outputs


@dataclass(frozen=True, eq=False)
class QuantizedGraph:
    """A simplified float graph, the type of each of its values and the codes of each of its weights."""

    graph: Graph
    types: dict[str, QType]
    weights: dict[str, QuantizedWeights]


def lower(quantized: QuantizedGraph, contract: str = Q32) -> Graph:
    """The integer graph. LoweringError where an accumulator might leave int32, or the contract lacks an operator."""
    graph, types = quantized.graph, quantized.types
    nodes = []
    for node in graph.nodes:
        assert isinstance(node, FloatNode)
        inputs = [types[name] for name in node.inputs]
        nodes.append(node.lower(types[node.name], inputs, quantized.weights.get(node.name)))
    return verify(replace(part_outputs(graph.with_nodes(nodes)), contract=contract))
