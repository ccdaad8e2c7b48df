"""Calls that have no handler, taken apart by torch itself, where all that they are made of can be translated. Others
stay whole, so that they are refused by the name that the user knows."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx
from torch._ops import OpOverload
from torch.export import ExportedProgram

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export.importer import Importer, handler_of
from mixcomp_edge.frontend.torch_export.refusals import REMEDIES

ROUNDS = 4  # a part may have to be taken apart itself


def taken_apart(program: ExportedProgram) -> ExportedProgram:
    """The program without the calls that others can say."""
    for call in sorted(_unknown(program), key=str):
        rules: dict[Any, Any] = {}
        missing = {call}
        for _ in range(ROUNDS):
            found = {part: rule for part in missing - rules.keys() if (rule := _rule(part)) is not None}
            if not found:
                break
            rules |= found
            attempt = program.run_decompositions(dict(rules))
            missing = _unknown(attempt) - _unknown(program)
            if not missing:
                program = attempt if _refused(attempt) < _refused(program) else program
                break
    return program


def _rule(call: OpOverload) -> Any:
    """How torch takes a call apart; None where it does not, or where something else is to be done about it."""
    if call._schema.name.removeprefix("aten::") in REMEDIES:
        return None
    if call._can_decompose():
        return torch.export.default_decompositions().pop(call, None)  # type: ignore[no-untyped-call]
    return torch._decomp.get_decompositions([call]).get(call)


def _refused(program: ExportedProgram) -> set[str]:
    """What a translation refuses."""
    try:
        Importer(program, "", tuple(map(str, program.graph_signature.user_inputs))).run()
    except UnsupportedError as error:
        return {missing.what for missing in error.missing}
    return set()


def _unknown(program: ExportedProgram) -> set[OpOverload]:
    """The operators without a handler that read what comes from the model's inputs."""
    inputs = set(map(str, program.graph_signature.user_inputs))
    depends: set[fx.Node] = set()
    found: set[OpOverload] = set()
    for node in program.graph.nodes:
        if node.name in inputs or any(source in depends for source in node.all_input_nodes):
            depends.add(node)
            if node.op == "call_function" and isinstance(node.target, OpOverload) and handler_of(node) is None:
                found.add(node.target)
    return found
