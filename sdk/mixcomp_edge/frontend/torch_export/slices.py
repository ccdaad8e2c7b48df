"""Parts of values and repetitions of them: a dimension is walked in equal steps, as the value lies where it can be."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from torch import fx

from mixcomp_edge.frontend.torch_export.calls import BATCH, arguments, refused, torch_shape, unstorable
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.layout import join, viewed
from mixcomp_edge.frontend.torch_export.lifting import Lift
from mixcomp_edge.frontend.torch_export.orders import Placement, apart, canonical, normal, placed
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.ir.bounds import MAX_RANK
from mixcomp_edge.ir.graph import Window
from mixcomp_edge.operators.maxpool2d import MaxPool2d
from mixcomp_edge.operators.pad import Pad
from mixcomp_edge.operators.slice import Slice


def cut(importer: Importer, node: fx.Node, stored: Stored, dim: int, start: int, size: int, step: int = 1) -> Stored:
    """Elements start, start + step, … of a dimension, `size` of them: whole blocks of its outermost factor as the value
    lies, others in the canonical order, or, of a value that has none, once they lie side by side."""
    if 0 in stored.placement.dims[dim]:
        raise refused(node, "a slice of the batch")
    whole = stored.placement.shape[dim]
    step = step if size > 1 else 1
    if (start, size, step) == (0, whole, 1):
        return stored
    if size < 1:
        raise refused(node, "a slice that holds nothing")
    factors, sizes = stored.placement.dims[dim], stored.placement.sizes
    inner = prod(sizes[factor] for factor in factors[1:])
    by_blocks = inner == 1 or (step == 1 and start % inner == size % inner == 0)
    if not factors or not by_blocks:
        axes, inner = _in_one_piece(stored.placement, dim), 1
        stored = Stored(importer.brought(stored, axes).name, axes, stored.call)
    axes = stored.placement
    sizes, at = axes.sizes[1:], axes.dims[dim][0] - 1
    shape = [prod(sizes[:at]), sizes[at], prod(sizes[at + 1 :])] if len(sizes) > MAX_RANK else [*sizes]
    source = importer.shaped(importer.nodes[stored.node], tuple(shape), stored.call)
    axis = 1 if len(sizes) > MAX_RANK else at
    starts, steps = [0] * len(shape), [1] * len(shape)
    starts[axis], steps[axis], shape[axis] = start // inner, step, size // inner
    name = importer.unique(node.name)
    importer.nodes[name] = Slice(
        name=name, inputs=(source.name,), shape=tuple(shape), start=tuple(starts), step=tuple(steps)
    )
    left = (axes.sizes[0], *sizes[:at], size // inner, *sizes[at + 1 :])
    return Stored(name, normal(left, axes.dims), node.name)


def _in_one_piece(placement: Placement, dim: int) -> Placement:
    """One in which that dimension is a factor."""
    rank = len(placement.dims) - 1
    if placement.dims[0] == (0,) and rank <= MAX_RANK:
        return apart(placement.shape, canonical(rank))
    moved = placement.with_innermost(dim)
    if moved.dims[dim]:
        return moved
    dims = tuple((len(moved.sizes),) if d == dim else factors for d, factors in enumerate(moved.dims))
    return Placement((*moved.sizes, 1), dims)


def _dim(node: fx.Node, argument: Any, rank: int) -> int:
    return int(argument) % rank


@handles("slice.Tensor", lift=Lift.ALONG)
def _slice(importer: Importer, node: fx.Node) -> None:
    """x[:, :, ::s] of a map is a pooling over 1x1 windows."""
    stored = importer.stored(node)
    _, dim, start, end, step = arguments(node, None, 0, None, None, 1)
    shape = stored.placement.shape
    dim = _dim(node, dim, len(shape))
    start, end, step = slice(start, end, step).indices(shape[dim])
    if start == 0 and end == shape[dim] and step > 1 and len(shape) == 4 and dim in (2, 3):
        return importer.unary(node, MaxPool2d, window=Window((1, 1), (step, 1) if dim == 2 else (1, step)))
    importer.alias[node] = cut(importer, node, stored, dim, start, len(range(start, end, step)), step)
    return None


@handles("select.int", lift=Lift.ALONG)
def _select(importer: Importer, node: fx.Node) -> None:
    stored = importer.stored(node)
    shape = stored.placement.shape
    dim = _dim(node, node.args[1], len(shape))
    part = cut(importer, node, stored, dim, int(node.args[2]) % shape[dim], 1)  # type: ignore[arg-type]
    importer.view(node, part, _without(part.placement, dim))


@handles("unbind.int", lift=Lift.ALONG)
def _unbind(importer: Importer, node: fx.Node) -> None:
    stored, (_, dim) = importer.stored(node), arguments(node, None, 0)
    shape = stored.placement.shape
    dim = _dim(node, dim, len(shape))
    parts = [cut(importer, node, stored, dim, i, 1) for i in range(shape[dim])]
    importer.items[node] = [replace(part, placement=_without(part.placement, dim)) for part in parts]


@handles("split.Tensor", "split_with_sizes.default", "split.sizes", "chunk.default", lift=Lift.ALONG)
def _split(importer: Importer, node: fx.Node) -> None:
    """At the places where torch itself cuts."""
    stored, (_, _, dim) = importer.stored(node), arguments(node, None, None, 0)
    dim = _dim(node, dim, len(stored.placement.shape))
    sizes = [part.shape[dim] for part in node.meta["val"]]
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    importer.items[node] = [cut(importer, node, stored, dim, *part) for part in zip(starts, sizes, strict=True)]


@handles("flip.default", lift=Lift.ALONG)
def _flip(importer: Importer, node: fx.Node) -> None:
    stored = importer.stored(node)
    shape = stored.placement.shape
    for dim in (_dim(node, argument, len(shape)) for argument in node.args[1]):  # type: ignore[union-attr]
        if shape[dim] > 1:
            stored = cut(importer, node, stored, dim, shape[dim] - 1, shape[dim], -1)
    importer.alias[node] = stored


@handles("roll.default", lift=Lift.ALONG)
def _roll(importer: Importer, node: fx.Node) -> None:
    """The last elements of a dimension before its first ones."""
    stored, (_, shifts, dims) = importer.stored(node), arguments(node, None, [], [])
    if not dims:
        raise refused(node, "a roll over all dimensions at once")
    for shift, argument in zip(shifts, dims, strict=True):
        dim = _dim(node, argument, len(stored.placement.shape))
        size = stored.placement.shape[dim]
        at = -int(shift) % size
        if at:
            parts = [cut(importer, node, stored, dim, *part) for part in ((at, size - at), (0, at))]
            stored = join(importer, node, parts, dim)
    importer.alias[node] = stored


@handles("expand.default", "repeat.default", "tile.default")
def _repeat(importer: Importer, node: fx.Node) -> None:
    """A dimension of 1 is read again and again; a longer one stands beside itself."""
    stored, shape = importer.stored(node), torch_shape(node)
    if len(shape) != len(stored.placement.shape) or shape[0] != BATCH:
        raise refused(node, unstorable(shape))
    for dim, (old, new) in enumerate(zip(stored.placement.shape, shape, strict=True)):
        if old == 1 and new > 1:
            stored = cut(importer, node, stored, dim, 0, new, 0)
        elif old != new:
            stored = join(importer, node, [stored] * (new // old), dim)
    importer.alias[node] = stored


@handles("index.Tensor")
@handles("index_select.default", lift=Lift.ALONG)
def _index(importer: Importer, node: fx.Node) -> None:
    """Constant indices of one dimension, in runs of equal steps."""
    stored = importer.stored(node)
    if "index_select" in str(node.target):
        dim, argument = int(node.args[1]), node.args[2]  # type: ignore[arg-type]
    else:
        given = [(d, index) for d, index in enumerate(node.args[1]) if index is not None]  # type: ignore[arg-type]
        if len(given) != 1:
            raise refused(node, f"{node.target} of several dimensions at once")
        dim, argument = given[0]
    indices = importer.constants.get(argument) if isinstance(argument, fx.Node) else None
    if indices is None or indices.dim() != 1 or indices.is_floating_point() or indices.dtype.itemsize == 1:
        raise refused(node, f"{node.target} by what is no list of constant integers")
    dim = _dim(node, dim, len(stored.placement.shape))
    numbers = [int(i) % stored.placement.shape[dim] for i in indices]
    parts = [cut(importer, node, stored, dim, first, size, step) for first, size, step in _runs(numbers)]
    importer.alias[node] = parts[0] if len(parts) == 1 else join(importer, node, parts, dim)


def _runs(numbers: list[int]) -> list[tuple[int, int, int]]:
    """The list in pieces of equal steps: first number, how many, step."""
    runs: list[tuple[int, int, int]] = []
    for number in numbers:
        first, size, step = runs[-1] if runs else (0, 0, 0)
        if size == 1:
            runs[-1] = (first, 2, number - first)
        elif size and number == first + size * step:
            runs[-1] = (first, size + 1, step)
        else:
            runs.append((number, 1, 1))
    return runs


def _without(placement: Placement, dim: int) -> Placement:
    """The placement less a dimension of 1."""
    return Placement(placement.sizes, placement.dims[:dim] + placement.dims[dim + 1 :])


@handles("stack.default", lift=Lift.ALONG)
def _stack(importer: Importer, node: fx.Node) -> None:
    tensors, dim = arguments(node, None, 0)
    dim = _dim(node, dim, len(torch_shape(node)))
    importer.alias[node] = _stacked(importer, node, [importer.stored(node, tensor) for tensor in tensors], dim)


def _stacked(importer: Importer, node: fx.Node, parts: list[Stored], dim: int) -> Stored:
    """Values side by side along a new dimension."""
    return join(importer, node, [with_one_more(part, dim) for part in parts], dim)


def with_one_more(part: Stored, dim: int) -> Stored:
    """The value with one more dimension of 1."""
    sizes, dims = part.placement.sizes, part.placement.dims
    return replace(part, placement=Placement(sizes, (*dims[:dim], (), *dims[dim:])))


@handles("channel_shuffle.default", "native_channel_shuffle.default")
def _channel_shuffle(importer: Importer, node: fx.Node) -> None:
    (n, c, *places), groups = torch_shape(node), int(node.args[1])  # type: ignore[arg-type]
    parts = viewed(importer, node, importer.stored(node), (n, groups, c // groups, *places))
    swapped = replace(parts, placement=parts.placement.permuted((0, 2, 1, *range(3, 3 + len(places)))))
    importer.alias[node] = viewed(importer, node, swapped, (n, c, *places))


@handles("pixel_shuffle.default")
def _pixel_shuffle(importer: Importer, node: fx.Node) -> None:
    stored, r = importer.stored(node), int(node.args[1])  # type: ignore[arg-type]
    n, c, h, w = stored.placement.shape
    parts = viewed(importer, node, stored, (n, c // r**2, r, r, h, w))
    moved = replace(parts, placement=parts.placement.permuted((0, 1, 4, 2, 5, 3)))
    importer.alias[node] = viewed(importer, node, moved, torch_shape(node))


@handles("pixel_unshuffle.default")
def _pixel_unshuffle(importer: Importer, node: fx.Node) -> None:
    stored, r = importer.stored(node), int(node.args[1])  # type: ignore[arg-type]
    n, c, h, w = stored.placement.shape
    parts = viewed(importer, node, stored, (n, c, h // r, r, w // r, r))
    moved = replace(parts, placement=parts.placement.permuted((0, 1, 3, 5, 2, 4)))
    importer.alias[node] = viewed(importer, node, moved, torch_shape(node))


@handles("unfold.default")
def _windows(importer: Importer, node: fx.Node) -> None:
    """Windows of a dimension; the elements of each are a new last one."""
    stored, (_, dim, size, step) = importer.stored(node), arguments(node, None, None, None, None)
    shape, rank = stored.placement.shape, len(stored.placement.shape)
    dim = _dim(node, dim, rank)
    if size == step:
        count = torch_shape(node)[dim]
        whole = cut(importer, node, stored, dim, 0, count * int(size))
        blocks = viewed(importer, node, whole, (*shape[:dim], count, int(size), *shape[dim + 1 :]))
        dims = (*range(dim + 1), *range(dim + 2, rank + 1), dim + 1)
        return importer.view(node, blocks, blocks.placement.permuted(dims))
    parts = [cut(importer, node, stored, dim, i, torch_shape(node)[dim], int(step)) for i in range(int(size))]
    importer.alias[node] = _stacked(importer, node, parts, rank)
    return None


@handles("im2col.default")
def _patches(importer: Importer, node: fx.Node) -> None:
    """F.unfold: (N, C, H, W) to (N, C * KH * KW, positions)."""
    kernel, dilation, padding, stride = (_two(argument) for argument in arguments(node, None, *[None] * 4)[1:])
    source = importer.source(node)
    height, width, channels = source.shape
    if any(padding):
        around, name = (*padding, 0), importer.unique(f"{node.name}_pad")
        shape = (height + 2 * padding[0], width + 2 * padding[1], channels)
        source = Pad(name=name, inputs=(source.name,), shape=shape, before=around, after=around)
        importer.nodes[name] = source
    sizes = (source.shape[0], source.shape[1])
    counts = [(n - d * (k - 1) - 1) // s + 1 for n, d, k, s in zip(sizes, dilation, kernel, stride, strict=True)]
    stored = Stored(source.name, placed((BATCH, channels, *sizes), canonical(3)), node.name)
    if kernel == stride and dilation == (1, 1):
        for dim, (count, size) in enumerate(zip(counts, kernel, strict=True)):
            stored = cut(importer, node, stored, 2 + dim, 0, count * size)
        (oh, ow), (kh, kw) = counts, kernel
        blocks = viewed(importer, node, stored, (BATCH, channels, oh, kh, ow, kw))
        moved = replace(blocks, placement=blocks.placement.permuted((0, 1, 3, 5, 2, 4)))
        importer.alias[node] = viewed(importer, node, moved, torch_shape(node))
        return
    rows = [cut(importer, node, stored, 2, i * dilation[0], counts[0], stride[0]) for i in range(kernel[0])]
    parts = [
        cut(importer, node, row, 3, i * dilation[1], counts[1], stride[1]) for row in rows for i in range(kernel[1])
    ]
    importer.alias[node] = viewed(importer, node, _stacked(importer, node, parts, 2), torch_shape(node))


def _two(argument: Any) -> tuple[int, int]:
    return int(argument[0]), int(argument[-1])
