"""A model on a target: each node's kernel and address. What the templates print, the simulator reads and the report
counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir.c_view import View
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.verify import symbol
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.plan.arena import Arena, plan_arena
from mixcomp_edge.plan.kernels import Candidates, Kernel, candidates
from mixcomp_edge.plan.packing import Packed
from mixcomp_edge.plan.thrift import thrifty
from mixcomp_edge.targets import Target

GROWTH = (8, 7)  # an arena may grow by a seventh for layers that run faster with more scratch
ROOMY_GROWTH = (4, 3)  # and by a third for kernels that need it


@dataclass(frozen=True, eq=False)
class Step:
    """One layer as it runs: `index` counts the nodes that compute something, which a view does not. `seen`: its node as
    C sees it."""

    index: int
    node: QNode
    seen: View
    kernel: Kernel
    packed: Packed

    @property
    def constant_bytes(self) -> int:
        """Flash for its codes, biases, multipliers and tables."""
        return self.packed.nbytes + sum(array.values.nbytes for array in self.seen.constants)

    @property
    def arrays(self) -> dict[str, str]:
        """The C names of the arrays that it reads, by what its node calls them."""
        own = {a.name: f"{symbol(self.node.name)}_{a.name}" for a in (*self.packed.arrays, *self.seen.constants)}
        if isinstance(self.node, Weighted) and self.packed.table:
            own["levels"] = f"{self.packed.table}_{self.node.weights.codebook.symbol}"
        return own


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
        """Flash for codes, biases, multipliers and constants."""
        return sum(step.constant_bytes for step in self.steps) + sum(node.nbytes for node in self.constants)

    @property
    def constants(self) -> tuple[QNode, ...]:
        """The values that lie in flash."""
        return tuple(node for node in self.graph.nodes if isinstance(node, QNode) and node.is_constant)

    def live_bytes(self, step: Step) -> int:
        """RAM of the arena that holds something while a step runs: inputs, output, scratch, and what waits."""
        at = self.graph.nodes.index(step.node)
        return sum(buffer.nbytes for buffer, _ in self.arena.buffers if buffer.first <= at <= buffer.last)


def lay_out(
    graph: Graph, target: Target, kernels: Mapping[str, str] | None = None, weight_bits: int | None = None
) -> Layout:
    """Plans the arena. kernels: layer -> name of its kernel; a layer that is not there gets the one that `thrifty`
    gives it. weight_bits: of all layers, in a build to compare with, which takes the preferred kernels."""
    nodes = {node.name: node for node in graph.nodes if isinstance(node, QNode) and _runs(node)}
    if not nodes:
        raise ExportError(f"{graph.name}: the model computes nothing.")
    found = {name: candidates(graph, node, target.isas, weight_bits) for name, node in nodes.items()}
    for name, options in found.items():
        if name in (kernels or {}):
            found[name] = [_named(options, name, (kernels or {})[name])]
    preferred = {name: options[0] for name, options in found.items()}
    choices = thrifty(graph, target, found) if weight_bits is None else preferred
    seen = {name: node.c_view(_sources(graph, node), graph.contract) for name, node in nodes.items()}
    steps = [Step(index, node, seen[name], *choices[name]) for index, (name, node) in enumerate(nodes.items())]
    layout = _placed(graph, target, _within_growth(graph, target, steps, found))
    most = layout.arena.total_bytes * GROWTH[0] // GROWTH[1]
    roomier = _placed(graph, target, [_with_room(layout, step, step, most) for step in layout.steps])
    if roomier.arena.total_bytes > most:
        return layout
    most = roomier.arena.total_bytes  # in what has grown for one layer others have more room, too
    pairs = zip(layout.steps, roomier.steps, strict=True)
    filled = _placed(graph, target, [_with_room(roomier, step, now, most) for step, now in pairs])
    return filled if filled.arena.total_bytes <= most else roomier


def _sources(graph: Graph, node: QNode) -> list[QNode]:
    return [source for source in graph.sources(node) if isinstance(source, QNode)]


def _runs(node: QNode) -> bool:
    return not (node.is_input or node.is_view or node.is_constant)


def _placed(graph: Graph, target: Target, steps: list[Step]) -> Layout:
    in_place = frozenset(step.node.name for step in steps if step.kernel.in_place)
    scratch = {step.node.name: step.packed.scratch_bytes or 0 for step in steps}
    return Layout(graph, target, tuple(steps), plan_arena(graph, scratch, in_place))


def _within_growth(graph: Graph, target: Target, steps: list[Step], found: Candidates) -> list[Step]:
    """The steps, with the next best kernel in place of roomy ones by which the arena would grow too much."""
    thrifty = {step.node.name: [each for each in found[step.node.name] if not each[0].roomy] for step in steps}
    lean = [
        replace(step, kernel=others[0][0], packed=others[0][1])
        if step.kernel.roomy and (others := thrifty[step.node.name])
        else step
        for step in steps
    ]
    if lean == steps:
        return steps
    layout = _placed(graph, target, lean)
    most = layout.arena.total_bytes * ROOMY_GROWTH[0] // ROOMY_GROWTH[1]
    return [
        step
        if layout.live_bytes(less) - (less.packed.scratch_bytes or 0) + (step.packed.scratch_bytes or 0) <= most
        else less
        for step, less in zip(steps, lean, strict=True)
    ]


def _with_room(layout: Layout, step: Step, now: Step, most: int) -> Step:
    """The step with the scratch that its kernel likes best: what else lives meanwhile keeps its place. now: the same
    step in the layout."""
    if step.packed.roomier is None:
        return step
    others = layout.live_bytes(now) - (now.packed.scratch_bytes or 0)
    return replace(step, packed=step.packed.roomier(layout.arena.total_bytes - others, most - others))


def _named(options: list[tuple[Kernel, Packed]], layer: str, name: str) -> tuple[Kernel, Packed]:
    by_name = {kernel.name: (kernel, packed) for kernel, packed in options}
    if name not in by_name:
        raise ExportError(f"{layer}: the kernel {name} cannot serve it. These can: {', '.join(by_name)}.")
    return by_name[name]
