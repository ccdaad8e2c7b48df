"""Every output of several has bytes of its own, so that a caller can say where each of them goes."""

from __future__ import annotations

from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.verify import home, symbol
from mixcomp_edge.operators.pad import QPad


def part_outputs(graph: Graph) -> Graph:
    """The graph with a copy, a pad by nothing, of each output that is an input, another output, or a view of one of
    these."""
    if len(graph.outputs) == 1:
        return graph
    nodes: list[Node] = list(graph.nodes)
    taken = {node.name for node in graph.inputs}
    outputs: dict[str, str] = {}
    for name, source in graph.outputs.items():
        place = home(graph, source)
        if place in taken:
            nodes.append(_copy(graph[source], {symbol(node.name) for node in nodes}))
            source = nodes[-1].name
        taken.add(place)
        outputs[name] = source
    return Graph(graph.name, tuple(nodes), outputs, graph.contract)


def _copy(source: Node, taken: set[str]) -> QPad:
    assert isinstance(source, QNode)
    name = f"{source.name[:80]}_copy"
    while symbol(name) in taken:
        name += "_"
    nothing = (0,) * len(source.shape)
    return QPad(name=name, inputs=(source.name,), shape=source.shape, type=source.type, before=nothing, after=nothing)
