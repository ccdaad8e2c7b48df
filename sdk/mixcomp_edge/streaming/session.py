"""A stream in Python: the definition of what `mce_<model>_start` and `mce_<model>_step` do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import StreamError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.interp import Values
from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.numerics.packing import unpack_elements


class Session:
    """The steps of one stream. `kept`: what the last one left, by input."""

    def __init__(self, graph: Graph) -> None:
        if not graph.kept:
            raise StreamError(f"{graph.name}: is no step of a stream; make one with Bundle.stream(frames).")
        self.graph = graph
        self.start()

    def start(self) -> None:
        """As before the first step."""
        self.kept = {kept.input: started(self.graph[kept.input], kept.start) for kept in self.graph.kept}

    def step(self, x: Values) -> Values:
        """Each output (*shape) of the caller's inputs (*shape): integers."""
        given = iter(x)
        names = [node.name for node in self.graph.inputs]
        read = tuple((self.kept[name] if name in self.kept else np.asarray(next(given)))[None] for name in names)
        made = dict(zip(self.graph.outputs, (value[0] for value in interp.outputs(self.graph, read)), strict=True))
        self.kept = {kept.input: made[kept.output] for kept in self.graph.kept}
        return tuple(value for name, value in made.items() if name not in self.graph.kept_outputs)


def started(node: object, start: NDArray[np.uint8]) -> Value:
    """What is kept as the value of a node, before the first step."""
    assert isinstance(node, QNode)
    values = unpack_elements(start.tobytes(), node.elements, node.type.bits, signed=node.type.signed)
    return values.reshape(node.shape)
