"""Proof that TensorFlow Lite Micro computes what a bundle of contract tflm defines: every tensor that any operation
of its file makes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.bundle import Bundle
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir import interp, tflm
from mixcomp_edge.ir.graph import TFLM, Graph
from mixcomp_edge.ir.interp import Values
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.tflite.difference import int8
from mixcomp_edge.tflite.export import content
from mixcomp_edge.tflite.micro import Micro

Integers = NDArray[np.int64]
Pair = tuple[str, Integers, Integers]  # a tensor's name, what it should hold, what it holds


def pairs(bundle: Bundle, inputs: Values, *, decode: bool = False) -> Iterator[list[Pair]]:
    """For each input the tensors in the file's order. decode: of the file with weights as codes and a table.
    ExportError for another contract, or without tflite-micro."""
    graph = bundle.graph
    if graph.contract != TFLM:
        raise ExportError(
            f"{graph.name}: rounds by contract {graph.contract}, TensorFlow Lite Micro by its own. Quantize with "
            "--contract tflm, or see how far apart they are by export --as tflite --approximate."
        )
    network, data = content(bundle, decode=decode)
    micro = Micro(network, data)
    for x in zip(*inputs, strict=True):
        expected = _tensors(graph, tuple(value[None] for value in x))
        made = micro.run([int8(node, value) for node, value in zip(graph.inputs, x, strict=True)])
        yield [(name, expected[name].ravel(), found.ravel()) for name, found in made.items() if name in expected]


def _tensors(graph: Graph, inputs: Values) -> dict[str, Integers]:
    """Everything that is made of one input, by the definition."""
    values, made = dict(interp.steps(graph, inputs)), dict[str, Integers]()
    for node in graph.nodes:
        sources = [source for source in graph.sources(node) if isinstance(source, QNode)]
        if isinstance(node, QNode) and sources:
            made |= tflm.traced(node, sources, [values[name] for name in node.inputs])
    return made
