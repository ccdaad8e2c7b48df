"""An integer graph as TensorFlow Lite's operations on tensors, each node as it says of itself (ir/tflite.py)."""

from __future__ import annotations

from dataclasses import dataclass

from mixcomp_edge.ir import tflite
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.tflite import Operation, Tensor
from mixcomp_edge.tflite import schema


@dataclass(frozen=True, eq=False)
class Network:
    """Tensors in the order in which they are first met; inputs and outputs in the caller's."""

    name: str
    tensors: tuple[Tensor, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def registered(self) -> list[str]:
        """Calls of an op resolver that register just what the file needs."""
        return sorted({schema.KINDS[operation.kind].adds for operation in self.operations})


def network(graph: Graph) -> Network:
    """UnsupportedError names all nodes that TensorFlow Lite Micro has nothing for."""
    operations = [operation for made in tflite.written(graph).values() for operation in made]
    values = {node.name: tflite.value(node) for node in graph.nodes if isinstance(node, QNode)}
    inputs = tuple(values[node.name] for node in graph.inputs)
    outputs = tuple(values[name] for name in graph.outputs.values())
    met = [*inputs, *(t for op in operations for t in (*op.inputs, op.output)), *outputs]
    return Network(graph.name, tuple({t.name: t for t in met}.values()), tuple(operations), inputs, outputs)
