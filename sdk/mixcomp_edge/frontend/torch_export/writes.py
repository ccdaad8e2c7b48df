"""Assignments to a part of a value, x[:, 2:5] = y or x[x < 0] = 0: torch.export shows a value of its own, which is the
whole with the part in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, refused, torch_shape, value_of
from mixcomp_edge.frontend.torch_export.choices import choice
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.layout import join
from mixcomp_edge.frontend.torch_export.lifting import Lift
from mixcomp_edge.frontend.torch_export.slices import cut, with_one_more
from mixcomp_edge.frontend.torch_export.values import Stored

MOST = 64  # places apart


@handles("slice_scatter.default", lift=Lift.ALONG)
def _slice_written(importer: Importer, node: fx.Node) -> None:
    _, _, dim, start, end, step = arguments(node, None, None, 0, None, None, 1)
    size = torch_shape(node)[dim]
    _write(importer, node, int(dim), range(size)[slice(start, end, step)])


@handles("select_scatter.default", lift=Lift.ALONG)
def _element_written(importer: Importer, node: fx.Node) -> None:
    dim, index = (int(argument) for argument in node.args[2:4])  # type: ignore[arg-type]
    at = index % torch_shape(node)[dim]
    _write(importer, node, dim, range(at, at + 1))


def _write(importer: Importer, node: fx.Node, dim: int, places: range) -> None:
    """The parts of the whole between those places, and what is written there, side by side."""
    whole, part = node.args[:2]
    dim %= len(torch_shape(node))
    size = torch_shape(node)[dim]
    written = _operand(importer, node, part)
    if len(written.placement.shape) < len(torch_shape(node)):
        written = with_one_more(written, dim)
    if len(places) == size:
        importer.alias[node] = replace(written, call=node.name)
        return
    if dim == 0:
        raise refused(node, "writing to some samples")
    runs = [(places[0], len(places))] if places.step == 1 else [(place, 1) for place in places]
    if len(runs) > MOST:
        raise refused(node, f"writing to {len(runs)} places apart", "put the value together of its parts by torch.cat")
    there = _operand(importer, node, whole)
    parts, at = [], 0
    for first, count in runs:
        parts += [cut(importer, node, there, dim, at, first - at)] if first > at else []
        parts += [cut(importer, node, written, dim, places.index(first), count)]
        at = first + count
    parts += [cut(importer, node, there, dim, at, size - at)] if at < size else []
    importer.alias[node] = join(importer, node, parts, dim)


def _operand(importer: Importer, node: fx.Node, argument: Any) -> Stored:
    if argument in importer.alias:
        return importer.stored(node, argument)
    return importer.flash(argument, argument, importer.constant(argument, argument))


@handles("index_put.default", lift=Lift.BROADCAST)
def _where_written(importer: Importer, node: fx.Node) -> None:
    """A number, or values of one for all, where a mask says so."""
    x, indices, value, adds = arguments(node, None, None, None, False)
    mask = indices[0] if len(indices) == 1 else None
    told = value_of(mask) if isinstance(mask, fx.Node) else None
    if adds or told is None or told.dtype != torch.bool or tuple(told.shape) != torch_shape(node):
        raise refused(node, "writing to elements by lists of their places", "write to slices, or where a mask says so")
    choice(importer, node, mask, value, x)
