"""What is a function of one value is one node, however many it was written as: x * sigmoid(x), arithmetic before and
behind it, a comparison and the choice it makes."""

from __future__ import annotations

from dataclasses import dataclass

from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.nodes import Activated, FloatNode
from mixcomp_edge.ir.weighted import Layer
from mixcomp_edge.lower.part_choices import part_choice
from mixcomp_edge.numerics.functions import Formula, guarded, joined
from mixcomp_edge.operators.affine import Affine
from mixcomp_edge.operators.lookup import Lookup
from mixcomp_edge.operators.rescale import Relu


def join_functions(graph: Graph) -> Graph:
    """Nodes that are made of one value alone, element by element, with nothing between them that is read elsewhere,
    become one lookup if one of them is. Exact in real arithmetic; in integers it is rounded once. A ReLU stays with the
    layer before it; a function of values that are made apart is parted."""
    order = {node.name: step for step, node in enumerate(graph.nodes)}
    made: dict[str, list[Node]] = {}
    gone: set[str] = set()
    for node in reversed(graph.nodes):
        if node.name in gone or not _is_pointwise(graph, node):
            continue
        cone = _cone(graph, node, order)
        if cone is None:
            if isinstance(node, Lookup):
                made[node.name] = part_choice(graph, node)
        elif cone.worth:
            function = guarded(cone.formula(graph, order))
            made[node.name] = [Lookup(name=node.name, inputs=(cone.root,), shape=node.shape, function=function)]
            gone |= cone.members - {node.name}
    return graph.with_nodes(
        part for node in graph.nodes if node.name not in gone for part in made.get(node.name, [node])
    )


@dataclass(frozen=True)
class _Cone:
    """`members` are made of the value `root` alone; `top`, one of them, is the only one that others read. worth: as
    `_is_worth` says."""

    top: str
    root: str
    members: frozenset[str]
    worth: bool

    def formula(self, graph: Graph, order: dict[str, int]) -> Formula:
        """The top as a function of the root."""
        made: dict[str, Formula] = {self.root: ()}
        for name in sorted(self.members, key=order.__getitem__):
            made[name] = joined(_formula(graph[name]), [made[source] for source in graph[name].inputs])
        return made[self.top]


def _cone(graph: Graph, top: Node, order: dict[str, int]) -> _Cone | None:
    """The largest one below `top`; None where it is made of several values."""
    members, outside = {top.name}, set(top.inputs)
    found = None
    while True:
        if len(outside) == 1:
            (root,) = outside
            worth = _is_worth(graph, top, [graph[name] for name in members])
            found = _Cone(top.name, root, frozenset(members), worth)
        latest = graph[max(outside, key=order.__getitem__)]
        inside = all(user.name in members for user in graph.users[latest.name]) and latest.name not in graph.leaving
        if not inside or not _is_pointwise(graph, latest) or (found and _stays(graph, latest)):
            return found
        members.add(latest.name)
        outside = (outside - {latest.name}) | set(latest.inputs)


def _is_worth(graph: Graph, top: Node, members: list[Node]) -> bool:
    """Whether a table takes the place of more than itself: of one, of what parted and meets again, or of arithmetic
    behind a ReLU that no layer takes in."""
    if any(isinstance(node, Lookup) for node in members):
        return True
    parted = any(len(node.inputs) > 1 for node in members)
    behind = isinstance(top, Affine) and any(isinstance(node, Relu) for node in members)
    return len(members) > 1 and (parted or (behind and not all(isinstance(u, Layer) for u in graph.users[top.name])))


def _stays(graph: Graph, node: Node) -> bool:
    """Whether it becomes part of the layer before it."""
    source = graph[node.inputs[0]]
    return isinstance(node, Relu) and isinstance(source, Activated) and graph.only_user(source) is node


def _is_pointwise(graph: Graph, node: Node) -> bool:
    same = all(source.shape == node.shape for source in graph.sources(node))
    return isinstance(node, FloatNode) and node.formula is not None and same


def _formula(node: Node) -> Formula:
    assert isinstance(node, FloatNode)
    return node.formula or ()
