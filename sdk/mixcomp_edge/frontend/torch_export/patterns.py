"""What torch takes apart and we have whole: a few calls of a traced program become one again, or none."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram
from torch.nn import functional as F

aten: Any = torch.ops.aten


def made_whole(program: ExportedProgram) -> ExportedProgram:
    """x / expand(clamp_min(norm(x, 2, dims, keepdim), eps), of x's shape) is F.normalize(x, 2, dims, eps); a value in
    which a part was written over itself is the value, as x[:, 2:5] += y leaves it behind."""
    for call in list(program.graph.nodes):
        whole = _written_back(call)
        if (found := _unit_norm(call)) is not None:
            with program.graph.inserting_before(call):
                whole = program.graph.call_function(F.normalize, found)
            whole.meta = call.meta
        if whole is not None:
            call.replace_all_uses_with(whole)
            program.graph_signature.replace_all_uses(call.name, whole.name)
            program.graph.eliminate_dead_code()
    return program


READS = {aten.slice_scatter.default: aten.slice.Tensor, aten.select_scatter.default: aten.select.int}


def _written_back(call: fx.Node) -> fx.Node | None:
    """The value, where a call writes to it what it reads in the same place; None for another call."""
    if call.target not in READS:
        return None
    whole, part, *where = call.args
    while isinstance(part, fx.Node) and part.target in (aten.copy.default, aten.clone.default):
        part = part.args[part.target is aten.copy.default]
    if not isinstance(part, fx.Node) or not isinstance(whole, fx.Node) or part.target is not READS[call.target]:
        return None
    return whole if [*part.args[1:]] == where and _same(part.args[0], whole) else None


def _same(a: Any, b: Any) -> bool:
    """Whether two arguments are one, or the same part of one."""
    if not isinstance(a, fx.Node) or not isinstance(b, fx.Node) or a is b:
        return bool(a == b)
    parts = a.target is b.target and a.target in READS.values() and len(a.args) == len(b.args)
    return parts and all(map(_same, a.args, b.args))


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
