"""ReLU and ReLU6 move into the node that makes their input, so that one rounding does both."""

from __future__ import annotations

from dataclasses import replace

from mixcomp_edge.ir import ops
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.ops import Activation

FUSES = (ops.Conv2d, ops.Dense, ops.Add, ops.Relu)
COMMUTES = (ops.MaxPool2d, ops.Reshape)  # max and reordering give the same before and after a ReLU


def fuse_activation(graph: Graph) -> Graph:
    """producer -> relu becomes one node when nothing else reads the producer. A ReLU behind a max pooling or a reshape
    moves in front of it first. Exact: relu6(relu(x)) = relu6(x)."""
    while True:
        step = _fuse_one(graph)
        if step is None:
            return graph
        graph = step


def _fuse_one(graph: Graph) -> Graph | None:
    for relu in graph.nodes:
        if not isinstance(relu, ops.Relu):
            continue
        producer = graph[relu.inputs[0]]
        if graph.only_user(producer) is not relu:
            continue
        if isinstance(producer, FUSES):
            fused = replace(producer, activation=_combine(producer.activation, relu.activation))
            nodes = [fused if node is producer else node for node in graph.nodes]
            return graph.with_nodes(nodes).without({relu.name: producer.name})
        if isinstance(producer, COMMUTES) and graph.only_user(graph[producer.inputs[0]]) is producer:
            return _swap(graph, producer, relu)
    return None


def _combine(first: Activation, second: Activation) -> Activation:
    return Activation.RELU6 if Activation.RELU6 in (first, second) else second


def _swap(graph: Graph, producer: Node, relu: ops.Relu) -> Graph:
    """x -> producer -> relu becomes x -> relu -> producer. Each keeps its name; readers of relu now read producer."""
    early = replace(relu, inputs=producer.inputs, shape=graph[producer.inputs[0]].shape)
    late = replace(producer, inputs=(relu.name,))
    nodes: list[Node] = []
    for node in graph.nodes:
        if node is producer:
            nodes += [early, late]
        elif node is not relu:
            nodes.append(
                replace(node, inputs=tuple(producer.name if name == relu.name else name for name in node.inputs))
            )
    return graph.with_nodes(nodes, producer.name if graph.output == relu.name else graph.output)
