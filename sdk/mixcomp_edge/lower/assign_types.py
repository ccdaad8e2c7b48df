"""Which integer type each value of the graph gets, before its scale is known."""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass

from mixcomp_edge.errors import PlanError
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import FloatNode
from mixcomp_edge.ir.weighted import Layer
from mixcomp_edge.quant_plan import QuantPlan


@dataclass(frozen=True)
class ValueType:
    """Type of one value. `limit`: the largest real number it needs to hold (6 after ReLU6), or None; `held`: also where
    few values are that large, as a reader jumps there. `skewed`: its zero point leaves room for the least value that
    calibration sees, and `limit` is the whole range."""

    dtype: str
    limit: float | None = None
    skewed: bool = False
    held: bool = False


def assign_types(graph: Graph, plan: QuantPlan, *, input_positive: bool | Set[str]) -> dict[str, ValueType]:
    """The type of each value that has a quantizer of its own (`quantizer_of` maps the others to one of these).

    Unsigned where the value cannot be negative, or lies mostly on one side of 0. 8 bits for the outputs and where an
    operator wants them, else what the plan says. Inputs are u8 with a zero point; input_positive says that they hold no
    negative numbers, or names those that do not."""
    plan.check_names([node.name for node in graph.nodes if not node.is_input])
    owner = quantizer_of(graph)
    for name in plan.layers:
        if "act_bits" in plan.layers[name] and owner[name] != name:
            raise PlanError(f"plan: '{name}' keeps the type of '{owner[name]}'; set act_bits there.")
        if "weights" in plan.layers[name] and not isinstance(graph[name], Layer):
            raise PlanError(f"plan: '{name}' is a {graph[name].op} and has no weights.")

    nodes = [node for node in graph.nodes if isinstance(node, FloatNode)]
    eight = {*(owner[name] for name in graph.leaving), *(owner[node.inputs[0]] for node in nodes if node.reads_8_bits)}
    positive: dict[str, bool] = {}
    skewed: dict[str, bool] = {}
    types: dict[str, ValueType] = {}
    for node in nodes:
        alone = input_positive if isinstance(input_positive, bool) else node.name in input_positive
        positive[node.name] = node.is_nonnegative([positive[name] for name in node.inputs] or [alone])
        skewed[node.name] = not positive[node.name] and node.is_skewed([skewed[name] for name in node.inputs])
        if owner[node.name] != node.name:
            continue
        bits = 8 if node.has_8_bits or node.name in eight else plan[node.name].act_bits
        unsigned = positive[node.name] or skewed[node.name] or node.is_input
        dtype = node.fixed_dtype or f"{'u' if unsigned else 's'}{bits}"
        limit, held = _limit(graph, node, skewed[node.name])
        types[node.name] = ValueType(dtype, limit, skewed[node.name], held)
    return types


def _limit(graph: Graph, node: FloatNode, skewed: bool) -> tuple[float | None, bool]:
    """Of its own, or where none of its readers tells larger values apart; and whether one of them jumps there."""
    readers = [user.reads_up_to if isinstance(user, FloatNode) else None for user in graph.users[node.name]]
    if skewed or node.name in graph.leaving:
        return node.limit, False
    told, jumps = max((reads or (math.inf, False) for reads in readers), default=(math.inf, False))
    return (told, jumps) if told < (node.limit or math.inf) else (node.limit, False)


def quantizer_of(graph: Graph) -> dict[str, str]:
    """For each value, the value whose quantizer it shares: its own, but for nodes that only move elements."""
    owner: dict[str, str] = {}
    for node in graph.nodes:
        owner[node.name] = owner[node.inputs[0]] if node.keeps_type else node.name
    return owner
