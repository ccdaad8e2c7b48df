"""Which integer type each value of the graph gets, before its scale is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixcomp_edge.errors import PlanError
from mixcomp_edge.ir import ops
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.ops import Activation
from mixcomp_edge.quant_plan import QuantPlan

KEEPS_TYPE = (ops.MaxPool2d, ops.Pad, ops.Reshape)
WEIGHTED = (ops.Conv2d, ops.Dense)
KEEPS_SIGN = (ops.Add, ops.AvgPool2d, ops.Concat, *WEIGHTED, *KEEPS_TYPE)  # no minus in them, but in weights


@dataclass(frozen=True)
class ValueType:
    """Type of one value. `limit`: the largest real number it needs to hold (6 after ReLU6), or None."""

    dtype: str
    limit: float | None = None


def assign_types(graph: Graph, plan: QuantPlan, *, input_positive: bool) -> dict[str, ValueType]:
    """The type of each value that has a quantizer of its own (`quantizer_of` maps the others to one of these).

    Unsigned where the value cannot be negative. 8 bits for the input, the output and what a softmax reads, else what
    the plan says. The input is u8 with a zero point; input_positive says that it holds no negative numbers."""
    plan.check_names([node.name for node in graph.nodes if not isinstance(node, ops.Input)])
    owner = quantizer_of(graph)
    for name in plan.layers:
        if "act_bits" in plan.layers[name] and owner[name] != name:
            raise PlanError(f"plan: '{name}' keeps the type of '{owner[name]}'; set act_bits there.")
        if "weights" in plan.layers[name] and not isinstance(graph[name], WEIGHTED):
            raise PlanError(f"plan: '{name}' is a {graph[name].op} and has no weights.")

    # The output, and what a softmax reads: it turns steps of its input into ratios.
    eight = {owner[graph.output], *(owner[n.inputs[0]] for n in graph.nodes if isinstance(n, ops.Softmax))}
    positive: dict[str, bool] = {}
    types: dict[str, ValueType] = {}
    for node in graph.nodes:
        positive[node.name] = _is_positive(node, positive, input_positive)
        if owner[node.name] != node.name:
            continue
        wide = isinstance(node, ops.Input | ops.Softmax) or node.name in eight
        bits = 8 if wide else plan[node.name].act_bits
        limited = getattr(node, "activation", None) is Activation.RELU6
        unsigned = positive[node.name] or isinstance(node, ops.Input)
        types[node.name] = ValueType(f"{'u' if unsigned else 's'}{bits}", 6.0 if limited else None)
    return types


def quantizer_of(graph: Graph) -> dict[str, str]:
    """For each value, the value whose quantizer it shares: its own, but for nodes that only move elements."""
    owner: dict[str, str] = {}
    for node in graph.nodes:
        owner[node.name] = owner[node.inputs[0]] if isinstance(node, KEEPS_TYPE) else node.name
    return owner


def _is_positive(node: Node, positive: dict[str, bool], input_positive: bool) -> bool:
    """Whether the value cannot be negative, whatever the model reads: by its operator and by what that reads, and of a
    layer by its weights and biases as they are when the types are chosen."""
    if isinstance(node, ops.Input):
        return input_positive
    if isinstance(node, ops.Softmax) or getattr(node, "activation", Activation.NONE) is not Activation.NONE:
        return True
    if isinstance(node, WEIGHTED) and not (np.all(node.weight >= 0) and np.all(node.bias >= 0)):
        return False
    return isinstance(node, KEEPS_SIGN) and all(positive[name] for name in node.inputs)
