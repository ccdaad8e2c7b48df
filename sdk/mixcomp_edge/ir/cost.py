"""What a model asks for, worked out before it is spent: products, values held at once, weights. A file of a few
hundred bytes may ask for years of work, so whoever takes a model from a file asks `check_cost` first."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import prod

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted

# Beyond every Cortex-M: a second at 1 GHz and one product a cycle; STM32N6 has 4.2 MB of RAM, the largest internal
# flash is 8 MB.
MAX_STEPS = 1 << 30
MAX_VALUE_BYTES = 8 << 20
MAX_WEIGHT_BYTES = 8 << 20
STEPS_AN_ELEMENT = 8  # to requantize and store it
LEAST_STEPS_A_TAP = 1024  # what a tap costs the interpreter, however few elements it meets
STEPS_A_GROUP = 1 << 16  # to lay out its weights
LARGE = "MIXCOMP_LARGE"  # set to 1: take larger ones


@dataclass(frozen=True)
class Cost:
    """`steps`: products, or elements that a window meets, of one inference, and what storing takes. `value_bytes`: the
    most that is held at once. `weight_bytes`: of codes."""

    steps: int
    value_bytes: int
    weight_bytes: int


def cost(graph: Graph) -> Cost:
    """Of an integer graph that `verify` has passed."""
    last = {name: node.name for node in graph.nodes for name in node.inputs}
    last |= dict.fromkeys(graph.leaving, "")
    steps = weights = held = most = 0
    for node in graph.nodes:
        assert isinstance(node, QNode)
        window = getattr(node, "window", None)
        taps = prod(window.kernel) if window is not None else 1
        steps += max(node.macs, taps * max(node.elements, LEAST_STEPS_A_TAP)) + STEPS_AN_ELEMENT * node.elements
        steps += STEPS_A_GROUP * (getattr(node, "groups", 1) - 1)
        weights += node.weights.nbytes if isinstance(node, Weighted) else 0
        held += node.nbytes
        most = max(most, held)
        held -= sum(source.nbytes for source in set(graph.sources(node)) if last[source.name] == node.name)  # type: ignore[attr-defined]
    return Cost(steps, most, weights)


def check_cost(graph: Graph) -> Graph:
    """The graph itself, if a microcontroller could run it or $MIXCOMP_LARGE is 1; else GraphError."""
    if os.environ.get(LARGE) == "1":
        return graph
    found = cost(graph)
    for what, value, limit in (
        ("steps of one inference", found.steps, MAX_STEPS),
        ("bytes of values held at once", found.value_bytes, MAX_VALUE_BYTES),
        ("bytes of weights", found.weight_bytes, MAX_WEIGHT_BYTES),
    ):
        if value > limit:
            raise GraphError(
                f"{graph.name}: {value:,} {what}, more than any Cortex-M can take ({limit:,}). "
                f"If that is meant, set {LARGE}=1 in the environment."
            )
    return graph
