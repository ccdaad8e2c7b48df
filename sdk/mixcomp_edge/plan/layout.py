"""A model on a target: each node's kernel and address. What the templates print, the simulator reads and the report
counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir import qops
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.plan.arena import Arena, plan_arena
from mixcomp_edge.plan.kernels import Kernel, candidates
from mixcomp_edge.plan.packing import Packed
from mixcomp_edge.targets import Target


@dataclass(frozen=True, eq=False)
class Step:
    """One layer as it runs: `index` counts the nodes that compute something, which a reshape does not."""

    index: int
    node: qops.QNode
    kernel: Kernel
    packed: Packed

    @property
    def constant_bytes(self) -> int:
        """Flash for its codes, biases, multipliers and tables."""
        node = self.node
        if isinstance(node, qops.WEIGHTED):
            return self.packed.nbytes + node.weights.requant.multiplier.nbytes
        if isinstance(node, qops.Softmax):
            return node.table.nbytes
        if isinstance(node, qops.Rescale | qops.AvgPool2d):
            return node.requant.multiplier.nbytes
        return sum(requant.multiplier.nbytes for requant in node.requants) if isinstance(node, qops.Concat) else 0


@dataclass(frozen=True, eq=False)
class Layout:
    """The graph with kernels chosen and memory planned."""

    graph: Graph
    target: Target
    steps: tuple[Step, ...]
    arena: Arena

    @property
    def kernels(self) -> dict[str, str]:
        """Layer -> name of its kernel."""
        return {step.node.name: step.kernel.name for step in self.steps}

    @property
    def weight_bytes(self) -> int:
        """Flash for codes, biases and multipliers."""
        return sum(step.constant_bytes for step in self.steps)

    def live_bytes(self, step: Step) -> int:
        """RAM of the arena that holds something while a step runs: inputs, output, scratch, and what waits."""
        at = self.graph.nodes.index(step.node)
        return sum(buffer.nbytes for buffer, _ in self.arena.buffers if buffer.first <= at <= buffer.last)


def lay_out(graph: Graph, target: Target, kernels: Mapping[str, str] | None = None, weight_bits: int = 4) -> Layout:
    """Plans the arena. kernels: layer -> name of its kernel; a layer that is not there gets its preferred one.
    weight_bits: 4, or 8 for a build to compare with."""
    steps: list[Step] = []
    for node in graph.nodes[1:]:
        assert isinstance(node, qops.QNode)
        if not isinstance(node, qops.Reshape):
            found = candidates(graph, node, target.isas, weight_bits)
            kernel, packed = _pick(found, node, (kernels or {}).get(node.name))
            steps.append(Step(len(steps), node, kernel, packed))
    if not steps:
        raise ExportError(f"{graph.name}: the model computes nothing.")
    in_place = frozenset(step.node.name for step in steps if step.kernel.in_place)
    arena = plan_arena(graph, {step.node.name: step.packed.scratch_bytes or 0 for step in steps}, in_place)
    return Layout(graph, target, tuple(steps), arena)


def _pick(found: list[tuple[Kernel, Packed]], node: qops.QNode, name: str | None) -> tuple[Kernel, Packed]:
    if name is None:
        return found[0]
    by_name = {kernel.name: (kernel, packed) for kernel, packed in found}
    if name not in by_name:
        raise ExportError(f"{node.name}: the kernel {name} cannot serve it. These can: {', '.join(by_name)}.")
    return by_name[name]
