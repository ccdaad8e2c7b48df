"""What goes into an integer graph and what comes out: each value with its names in C (SPEC.md 7), and all of a side as
bytes, one behind the other, as they go to and from whatever runs the C."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.interp import Values
from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.ir.verify import end_symbol
from mixcomp_edge.numerics.packing import pack_elements, unpack_elements


@dataclass(frozen=True)
class End:
    """An input or an output. The only one of its side is `input` or `output` in C, and `in` or `out` as a parameter;
    among several the name follows. `kept`: the input whose value it has in the next run, or had in the last one."""

    side: str
    name: str
    node: QNode
    lone: bool
    kept: str = ""

    @property
    def word(self) -> str:
        """What stands behind mce_<model>_, and in capitals behind MCE_<MODEL>_."""
        if self.kept:
            return f"state_{end_symbol('state', self.kept)}"
        return self.side if self.lone else f"{self.side}_{end_symbol(self.side, self.name)}"

    @property
    def member(self) -> str:
        """Of mce_<model>_state, where it is kept."""
        return self.word.removeprefix("state_")

    @property
    def parameter(self) -> str:
        """Of mce_<model>_run."""
        if self.kept:
            return self.word if self.side == "input" else self.word.replace("state", "next", 1)
        return self.word.removesuffix("put") if self.lone else self.word.replace("put", "", 1)

    @property
    def title(self) -> str:
        return self.side if self.lone else f"{'state' if self.kept else self.side} {self.name}"

    def real(self, values: Value) -> NDArray[np.float32]:
        """The integers (N, *shape) as real numbers (N, C, ...), channels first as in PyTorch."""
        return np.moveaxis(self.node.type.dequantize(values), -1, 1).astype(np.float32)


def inputs(graph: Graph) -> tuple[End, ...]:
    nodes = {node.name: node for node in graph.inputs if isinstance(node, QNode)}
    return _ends("input", nodes, {kept.input: kept.input for kept in graph.kept})


def outputs(graph: Graph) -> tuple[End, ...]:
    found = {name: graph[node] for name, node in graph.outputs.items()}
    nodes = {name: node for name, node in found.items() if isinstance(node, QNode)}
    return _ends("output", nodes, {kept.output: kept.input for kept in graph.kept})


def callers(ends: tuple[End, ...]) -> tuple[End, ...]:
    """Those that no run keeps for the next."""
    return tuple(end for end in ends if not end.kept)


def _ends(side: str, nodes: dict[str, QNode], kept: dict[str, str]) -> tuple[End, ...]:
    lone = len(nodes) - len(kept) == 1
    return tuple(End(side, name, node, lone and name not in kept, kept.get(name, "")) for name, node in nodes.items())


def nbytes(ends: tuple[End, ...]) -> int:
    return sum(end.node.nbytes for end in ends)


def pack(ends: tuple[End, ...], values: Values) -> bytes:
    """The bytes of one sample: values (*shape) of each end."""
    return b"".join(pack_elements(value, end.node.type.bits) for end, value in zip(ends, values, strict=True))


def parts(ends: tuple[End, ...], data: bytes) -> tuple[bytes, ...]:
    """The bytes of each end, out of those of a sample."""
    cuts = accumulate((end.node.nbytes for end in ends), initial=0)
    return tuple(data[a:b] for a, b in pairwise(cuts))


def unpack(ends: tuple[End, ...], data: bytes) -> Values:
    """The value (*shape) of each end, out of the bytes of a sample."""
    return tuple(
        unpack_elements(part, end.node.elements, end.node.type.bits, signed=end.node.type.signed).reshape(
            end.node.shape
        )
        for end, part in zip(ends, parts(ends, data), strict=True)
    )
