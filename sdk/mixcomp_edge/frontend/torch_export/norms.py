"""Normalization of each sample by itself: layer, group, instance and RMS norms, and vectors of length 1."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, refused
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.layers import batch_norm
from mixcomp_edge.frontend.torch_export.lifting import Lift
from mixcomp_edge.frontend.torch_export.values import Read
from mixcomp_edge.operators.normalize import LOOPS, Normalize

Part = tuple[int, bool, bool]  # of an axis: its size, whether it lies in a group, whether gains differ along it


@handles("layer_norm.default", "native_layer_norm.default", lift=Lift.LAST)
def _layer_norm(importer: Importer, node: fx.Node) -> None:
    _, shape, weight, bias, eps = arguments(node, None, None, None, None, 1e-5)[:5]
    _over_last(importer, node, len(shape), weight, bias, eps=float(eps), centred=True)


@handles("rms_norm.default", lift=Lift.LAST)
def _rms_norm(importer: Importer, node: fx.Node) -> None:
    """Without an eps it is the one of float32, which is written down: a proof in float64 is to take the same."""
    x, shape, weight, eps = arguments(node, None, None, None, None)
    eps = torch.finfo(torch.float32).eps if eps is None else float(eps)
    node.args = (x, shape, weight, eps)
    _over_last(importer, node, len(shape), weight, None, eps=eps, centred=False)


@handles("group_norm.default")
def _group_norm(importer: Importer, node: fx.Node) -> None:
    _, groups, weight, bias, eps = arguments(node, None, None, None, None, 1e-5)[:5]
    _over_groups(importer, node, int(groups), weight, bias, float(eps))


@handles("instance_norm.default")
def _instance_norm(importer: Importer, node: fx.Node) -> None:
    _, weight, bias, mean, variance, of_sample, _, eps = arguments(node, *[None] * 5, True, 0.1, 1e-5)[:8]
    if not of_sample:
        return batch_norm(importer, node, weight, bias, mean, variance, float(eps))
    channels = importer.stored(node).placement.shape[1]
    return _over_groups(importer, node, channels, weight, bias, float(eps))


@handles("normalize")
def _unit_norm(importer: Importer, node: fx.Node) -> None:
    """x / max(|x|, eps), |x| along some dimensions: a norm with the gain 1 / sqrt(n)."""
    _, _, dims, eps = node.args
    read = importer.read(node)
    inside = {int(dim) % (len(read.order) + 1) - 1 for dim in dims}  # type: ignore[union-attr, arg-type]
    if -1 in inside:
        raise refused(node, "a norm over the batch", APART)
    gain = np.array(np.prod([size for size, dim in zip(read.node.shape, read.order, strict=True) if dim in inside]))
    least = float(eps)  # type: ignore[arg-type]
    _add(importer, node, inside, (), gain**-0.5, None, eps=0.0, centred=False, least=least)


APART = "each sample is computed by itself: name the other dimensions"


def _over_last(importer: Importer, node: fx.Node, count: int, gain: Any, offset: Any, **more: Any) -> None:
    """A norm over the last `count` dimensions, each element of which may have a gain and an offset."""
    rank = len(importer.stored(node).placement.shape) - 1
    if count > rank:
        raise refused(node, "a norm over the batch", APART)
    inside = range(rank - count, rank)
    _add(importer, node, inside, inside, importer.tensor(gain), importer.tensor(offset), **more)


def _over_groups(importer: Importer, node: fx.Node, groups: int, gain: Any, offset: Any, eps: float) -> None:
    """A norm over all positions of each group of channels."""
    rank = len(importer.stored(node).placement.shape) - 1
    parameters = importer.tensor(gain), importer.tensor(offset)
    _add(importer, node, range(rank), (0,), *parameters, groups=groups, eps=eps, centred=True)


def _add(importer: Importer, node: fx.Node, inside: Collection[int], over: Collection[int],
         gain: Any, offset: Any, groups: int = 1, **more: Any) -> None:  # fmt: skip
    """Adds a norm over the dimensions `inside` of the operand, with gains that differ along `over`: as it lies if C has
    the loops for it, else in PyTorch's order. groups: of the first dimension, each by itself."""
    over = () if gain is None and offset is None else over
    read = importer.read(node)
    parts = _parts(read, inside, over, groups)
    if max(sum(part[1] for part in parts), sum(not part[1] for part in parts)) > LOOPS:
        order = tuple(range(len(read.order)))
        read = Read(importer.source_as(node, 0, order), order)
        parts = _parts(read, inside, over, groups)
    turn = [sorted(over).index(dim) for dim in read.order if dim in over]
    source, one = read.node, np.ones([1] * len(turn))
    gain, offset = (one * default if v is None else v for v, default in ((gain, 1.0), (offset, 0.0)))
    gain, offset = (np.array(v, np.float64) for v in np.broadcast_arrays(gain, offset))
    weight = next((a for a in node.args[1:] if isinstance(a, fx.Node) and importer.paths.get(a.name)), None)
    name = importer.layer_name(node, weight) if weight is not None else importer.unique(importer.place(node))
    norm = Normalize(
        name=name, inputs=(source.name,), shape=source.shape, view=tuple(size for size, _, _ in parts),
        axes=tuple(axis for axis, part in enumerate(parts) if part[1]),
        over=tuple(axis for axis, part in enumerate(parts) if part[2]),
        gain=gain.transpose(turn).ravel(), offset=offset.transpose(turn).ravel(), **more,
    )  # fmt: skip
    importer.add(node, norm, read.order)


def _parts(read: Read, inside: Collection[int], over: Collection[int], groups: int) -> list[Part]:
    """The axes as they lie, outermost first; neighbours of one kind are one."""
    found: list[Part] = []
    for size, dim in zip(read.node.shape, read.order, strict=True):
        here = [(size, dim in inside, dim in over)]
        if dim == 0 and groups > 1:
            here = [(groups, False, 0 in over), (size // groups, True, 0 in over)]
        for part in here:
            if part[0] > 1 and found and found[-1][1:] == part[1:]:
                found[-1] = (found[-1][0] * part[0], *part[1:])
            elif part[0] > 1:
                found.append(part)
    return found if any(part[1] for part in found) else [*found, (1, True, False)]
