"""How far what rounds otherwise, TensorFlow Lite Micro or another interpreter of its files, is from a bundle's own
integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir import interp, tflite
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.interp import Values
from mixcomp_edge.ir.nodes import QNode


@dataclass(frozen=True)
class Difference:
    """Of all outputs of so many inputs: how many elements there are, how many differ, by how many steps at most; for
    how many of the inputs the largest element of each output is the same one."""

    inputs: int
    elements: int
    differing: int
    steps: int
    same_largest: int

    def __str__(self) -> str:
        return (
            f"on {self.inputs} inputs {self.differing} of {self.elements} output elements differ, by {self.steps} "
            f"steps at most; the largest element is the same one for {self.same_largest}."
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Runs(Protocol):
    """What runs a file."""

    def run(self, inputs: Sequence[NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
        """Tensors of one sample, the outputs among them."""


def measure(graph: Graph, runner: Runs, inputs: Values) -> Difference:
    """Both on the same inputs (N, *shape) of the graph's integers."""
    expected = interp.outputs(graph, inputs)
    nodes = [graph[name] for name in graph.outputs.values()]
    elements = differing = steps = same = 0
    for i, x in enumerate(zip(*inputs, strict=True)):
        made = runner.run([int8(node, value) for node, value in zip(graph.inputs, x, strict=True)])
        alike = True
        for node, y in zip(nodes, expected, strict=True):
            gap = np.abs(int8(node, y[i]).ravel() - made[node.name].ravel())
            elements += gap.size
            differing += int(np.count_nonzero(gap))
            steps = max(steps, int(gap.max()))
            alike &= int(np.argmax(y[i])) == int(np.argmax(made[node.name]))
        same += alike
    return Difference(len(inputs[0]), elements, differing, steps, same)


def int8(node: object, value: np.ndarray) -> np.ndarray:
    """A value of ours as TFLite has it."""
    assert isinstance(node, QNode)
    return value - tflite.offset(node.type)
