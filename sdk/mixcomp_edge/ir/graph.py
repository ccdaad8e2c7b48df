"""The graph that every stage reads and writes: nodes in execution order, each making one value of its own name.

The same container holds the float graph, as it comes out of PyTorch, and the integer graph, as it runs on the chip;
their nodes are the classes of operators/. Graphs and nodes are frozen: a pass returns a new graph and leaves the old
one alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError

Shape = tuple[int, ...]  # (F,), (W, C), (H, W, C) or (D, H, W, C): channels last, no batch
OUTPUT = "output"  # what a lone output is called
Q32, TFLM = CONTRACTS = ("q32", "tflm")  # how integers are rounded, SPEC.md 3


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """One operation. `inputs` names the nodes whose values it reads, `shape` is the shape of its own value."""

    op: ClassVar[str]  # the operation's name, as in SPEC.md 4
    keeps_type: ClassVar[bool] = False  # its value has the type, scale and zero point of what it reads
    is_input: ClassVar[bool] = False  # its value is the caller's

    name: str
    inputs: tuple[str, ...]
    shape: Shape

    @property
    def arity(self) -> int | None:
        """How many values it reads; None: one or more."""
        return 1

    def output_shape(self, shapes: list[Shape]) -> Shape:
        """The shape that its inputs' shapes imply; GraphError where they do not fit it."""
        return shapes[0] if shapes else self.shape


@dataclass(frozen=True, eq=False)
class Kept:
    """What one run keeps for the next: an output whose value becomes that of an input. `start`: its bytes before the
    first run."""

    input: str
    output: str
    start: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Graph:
    """The inputs are the first nodes, in the caller's order. `outputs` maps the name of each value that leaves the
    graph to the node that makes it, in the caller's order; a lone one is called `output` and may be given by its node
    alone. `contract`: by which an integer graph rounds. `kept`: of a step, what it keeps for the next one."""

    name: str
    nodes: tuple[Node, ...]
    outputs: Mapping[str, str]
    contract: str = Q32
    kept: tuple[Kept, ...] = ()

    if TYPE_CHECKING:  # what it may be made from

        def __init__(
            self, name: str, nodes: tuple[Node, ...], outputs: Mapping[str, str] | str, contract: str = Q32,
            kept: tuple[Kept, ...] = (),
        ) -> None: ...  # fmt: skip

    def __post_init__(self) -> None:
        given: Any = self.outputs
        object.__setattr__(self, "outputs", {OUTPUT: given} if isinstance(given, str) else dict(given))

    @property
    def inputs(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.is_input)

    @cached_property
    def kept_inputs(self) -> frozenset[str]:
        """The inputs that are no longer the caller's: an earlier run gave them."""
        return frozenset(kept.input for kept in self.kept)

    @cached_property
    def kept_outputs(self) -> frozenset[str]:
        """The names of the outputs that are for the next run."""
        return frozenset(kept.output for kept in self.kept)

    @property
    def has_one_of_each(self) -> bool:
        """One input and one output."""
        return len(self.inputs) == len(self.outputs) == 1

    @property
    def output(self) -> str:
        """The node of the only output, for what knows but one. GraphError where there are others."""
        if len(self.outputs) != 1:
            raise GraphError(
                f"{self.name}: has {len(self.outputs)} outputs, {', '.join(self.outputs)}; one is expected."
            )
        return next(iter(self.outputs.values()))

    @cached_property
    def leaving(self) -> frozenset[str]:
        """The nodes whose values leave the graph."""
        return frozenset(self.outputs.values())

    @cached_property
    def by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def users(self) -> dict[str, tuple[Node, ...]]:
        """Nodes that read each value."""
        readers: dict[str, list[Node]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for source in dict.fromkeys(node.inputs):
                readers[source].append(node)
        return {name: tuple(nodes) for name, nodes in readers.items()}

    def __getitem__(self, name: str) -> Node:
        if name not in self.by_name:
            raise GraphError(f"{self.name}: there is no node '{name}'.")
        return self.by_name[name]

    def sources(self, node: Node) -> tuple[Node, ...]:
        """The nodes that node reads."""
        return tuple(self[name] for name in node.inputs)

    def only_user(self, node: Node) -> Node | None:
        """The one node that reads node's value; None when there are others or the value leaves the graph."""
        users = self.users[node.name]
        return users[0] if len(users) == 1 and node.name not in self.leaving else None

    def with_nodes(self, nodes: Iterable[Node], moved: Mapping[str, str] | None = None) -> Graph:
        """The graph of these nodes. moved: a node whose value left the graph -> the one that makes it now."""
        outputs = {name: (moved or {}).get(node, node) for name, node in self.outputs.items()}
        return Graph(self.name, tuple(nodes), outputs, self.contract, self.kept)

    def without(self, gone: dict[str, str]) -> Graph:
        """The graph less the nodes that are keys of `gone`; who read one of them reads its value instead."""

        def resolve(name: str) -> str:
            while name in gone:
                name = gone[name]
            return name

        kept = [
            replace(node, inputs=tuple(resolve(name) for name in node.inputs))
            for node in self.nodes
            if node.name not in gone
        ]
        return self.with_nodes(kept, {name: resolve(name) for name in gone})

    def without_unread(self) -> Graph:
        """The graph less the nodes whose value never reaches an output. The inputs stay."""
        needed = {*self.leaving, *(node.name for node in self.inputs)}
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.inputs)
        return self.with_nodes(node for node in self.nodes if node.name in needed)


@dataclass(frozen=True)
class Window:
    """A sliding window over (H, W). Each pair is (vertical, horizontal)."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Windows that fit, per axis; 0 or less when none does."""
        top, left, bottom, right = self.padding
        (kh, kw), (sh, sw), (dh, dw) = self.kernel, self.stride, self.dilation
        return (
            (height + top + bottom - dh * (kh - 1) - 1) // sh + 1,
            (width + left + right - dw * (kw - 1) - 1) // sw + 1,
        )
