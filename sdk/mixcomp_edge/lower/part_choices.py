"""A comparison and a choice of values that are made apart, which no table of one value holds, as sums and products:
a > b is a - b > 0, and a choice is what is chosen times 1 and the rest times 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.numerics.functions import Step
from mixcomp_edge.operators.add import Add
from mixcomp_edge.operators.blend import Blend
from mixcomp_edge.operators.lookup import Lookup
from mixcomp_edge.operators.mul import Mul

ZERO = Step("constant", (), (0.0,))
Operand = str | float  # a node, or a number


def part_choice(graph: Graph, node: Lookup) -> list[Node]:
    """Nodes that make the same in real arithmetic, the last one under its name."""
    *constants, last = node.function
    values: list[Operand] = [*node.inputs, *(step.parameters[0] for step in constants)]
    operands = [values[i] for i in last.of]
    if last.function == "choice":
        return _choice(graph, node, str(operands[0]), *operands[1:])
    return _comparison(graph, node, last.function, tuple(map(str, operands)))


def _comparison(graph: Graph, node: Lookup, relation: str, of: tuple[str, ...]) -> list[Node]:
    name = _unique(graph, f"{node.name}_difference")
    difference = Blend(name=name, inputs=of, shape=node.shape, factors=np.array([1.0, -1.0]))
    return [difference, replace(node, inputs=(name,), function=(ZERO, Step(relation, (0, 1))))]


def _choice(graph: Graph, node: Lookup, mask: str, there: Operand, elsewhere: Operand) -> list[Node]:
    """One side that is 0 is not made at all."""
    chosen = _where(_unique(graph, f"{node.name}_there"), node, mask, there, (0, 1, 2))
    rest = _where(_unique(graph, f"{node.name}_elsewhere"), node, mask, elsewhere, (0, 2, 1))
    if 0.0 in (there, elsewhere):
        *before, last = rest if there == 0.0 else chosen
        return [*before, replace(last, name=node.name)]
    sides = (chosen[-1].name, rest[-1].name)
    return [*chosen, *rest, Add(name=node.name, inputs=sides, shape=node.shape)]


def _where(name: str, node: Lookup, mask: str, side: Operand, of: tuple[int, int, int]) -> list[Node]:
    """The side where the mask, 0 or 1, chooses it, else 0. of: the operands of a choice between mask, side and 0."""
    number = side if isinstance(side, float) else 1.0
    function = (Step("constant", (), (number,)), ZERO, Step("choice", of))
    if isinstance(side, float):
        return [replace(node, name=name, inputs=(mask,), function=function)]
    if of == (0, 1, 2):
        return [Mul(name=name, inputs=(mask, side), shape=node.shape)]
    factor = replace(node, name=f"{name}_factor", inputs=(mask,), function=function)
    return [factor, Mul(name=name, inputs=(factor.name, side), shape=node.shape)]


def _unique(graph: Graph, name: str) -> str:
    while any(node.name.startswith(name) for node in graph.nodes):
        name += "_"
    return name
