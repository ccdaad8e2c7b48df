"""What torch takes apart and we have whole: a few calls of a traced program become one again."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram
from torch.nn import functional as F

aten: Any = torch.ops.aten


def made_whole(program: ExportedProgram) -> ExportedProgram:
    """x / expand(clamp_min(norm(x, 2, dims, keepdim), eps), of x's shape) is F.normalize(x, 2, dims, eps)."""
    for division in list(program.graph.nodes):
        found = _unit_norm(division)
        if found is None:
            continue
        with program.graph.inserting_before(division):
            whole = program.graph.call_function(F.normalize, found)
        whole.meta = division.meta
        division.replace_all_uses_with(whole)
        program.graph_signature.replace_all_uses(division.name, whole.name)
        program.graph.eliminate_dead_code()
    return program


def _unit_norm(division: fx.Node) -> tuple[Any, ...] | None:
    """x, 2, dims, eps; None for another call."""
    if division.target is not aten.div.Tensor:
        return None
    x, size = division.args[:2]
    if isinstance(size, fx.Node) and size.target is aten.expand.default:
        size = size.args[0]
    if not isinstance(size, fx.Node) or size.target is not aten.clamp_min.default:
        return None
    norm, eps = size.args[:2]
    if not isinstance(norm, fx.Node) or norm.target is not aten.linalg_vector_norm.default or norm.args[0] is not x:
        return None
    power, dims, keepdim = (*norm.args[1:], None, None, None)[:3]
    return (x, 2, dims, eps) if power == 2 and dims and keepdim else None
