"""Flattening (C, H, W) in PyTorch's order costs nothing when the dense layer behind it has its columns reordered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.operators.dense import Dense
from mixcomp_edge.operators.reshape import Reshape


def absorb_flatten(graph: Graph) -> Graph:
    """Column (c, h, w) of each dense layer that reads a flatten moves to (h, w, c), where the element lies in memory.
    Exact. A flatten that something else reads is refused: it would have to move data."""
    changed: dict[str, Node] = {}
    for flatten in graph.nodes:
        if not isinstance(flatten, Reshape) or not flatten.channels_first:
            continue
        *positions, channels = graph[flatten.inputs[0]].shape
        order = np.moveaxis(np.arange(np.prod(flatten.shape)).reshape(channels, *positions), 0, -1).ravel()
        for user in graph.users[flatten.name]:
            if not isinstance(user, Dense):
                raise UnsupportedError(
                    f"{flatten.name}: flattens {graph[flatten.inputs[0]].shape} for '{user.name}' ({user.op}); "
                    "only linear layers may read a flattened map. Pool it to 1x1 first, or put a linear layer there."
                )
            changed[user.name] = replace(user, weight=np.ascontiguousarray(user.weight[:, order]))
        if flatten.name in graph.leaving:
            raise UnsupportedError(f"{flatten.name}: the model returns a flattened map; return the map itself.")
        changed[flatten.name] = replace(flatten, channels_first=False)
    return graph.with_nodes(changed.get(node.name, node) for node in graph.nodes)
