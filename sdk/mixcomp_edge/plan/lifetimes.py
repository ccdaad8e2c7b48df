"""When each buffer is alive: from the node that writes it to the last node that reads it."""

from __future__ import annotations

from dataclasses import dataclass

from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.nodes import QNode


@dataclass(frozen=True)
class Buffer:
    """Bytes that one or several values occupy, from step `first` to step `last` inclusive.

    Steps number the nodes; scratch lives in one step only. `values` share the bytes: a reshape and what it reads, or
    an operation done in place."""

    name: str
    nbytes: int
    first: int
    last: int
    values: tuple[str, ...]

    def overlaps(self, other: Buffer) -> bool:
        """Whether both are alive at some step."""
        return self.first <= other.last and other.first <= self.last


def lifetimes(graph: Graph, scratch_bytes: dict[str, int], in_place: frozenset[str] | None = None) -> list[Buffer]:
    """Buffers of every value of the graph but constants, inputs and outputs included, and of each node's scratch.

    Inputs are alive from step 0, outputs to the last step. in_place: the nodes whose kernels may write over an
    input; all whose operator allows it when None."""
    steps = {node.name: step for step, node in enumerate(graph.nodes)}
    last_read = {
        name: max((steps[user.name] for user in users), default=steps[name]) for name, users in graph.users.items()
    }
    last_read |= dict.fromkeys(graph.leaving, len(graph.nodes) - 1)
    steps |= {node.name: 0 for node in graph.inputs}

    home: dict[str, str] = {}  # value -> the value whose buffer it lives in
    for node in graph.nodes:
        allowed = in_place is None or node.name in in_place
        source = _shared_input(graph, node, home, last_read, steps, allowed)
        home[node.name] = home[source] if source else node.name

    groups: dict[str, list[QNode]] = {}
    for node in graph.nodes:
        assert isinstance(node, QNode)
        if not _is_constant(graph[home[node.name]]):
            groups.setdefault(home[node.name], []).append(node)
    buffers = [
        Buffer(
            name=owner,
            nbytes=max(node.nbytes for node in nodes),
            first=steps[owner],
            last=max(last_read[node.name] for node in nodes),
            values=tuple(node.name for node in nodes),
        )
        for owner, nodes in groups.items()
    ]
    buffers += [
        Buffer(f"{name} scratch", nbytes, steps[name], steps[name], ())
        for name, nbytes in scratch_bytes.items()
        if nbytes
    ]
    return buffers


def _shared_input(
    graph: Graph, node: Node, home: dict[str, str], last_read: dict[str, int], steps: dict[str, int],
    in_place: bool,
) -> str | None:  # fmt: skip
    """The input in whose buffer the node's value may lie, if any."""
    assert isinstance(node, QNode)
    if node.is_view:
        return node.inputs[0]
    first, last = node.in_place
    others = node.inputs[:first] + node.inputs[last:]
    for name in node.inputs[first:last] if in_place else ():
        source = graph[name]
        assert isinstance(source, QNode)
        sharing = [other for other, owner in home.items() if owner == home[name]]
        dies_here = all(o not in graph.leaving and last_read[o] <= steps[node.name] for o in sharing)
        # A convolution whose residual is also its input would overwrite pixels that its next windows read.
        read_at_random = home[name] in (home[other] for other in others)
        same_size = (source.elements, source.type.bits) == (node.elements, node.type.bits)
        if dies_here and same_size and not read_at_random and not _is_kept(graph[home[name]]):
            return name
    return None


def _is_kept(node: Node) -> bool:
    """The caller's inputs and what lies in flash are never written."""
    return node.is_input or _is_constant(node)


def _is_constant(node: Node) -> bool:
    return isinstance(node, QNode) and node.is_constant
