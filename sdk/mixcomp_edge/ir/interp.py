"""The interpreter: each node of the integer graph by its definition in operators/, SPEC.md 4 as NumPy int64. C equals
this, to the bit. A graph of contract tflm computes what TensorFlow Lite Micro makes of it.

Values are (N, *shape) int64: a batch of inputs goes through at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import tflm
from mixcomp_edge.ir.graph import TFLM, Graph
from mixcomp_edge.ir.nodes import QNode, Value

Values = tuple[Value, ...]  # (N, *shape) of each input, or of each output, in the graph's order
Inputs = Value | Values  # an array alone is that of the only input


def run(graph: Graph, x: Inputs) -> Value:
    """The only output (N, *shape) of inputs x."""
    return _outputs(graph, x, (graph.output,))[0]


def outputs(graph: Graph, x: Inputs) -> Values:
    """Each output (N, *shape) of inputs x."""
    return _outputs(graph, x, tuple(graph.outputs.values()))


def _outputs(graph: Graph, x: Inputs, names: tuple[str, ...]) -> Values:
    found = {name: value for name, value in steps(graph, x) if name in names}
    return tuple(found[name] for name in names)


def predict(
    graph: Graph, x: Inputs, progress: Callable[[int, int], None] = lambda done, of: None, batch_size: int = 16
) -> Values:
    """The same for many inputs, in batches that fit the processor's cache."""
    x = each(x)
    parts = []
    for start in range(0, len(x[0]), batch_size):
        parts.append(outputs(graph, tuple(value[start : start + batch_size] for value in x)))
        progress(min(start + batch_size, len(x[0])), len(x[0]))
    return tuple(np.concatenate(values) for values in zip(*parts, strict=True))


def each(x: Inputs) -> Values:
    return x if isinstance(x, tuple) else (x,)


def steps(graph: Graph, x: Inputs) -> Iterator[tuple[str, Value]]:
    """(name, value) of each node in execution order, the inputs first. Values are dropped after their last use."""
    last_use = {name: node.name for node in graph.nodes for name in node.inputs}
    names = [node.name for node in graph.inputs]
    if len(each(x)) != len(names):
        raise GraphError(f"{graph.name}: {len(each(x))} inputs, the model takes {len(names)}: {', '.join(names)}.")
    given = dict(zip(names, each(x), strict=True))
    values: dict[str, Value] = {}
    for node in graph.nodes:
        assert isinstance(node, QNode)
        if node.is_input:
            value = _checked_input(node, given[node.name])
        else:
            sources = [source for source in graph.sources(node) if isinstance(source, QNode)]
            read = [values[name] for name in node.inputs]
            if graph.contract == TFLM and not node.is_constant:
                value = tflm.value(node, sources, read)
            else:
                value = node.evaluate(read, [source.type for source in sources])
            if node.is_constant:
                value = np.repeat(value, len(each(x)[0]), axis=0)
        values[node.name] = value
        yield node.name, value
        for name in set(node.inputs):
            if last_use[name] == node.name:
                del values[name]


def _checked_input(node: QNode, x: Value) -> Value:
    x = np.asarray(x, np.int64)
    if x.shape[1:] != node.shape:
        raise GraphError(f"{node.name}: input has shape {x.shape[1:]}, the model takes {node.shape}.")
    low, high = node.ends
    if x.size and (x.min() < low or x.max() > high):
        raise GraphError(f"{node.name}: input leaves its range {low} to {high}: {x.min()} to {x.max()}.")
    return x
