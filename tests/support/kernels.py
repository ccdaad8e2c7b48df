"""Small networks by the kernels of a core: by default they would get portable ones, to save flash."""

from __future__ import annotations

from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.plan.kernels import candidates
from mixcomp_edge.targets import target


def preferred(graph: Graph, on: str) -> dict[str, str]:
    """Layer -> name of the kernel that stands first for the target, whatever flash it takes."""
    nodes = [n for n in graph.nodes if isinstance(n, QNode) and not (n.is_input or n.is_view or n.is_constant)]
    return {node.name: candidates(graph, node, target(on).isas)[0][0].name for node in nodes}
