"""The float graph computed in float64, by the forms that training uses: values without rounding to speak of."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mixcomp_edge.frontend.torch_export.orders import Placement
from mixcomp_edge.ir import weighted
from mixcomp_edge.ir.graph import Graph, Node, Shape
from mixcomp_edge.train.operators import forward, terms
from mixcomp_edge.train.samples import Samples, each


def value(graph: Graph, name: str, known: dict[str, Tensor]) -> Tensor:
    """The value (N, C, ...) of a node, from those of nodes before it that `known` holds, where it is then kept, too."""
    if name not in known:
        node = graph[name]
        known[name] = forward(node, [value(graph, source, known) for source in node.inputs], *parameters(node))
    return known[name]


def as_stored(x: Tensor, placement: Placement, shape: Shape) -> Tensor:
    """A value of torch (N, ...) as the value (N, C, ...) of a node of that shape, which stores it so."""
    reading = [factor for dim in placement.dims for factor in dim]
    factors = x.reshape([placement.sizes[factor] for factor in reading])
    memory = factors.permute([reading.index(factor) for factor in range(len(reading))])
    return memory.reshape(len(memory), *shape).movedim(-1, 1)


def as_read(x: Tensor, placement: Placement) -> Tensor:
    """The inverse."""
    reading = [factor for dim in placement.dims for factor in dim]
    return x.movedim(1, -1).reshape(placement.sizes).permute(reading).reshape(placement.shape).contiguous()


def values(graph: Graph, x: Samples) -> dict[str, Tensor]:
    """The value of every node for the model's inputs x (N, C, ...)."""
    known = {node.name: forward(node, [given.double()]) for node, given in zip(graph.inputs, each(x), strict=True)}
    for node in graph.nodes:
        value(graph, node.name, known)
    return known


def size(graph: Graph, name: str, known: dict[str, Tensor], sizes: dict[str, Tensor]) -> Tensor:
    """The sum of the sizes of all terms that a node's value is made of: rounding moves it by a small part of that.
    `known` holds values before it, `sizes` their sizes, and of what lies between, too, from then on."""
    if name not in sizes:
        node = graph[name]
        values_read = [value(graph, source, known) for source in node.inputs]
        sizes_read = [size(graph, source, known, sizes) for source in node.inputs]
        sizes[name] = terms(node, values_read, sizes_read, *parameters(node, absolute=True)).abs()
    return sizes[name]


def parameters(node: Node, *, absolute: bool = False) -> tuple[Tensor, ...]:
    """Weight and bias of a layer in PyTorch's layout, or their sizes."""
    if not isinstance(node, weighted.Layer):
        return ()
    weight, bias = (
        torch.from_numpy(v).double() for v in (np.ascontiguousarray(np.moveaxis(node.weight, -1, 1)), node.bias)
    )
    return (weight.abs(), bias.abs()) if absolute else (weight, bias)
