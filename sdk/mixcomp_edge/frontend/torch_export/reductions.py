"""Sums, means, deviations, extremes and norms along some dimensions. A mean over all positions is a pooling."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, operator_of, refused
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.lifting import Lift
from mixcomp_edge.frontend.torch_export.orders import Order, canonical
from mixcomp_edge.ir.graph import Node, Shape, Window
from mixcomp_edge.ir.nests import without
from mixcomp_edge.ir.windows import plane
from mixcomp_edge.numerics.functions import Step
from mixcomp_edge.operators.affine import Affine
from mixcomp_edge.operators.arg_max import MAX_COUNT, ArgMax
from mixcomp_edge.operators.avgpool2d import AvgPool2d
from mixcomp_edge.operators.blend import Blend
from mixcomp_edge.operators.lookup import Lookup
from mixcomp_edge.operators.reduce import Reduce, ReduceMax, ReduceNorm, ReduceSum
from mixcomp_edge.operators.reshape import Reshape


@handles("mean.dim", lift=Lift.ALONG)
def _mean(importer: Importer, node: fx.Node) -> None:
    _, dims, keepdim = arguments(node, None, None, False)
    order = importer.read(node).order
    whole_map = len(order) in (2, 3) and _behind_batch(node, dims, len(order)) == tuple(range(1, len(order)))
    if not whole_map or order != canonical(len(order)):
        return _reduce(importer, node, ReduceSum, dims, keepdim, mean=True)
    return _pool(importer, node, keepdim)


def _pool(importer: Importer, node: fx.Node, keepdim: bool) -> None:
    """A pooling over the whole map, then the shape that keepdim asks for."""
    source = importer.source(node)
    height, width, channels = plane(source.shape)
    window, shape = Window((height, width), (height, width)), (1, 1, channels)[-len(source.shape) :]
    pool = AvgPool2d(name=importer.unique(node.name), inputs=(source.name,), shape=shape, window=window)
    importer.add(node, pool)
    if not keepdim:
        name = importer.unique(f"{node.name}_flat")
        importer.add(node, Reshape(name=name, inputs=(pool.name,), shape=(channels,)))


@handles("sum.dim_IntList", lift=Lift.ALONG)
def _sum(importer: Importer, node: fx.Node) -> None:
    _, dims, keepdim = arguments(node, None, None, False)
    _reduce(importer, node, ReduceSum, dims, keepdim)


@handles("amax.default", "amin.default", "max.dim", "min.dim", lift=Lift.ALONG)
def _extreme(importer: Importer, node: fx.Node) -> None:
    """max and min give positions, too; `getitem` refuses these."""
    _, dims, keepdim = arguments(node, None, [], False)
    _reduce(importer, node, ReduceMax, dims, keepdim, least="min" in str(node.target))


@handles("linalg_vector_norm.default", lift=Lift.ALONG)
def _norm(importer: Importer, node: fx.Node) -> None:
    _, power, dims, keepdim = arguments(node, None, 2, None, False)
    if power != 2:
        raise refused(node, f"a norm of order {power}", "the norm of order 2, and sums and maxima, are supported")
    _reduce(importer, node, ReduceNorm, dims, keepdim)


@handles(
    *(f"{name}.{kind}" for name in ("var", "std", "var_mean", "std_mean") for kind in ("dim", "correction")),
    lift=Lift.ALONG,
)
def _variance(importer: Importer, node: fx.Node) -> None:
    """The norm of what the mean leaves, by the root of the count: the deviation."""
    _, dims, correction, keepdim = arguments(node, None, None, 1, False)
    read = importer.read(node)
    axes, left = _split(read.order, _behind_batch(node, dims, len(read.order)))
    count = prod(read.node.shape[axis] for axis in axes)
    divisor = count - float(1 if correction is None else correction)
    if divisor <= 0:
        raise refused(node, f"the deviation of {count} elements, divided by {divisor:g}", "take correction=0")
    shape = without(read.node.shape, axes)

    def added(what: str, make: Callable[..., Node], *inputs: Node, shape: Shape = shape, **fields: Any) -> Node:
        name = importer.unique(f"{node.name}{what}")
        made = make(name=name, inputs=tuple(source.name for source in inputs), shape=shape, **fields)
        return importer.nodes.setdefault(name, made)

    mean = added("_mean", ReduceSum, read.node, axes=axes, count=count, mean=True)
    centred = added("_centred", Blend, read.node, mean, shape=read.node.shape, factors=np.array([1.0, -1.0]))
    norm = added("_norm", ReduceNorm, centred, axes=axes, count=count)
    gain = np.full(shape[-1], divisor**-0.5)
    result = added("", Affine, norm, gain=gain, offset=0 * gain)
    if operator_of(node).startswith("var"):
        result = added("", Lookup, result, function=(Step("square"),))
    importer.add(node, result, read.order if keepdim else left)
    if operator_of(node).endswith("_mean"):
        deviation = importer.alias.pop(node)
        importer.items[node] = [deviation, replace(deviation, node=mean.name)]


@handles("argmax.default", lift=Lift.ALONG)
def _argmax(importer: Importer, node: fx.Node) -> None:
    _, dim, keepdim = arguments(node, None, None, False)
    _reduce(importer, node, ArgMax, dim, keepdim)


def _reduce(importer: Importer, node: fx.Node, make: type[Reduce], dims: Any, keepdim: bool, **more: Any) -> None:
    """Adds make(...) over these dimensions of the call's operand, as it lies."""
    source, order = importer.read(node).node, importer.read(node).order
    axes, left = _split(order, _behind_batch(node, dims, len(order)))
    name, count = importer.unique(node.name), prod(source.shape[axis] for axis in axes)
    if make is ArgMax and count > MAX_COUNT:
        raise refused(node, f"the index of one of {count}", f"up to {MAX_COUNT} are told apart; return the values")
    shape = without(source.shape, axes)
    reduced = make(name=name, inputs=(source.name,), shape=shape, axes=axes, count=count, **more)
    importer.add(node, reduced, order if keepdim else left)


def _split(order: Order, gone: Collection[int]) -> tuple[tuple[int, ...], Order]:
    """The axes along which dimensions go, and the order of those that are left."""
    left = [dim for dim in order if dim not in gone]
    axes = tuple(axis for axis, dim in enumerate(order) if dim in gone)
    return axes, tuple(sorted(left).index(dim) for dim in left)


def _behind_batch(node: fx.Node, dims: Any, rank: int) -> tuple[int, ...]:
    """The dimensions that a call names, numbered behind the batch, in order."""
    named = [dims] if isinstance(dims, int) else list(dims or range(rank + 1))
    found = sorted(int(dim) % (rank + 1) - 1 for dim in named)
    if found[0] < 0:
        raise refused(node, f"{node.target} over the batch", "each sample is computed by itself: name the dimensions")
    return tuple(found)
