"""ReLU, ReLU6 and other clamps from 0 move into the node that makes their input, so that one rounding does both."""

from __future__ import annotations

from dataclasses import replace

from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.nodes import Activated, FloatNode
from mixcomp_edge.operators.rescale import Relu


def fuse_activation(graph: Graph) -> Graph:
    """producer -> relu becomes one node when nothing else reads the producer. A ReLU behind a node that lets it
    through, such as a max pooling, moves in front of it first. Exact: relu6(relu(x)) = relu6(x)."""
    while True:
        step = _fuse_one(graph)
        if step is None:
            return graph
        graph = step


def _fuse_one(graph: Graph) -> Graph | None:
    for relu in graph.nodes:
        if not isinstance(relu, Relu):
            continue
        producer = graph[relu.inputs[0]]
        if graph.only_user(producer) is not relu:
            continue
        if isinstance(producer, Activated) and producer.takes_activation:
            fused = replace(producer, activation=producer.activation.then(relu.activation))
            nodes = [fused if node is producer else node for node in graph.nodes]
            return graph.with_nodes(nodes).without({relu.name: producer.name})
        if (
            isinstance(producer, FloatNode)
            and producer.lets_relu_through
            and graph.only_user(graph[producer.inputs[0]]) is producer
        ):
            return _swap(graph, producer, relu)
    return None


def _swap(graph: Graph, producer: Node, relu: Relu) -> Graph:
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
    return graph.with_nodes(nodes, {relu.name: producer.name})
