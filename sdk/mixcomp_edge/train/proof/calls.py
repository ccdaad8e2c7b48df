"""Each call of the traced program against the node that stands for it, alone: both get the same values, a calibration
sample and random ones of many sizes, and compute in float64."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, fx

from mixcomp_edge.errors import ImportMismatch
from mixcomp_edge.frontend.torch_export import BATCH, Imported
from mixcomp_edge.frontend.torch_export.calls import module_stack, operator_of
from mixcomp_edge.frontend.torch_export.importer import CASTS
from mixcomp_edge.frontend.torch_export.masks import OUT
from mixcomp_edge.train.proof.float_graph import as_read, as_stored, size, value
from mixcomp_edge.train.samples import Samples, count, each, take

ROUNDING = 2.0**-34  # of a sum in float64 of up to 2**18 terms, as a part of the sum of their sizes
SIZES = 6  # random values are of sizes 2**-6 to 2**6


def check_calls(imported: Imported, x: Samples) -> None:
    """ImportMismatch for the first call whose node computes something else; x: samples (N, C, ...)."""
    graph = imported.graph
    random = torch.Generator().manual_seed(0)
    values: dict[fx.Node, Any] = dict(imported.constants)
    for call, result in results(imported, take(x, torch.arange(BATCH) % count(x))):
        values[call] = result
        stored = imported.stands_for.get(call)
        if call.op == "placeholder" or stored is None or stored.node not in graph.by_name:
            continue
        made_by, item = call, 0
        if call.target is operator.getitem:
            made_by, item = call.args  # type: ignore[assignment]
        probes: dict[str, Tensor] = {}
        read = {argument: imported.stands_for[argument] for argument in made_by.all_input_nodes
                if argument in imported.stands_for}  # fmt: skip
        anew = [argument for argument, source in read.items() if source.node not in graph.by_name]
        if anew:  # of the model's inputs, and of what lies between
            probes = _inputs(imported, values)
        before = _all_before(anew)
        for argument, source in read.items():
            if source.node not in probes and source.node in graph.by_name:
                probe = _wide(values[argument]) if argument in before else _probe(values[argument], random)
                probes[source.node] = as_stored(probe, source.placement, graph[source.node].shape)
        result_of_probes = _result(made_by, _probed(imported, values, probes))
        expected = _item(result_of_probes, item).double()
        name = stored.node
        doubles = {source: probe.double() for source, probe in probes.items()}
        sizes = {source: probe.abs() for source, probe in doubles.items()}
        found = as_read(value(graph, name, dict(doubles)), stored.placement)
        allowed = ROUNDING * (as_read(size(graph, name, doubles, sizes), stored.placement) + found.abs())
        if operator_of(call) in CASTS and result.dtype.is_floating_point:
            allowed = allowed + torch.finfo(result.dtype).eps * found.abs()
        if found.shape != expected.shape or not agree(found, expected, allowed):
            raise _mismatch(graph.name, call, name, found, expected)


def results(imported: Imported, x: Samples) -> Iterator[tuple[fx.Node, Any]]:
    """Each call of the program that depends on its input, with its value for x (BATCH, C, ...) in the model's types."""
    values: dict[fx.Node, Any] = dict(imported.constants)
    given = iter(each(x))
    for call in imported.program.graph.nodes:
        if call.op == "placeholder" and call in imported.stands_for:
            values[call] = next(given).clone()
        elif call.op != "call_function" or call in values or any(a not in values for a in call.all_input_nodes):
            continue
        else:
            values[call] = _result(call, values.__getitem__)
        yield call, values[call]


def agree(a: Tensor, b: Tensor, allowed: Tensor) -> bool:
    """Whether the two differ by no more than `allowed`; NaN agrees with NaN, infinity with the same infinity."""
    return bool((((a - b).abs() <= allowed) | (a == b) | (a.isnan() & b.isnan())).all())


def _result(call: fx.Node, given: Callable[[fx.Node], Any]) -> Any:
    arguments, keywords = fx.node.map_arg((call.args, call.kwargs), given)
    return call.target(*arguments, **keywords)  # type: ignore[operator]


def _probed(imported: Imported, values: dict[fx.Node, Any], probes: dict[str, Tensor]) -> Callable[[fx.Node], Any]:
    def given(argument: fx.Node) -> Any:
        source = imported.stands_for.get(argument)
        if source is None or source.node not in probes:
            return _wide(values[argument])
        return as_read(probes[source.node], source.placement)

    return given


def _inputs(imported: Imported, values: dict[fx.Node, Any]) -> dict[str, Tensor]:
    """The model's inputs as the graph stores them."""
    found = {}
    for call in imported.program.graph.nodes:
        if call.op == "placeholder" and (source := imported.stands_for.get(call)) is not None:
            found[source.node] = as_stored(_wide(values[call]), source.placement, imported.graph[source.node].shape)
    return found


def _all_before(calls: list[fx.Node]) -> set[fx.Node]:
    """What they are computed of."""
    found: set[fx.Node] = set()
    while calls:
        calls = [source for call in calls for source in call.all_input_nodes if source not in found]
        found.update(calls)
    return found


def _probe(result: Any, random: torch.Generator) -> Tensor:
    """The first sample's value as it is, and random values in place of the others'; whole numbers, and masks of zeros
    and very negative numbers, as they all are."""
    probe = _wide(_first(result)).clone()
    if not probe.is_floating_point() and probe.dtype != torch.bool:
        return probe
    if probe.dtype != torch.bool and ((probe == 0) | (probe <= OUT)).all():
        return probe
    scale = 2.0 ** (SIZES * (2 * torch.rand(probe.shape, generator=random, dtype=torch.float64) - 1))
    probe[1:] = (scale * torch.randn(probe.shape, generator=random, dtype=torch.float64))[1:]
    return probe


def _item(result: Any, index: int) -> Any:
    return result[index] if isinstance(result, tuple | list) else result


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple | list) else result


def _wide(constant: Any) -> Any:
    return constant.double() if isinstance(constant, Tensor) and constant.is_floating_point() else constant


def _mismatch(model: str, call: fx.Node, name: str, found: Tensor, expected: Tensor) -> ImportMismatch:
    place = f"module '{module_stack(call)}'" if module_stack(call) else "the top module"
    what = f"shape {tuple(found.shape[1:])} in place of {tuple(expected.shape[1:])}"
    if found.shape == expected.shape:
        at = (found - expected).abs().nan_to_num(posinf=torch.inf).argmax()
        what = f"{found.flatten()[at]:.6g} where torch computes {expected.flatten()[at]:.6g}"
    return ImportMismatch(
        f"{model}: aten.{operator_of(call)} in {place} ({call.name}) was imported wrongly: its layer '{name}' computes "
        f"{what}. This is a fault of mixcomp-edge, not of the model: please report it, with the model if you may."
    )
