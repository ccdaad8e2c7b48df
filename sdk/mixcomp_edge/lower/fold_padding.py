"""pad -> conv, pad -> max pooling: one layer."""

from __future__ import annotations

from dataclasses import replace

from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.operators.conv2d import Conv2d
from mixcomp_edge.operators.maxpool2d import MaxPool2d
from mixcomp_edge.operators.pad import Pad


def fold_padding(graph: Graph) -> Graph:
    """A pad over positions that feeds convolutions becomes their padding; TensorFlow's SAME comes as such a pad, and so
    does what a causal convolution sees before its first input. A pad of -inf becomes the padding of max poolings. The
    pad itself goes when nobody else reads it. Exact."""
    changed: dict[str, Node] = {}
    for pad in graph.nodes:
        if not isinstance(pad, Pad) or len(pad.shape) not in (2, 3) or pad.before[-1] or pad.after[-1]:
            continue
        before, after = ((0, *amounts)[-3:-1] for amounts in (pad.before, pad.after))
        for user in graph.users[pad.name]:
            if isinstance(user, MaxPool2d if pad.fill else Conv2d):
                assert isinstance(user, MaxPool2d | Conv2d)
                top, left, bottom, right = user.window.padding
                padding = (top + before[0], left + before[1], bottom + after[0], right + after[1])
                changed[user.name] = replace(user, inputs=pad.inputs, window=replace(user.window, padding=padding))
    return graph.with_nodes(changed.get(node.name, node) for node in graph.nodes).without_unread()
