"""A model on a target: each node's kernel and address. What the templates print, the simulator reads and the report
counts."""

from __future__ import annotations

from dataclasses import dataclass

from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir import qops
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.plan.arena import Arena, plan_arena
from mixcomp_edge.plan.kernels import Kernel, choose
from mixcomp_edge.targets import Target


@dataclass(frozen=True, eq=False)
class Step:
    """One layer as it runs: `index` counts the nodes that compute something, which a reshape does not."""

    index: int
    node: qops.QNode
    kernel: Kernel


@dataclass(frozen=True, eq=False)
class Layout:
    """The graph with kernels chosen and memory planned."""

    graph: Graph
    target: Target
    steps: tuple[Step, ...]
    arena: Arena

    @property
    def weight_bytes(self) -> int:
        """Flash for codes, biases and multipliers."""
        return sum(_constant_bytes(step.node) for step in self.steps)


def lay_out(graph: Graph, target: Target) -> Layout:
    """Chooses kernels and plans the arena."""
    steps: list[Step] = []
    for node in graph.nodes[1:]:
        assert isinstance(node, qops.QNode)
        if not isinstance(node, qops.Reshape):
            steps.append(Step(len(steps), node, choose(graph, node, target.isas)))
    if not steps:
        raise ExportError(f"{graph.name}: the model computes nothing.")
    in_place = frozenset(step.node.name for step in steps if step.kernel.in_place)
    arena = plan_arena(graph, {step.node.name: step.kernel.scratch_bytes(graph, step.node) for step in steps}, in_place)
    return Layout(graph, target, tuple(steps), arena)


def _constant_bytes(node: qops.QNode) -> int:
    if isinstance(node, qops.WEIGHTED):
        rows, length = node.weights.codes.shape
        return rows * ((length + 1) // 2) + node.weights.bias.nbytes + node.weights.requant.multiplier.nbytes
    if isinstance(node, qops.Softmax):
        return node.table.nbytes
    if isinstance(node, qops.Rescale | qops.AvgPool2d):
        return node.requant.multiplier.nbytes
    return sum(requant.multiplier.nbytes for requant in node.requants) if isinstance(node, qops.Concat) else 0
