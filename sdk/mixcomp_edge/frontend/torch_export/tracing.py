"""The user's module as an exported program in functional form: what was done in place, through whatever view, is a
value of its own there, and convolutions, linear layers and activations are still whole."""

from __future__ import annotations

import keyword
import warnings

import torch
from torch import fx, nn
from torch.export import ExportedProgram

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export.calls import BATCH, arguments, operator_of, value_of
from mixcomp_edge.frontend.torch_export.causes import Like, explain
from mixcomp_edge.frontend.torch_export.decomposition import taken_apart
from mixcomp_edge.frontend.torch_export.patterns import made_whole
from mixcomp_edge.frontend.torch_export.undisturbed import undisturbed, without_hints

DROPOUTS = ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")


def trace(model: nn.Module, inputs: tuple[Like, ...], name: str) -> ExportedProgram:
    """The program of a module in eval mode, for inputs (BATCH, *shape) of each type; the module stays as it was."""
    if isinstance(model, torch.jit.ScriptModule):
        raise UnsupportedError(
            f"{name}: is a TorchScript model, which cannot be traced again; give the nn.Module that it was made of."
        )
    with undisturbed(model), without_hints(), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's about itself
        try:
            examples = tuple(torch.zeros(BATCH, *shape, dtype=dtype) for shape, dtype in inputs)
            program = torch.export.export(model, examples, strict=False)
            program = _without_identities(program)
            plain = _plain_names(program)
            _rename(program, plain)
            program = taken_apart(program.run_decompositions({}))
            _rename(program, {new: path for path, new in plain.items()})
            return made_whole(program)
        except Exception as error:  # torch.export raises many kinds
            raise explain(model, inputs, name, error) from error


def _plain_names(program: ExportedProgram) -> dict[str, str]:
    """Names for tensors below a module that is called like a keyword: torch writes Python code to functionalize."""
    paths = sorted({*program.state_dict, *program.constants})
    return {path: f"mixcomp_{i}" for i, path in enumerate(paths) if any(map(keyword.iskeyword, path.split(".")))}


def _rename(program: ExportedProgram, names: dict[str, str]) -> None:
    """Renames the parameters, buffers and constants of a program in place."""
    for tensors in (program.state_dict, program.constants):
        for path in set(tensors) & set(names):
            tensors[names[path]] = tensors.pop(path)
    for spec in program.graph_signature.input_specs:
        spec.target = names.get(spec.target or "", spec.target)


def _without_identities(program: ExportedProgram) -> ExportedProgram:
    """Without the calls that return their very operand. Functionalization would take the result for a copy, and what is
    done to one in place would not be seen in the other."""
    for node in list(program.graph.nodes):
        if _returns_its_operand(node):
            operand = node.args[0]
            node.replace_all_uses_with(operand)
            program.graph_signature.replace_all_uses(node.name, operand.name)
            program.graph.erase_node(node)
    return program


def _returns_its_operand(node: fx.Node) -> bool:
    name = operator_of(node)
    if name.removesuffix("_") in DROPOUTS:
        return not arguments(node, None, 0.5, False)[2]
    before, after = (value_of(n) if isinstance(n, fx.Node) else None for n in (next(iter(node.args), None), node))
    return name == "type_as" and before is not None and after is not None and before.dtype == after.dtype
