"""The float graph computed in float64, by the forms that training uses: values without rounding to speak of."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixcomp_edge.ir import weighted
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.train.operators import forward


def value(graph: Graph, name: str, known: dict[str, Tensor]) -> Tensor:
    """The value (N, C, ...) of a node, from those of nodes before it that `known` holds, where it is then kept, too."""
    if name not in known:
        node = graph[name]
        parameters: tuple[Tensor, ...] = ()
        if isinstance(node, weighted.Layer):
            weight = np.ascontiguousarray(np.moveaxis(node.weight, -1, 1))
            parameters = (torch.from_numpy(weight).double(), torch.from_numpy(node.bias).double())
        known[name] = forward(node, [value(graph, source, known) for source in node.inputs], *parameters)
    return known[name]


def values(graph: Graph, x: Tensor) -> dict[str, Tensor]:
    """The value of every node for the model's inputs x (N, C, ...)."""
    source = graph.nodes[0]
    known = {source.name: forward(source, [x.double()])}
    for node in graph.nodes:
        value(graph, node.name, known)
    return known


def absolute(graph: Graph) -> Graph:
    """The graph with the absolute value of every weight, bias, gain and offset. Its value for the absolute value of an
    input is the sum of the sizes of all terms, of which rounding moves a value by a small part."""
    return graph.with_nodes(_absolute(node) for node in graph.nodes)


def _absolute(node: Node) -> Node:
    contents = {field.name: getattr(node, field.name) for field in fields(node)}
    arrays: dict[str, Any] = {name: np.abs(v) for name, v in contents.items() if isinstance(v, np.ndarray)}
    return replace(node, **arrays)
