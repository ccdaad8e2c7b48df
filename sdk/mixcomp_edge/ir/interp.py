"""The interpreter: each node of the integer graph by its definition in operators/, SPEC.md 4 as NumPy int64. C equals
this, to the bit.

Values are (N, *shape) int64: a batch of inputs goes through at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode, Value


def run(graph: Graph, x: Value) -> Value:
    """Output (N, *shape) of inputs x (N, *input shape)."""
    return next(value for name, value in steps(graph, x) if name == graph.output)


def predict(
    graph: Graph, x: Value, progress: Callable[[int, int], None] = lambda done, of: None, batch_size: int = 16
) -> Value:
    """The same for many inputs, in batches that fit the processor's cache."""
    outputs = []
    for start in range(0, len(x), batch_size):
        outputs.append(run(graph, x[start : start + batch_size]))
        progress(min(start + batch_size, len(x)), len(x))
    return np.concatenate(outputs)


def steps(graph: Graph, x: Value) -> Iterator[tuple[str, Value]]:
    """(name, value) of each node in execution order, the input first. Values are dropped after their last use."""
    last_use = {name: node.name for node in graph.nodes for name in node.inputs}
    values: dict[str, Value] = {}
    for node in graph.nodes:
        assert isinstance(node, QNode)
        if not node.inputs:
            value = _checked_input(node, x)
        else:
            types = [source.type for source in graph.sources(node) if isinstance(source, QNode)]
            value = node.evaluate([values[name] for name in node.inputs], types)
        values[node.name] = value
        yield node.name, value
        for name in set(node.inputs):
            if last_use[name] == node.name:
                del values[name]


def _checked_input(node: QNode, x: Value) -> Value:
    x = np.asarray(x, np.int64)
    if x.shape[1:] != node.shape:
        raise GraphError(f"{node.name}: input has shape {x.shape[1:]}, the model takes {node.shape}.")
    if x.size and (x.min() < node.type.low or x.max() > node.type.high):
        raise GraphError(f"{node.name}: input leaves the range of {node.type.dtype}.")
    return x
