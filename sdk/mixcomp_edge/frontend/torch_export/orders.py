"""How a value of the traced program lies in memory. A permutation or reshape of it changes this note, where it can, and
moves nothing; what needs the value in another order works out the moves from two notes.

Nothing here knows torch or the graph: shapes are tuples, the batch first; an *order* lists the dimensions behind the
batch, numbered from 0, as they are stored, outermost first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

from mixcomp_edge.ir.bounds import MAX_RANK

Shape = tuple[int, ...]
Order = tuple[int, ...]


@dataclass(frozen=True)
class Placement:
    """sizes: of the factors that the value's dimensions are products of, as they are stored, outermost first; factor 0
    is the batch. dims: the factors of each dimension, the batch first, outermost first.

    Functions give the normal form, in which equal placements are the same elements at the same places: no factor but
    the batch is 1, and neighbours in memory that are neighbours in one dimension are one factor."""

    sizes: Shape
    dims: tuple[tuple[int, ...], ...]

    @property
    def shape(self) -> Shape:
        """Of the value, the batch first."""
        return tuple(prod(self.sizes[factor] for factor in dim) for dim in self.dims)

    @property
    def order(self) -> Order | None:
        """The order in which the dimensions are stored; None unless each lies in one piece, the batch by itself.
        Dimensions of 1 lie where the canonical order has them if that is the value's, else outermost, channels last."""
        if self.dims[0] != (0,) or any(len(dim) > 1 for dim in self.dims):
            return None
        if placed(self.shape, canonical(len(self.dims) - 1)) == self:
            return canonical(len(self.dims) - 1)
        rest = self.dims[1:]
        return tuple(sorted(range(len(rest)), key=lambda d: rest[d] or ((len(self.sizes),) if d == 0 else (0,))))

    def permuted(self, dims: tuple[int, ...]) -> Placement:
        """The dimensions, the batch included, in another order."""
        return Placement(self.sizes, tuple(self.dims[dim] for dim in dims))

    def reshaped(self, shape: Shape) -> Placement | None:
        """The same elements in another shape; None where they do not lie so that its dimensions have factors.

        Factors that are neighbours in memory and in reading are one run, which may be split anywhere; a new dimension
        takes whole runs, or parts of one."""
        runs: list[list[int]] = []
        for factor in (factor for dim in self.dims for factor in dim):
            if runs and runs[-1][-1] + 1 == factor > 1:
                runs[-1].append(factor)
            else:
                runs.append([factor])
        sizes = [prod(self.sizes[factor] for factor in run) for run in runs]
        pieces = split(sizes, list(shape))
        if pieces is None:
            return None
        stored = sorted((runs[run][0], at) for at, (run, _) in enumerate(pieces[0]))
        place = {at: position for position, (_, at) in enumerate(stored)}
        dims: list[list[int]] = [[] for _ in shape]
        for at, (dim, _) in enumerate(pieces[1]):
            dims[dim].append(place[at])
        return normal(tuple(pieces[0][at][1] for _, at in stored), tuple(map(tuple, dims)))

    def columns(self, dim: int) -> list[int]:
        """For the elements of a dimension as they are stored, their indices in it."""
        factors = self.dims[dim]
        steps = {f: prod(self.sizes[inner] for inner in factors[i + 1 :]) for i, f in enumerate(factors)}
        found = [0]
        for factor in sorted(factors):
            found = [index + i * steps[factor] for index in found for i in range(self.sizes[factor])]
        return found

    def with_innermost(self, dim: int) -> Placement:
        """With the elements of a dimension side by side, in order: the others stay as they lie to one another."""
        moved = [*(f for f in range(len(self.sizes)) if f not in self.dims[dim]), *self.dims[dim]]
        dims = tuple(tuple(moved.index(factor) for factor in factors) for factors in self.dims)
        return normal(tuple(self.sizes[factor] for factor in moved), dims)

    def resized(self, dim: int, size: int) -> Placement:
        """With another size of a dimension whose elements lie side by side."""
        rest = self.sizes[: len(self.sizes) - len(self.dims[dim])]
        dims = tuple((len(rest),) if d == dim else factors for d, factors in enumerate(self.dims))
        return normal((*rest, size), dims)

    def is_innermost(self, dim: int) -> bool:
        """Whether the elements of a dimension lie side by side."""
        factors = sorted(self.dims[dim])
        return factors == list(range(len(self.sizes) - len(factors), len(self.sizes)))


def canonical(rank: int) -> Order:
    """Channels last: the first dimension behind the batch is the innermost."""
    return (*range(1, rank), 0)[:rank]


def placed(shape: Shape, order: Order) -> Placement:
    """A value of that shape, the batch first, stored in that order."""
    axes = apart(shape, order)
    return normal(axes.sizes, axes.dims)


def apart(shape: Shape, order: Order) -> Placement:
    """The same with a factor for each dimension, not in normal form."""
    sizes = (shape[0], *(shape[1 + dim] for dim in order))
    return Placement(sizes, ((0,), *((1 + order.index(dim),) for dim in range(len(order)))))


def normal(sizes: Shape, dims: tuple[tuple[int, ...], ...]) -> Placement:
    kept = [factor for factor, size in enumerate(sizes) if size > 1 or factor == 0]
    number = {factor: i for i, factor in enumerate(kept)}
    parts = [[number[factor] for factor in dim if factor in number] for dim in dims]
    inner = {b for part in parts for a, b in pairwise(part) if a + 1 == b > 1}  # joins the one before
    group, count = {}, -1
    for factor in range(len(kept)):
        count += factor not in inner
        group[factor] = count
    joined = [1] * (count + 1)
    for factor, old in enumerate(kept):
        joined[group[factor]] *= sizes[old]
    return Placement(tuple(joined), tuple(tuple(group[f] for f in part if f not in inner) for part in parts))


def split(a: list[int], b: list[int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]] | None:
    """Two lists of sizes with one product, cut into the same pieces: (index in the list, size) of each piece, for a and
    for b; None where a cut of one would leave no whole number of the other. Sizes of 1 have no piece."""
    found: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    i = j = 0
    left, right = a[:], b[:]
    while True:
        while i < len(left) and left[i] == 1:
            i += 1
        while j < len(right) and right[j] == 1:
            j += 1
        if i == len(left) or j == len(right):
            return found if (i, j) == (len(left), len(right)) else None
        size = min(left[i], right[j])
        if left[i] % size or right[j] % size:
            return None
        found[0].append((i, size))
        found[1].append((j, size))
        left[i] //= size
        right[j] //= size


Move = tuple[Shape, tuple[int, ...]]  # a transposition: shape before it, of MAX_RANK at most, and axes


def moves(a: Placement, b: Placement) -> list[Move]:
    """The transpositions that bring a value from one placement into another. Where the factors of one cross those of
    the other, they go by way of PyTorch's own order."""
    stored_a: list[tuple[int, int, int]] = []  # factor, dimension, number in the dimension: of each piece
    stored_b: list[tuple[int, int, int]] = []
    sizes: dict[tuple[int, int], int] = {}
    for dim, (ours, theirs) in enumerate(zip(a.dims, b.dims, strict=True)):
        pieces = split([a.sizes[factor] for factor in ours], [b.sizes[factor] for factor in theirs])
        if pieces is None:
            between = placed(a.shape, tuple(range(len(a.dims) - 1)))
            return moves(a, between) + moves(between, b)
        for at, ((i, size), (j, _)) in enumerate(zip(*pieces, strict=True)):
            stored_a.append((ours[i], dim, at))
            stored_b.append((theirs[j], dim, at))
            sizes[dim, at] = size
    before = [piece for _, *piece in sorted(stored_a)]
    behind = [piece for _, *piece in sorted(stored_b)]
    assert before[0] == behind[0]  # the batch
    return _steps(
        tuple(sizes[dim, at] for dim, at in before[1:]), tuple(before.index(piece) - 1 for piece in behind[1:])
    )


def merged(shape: Shape, axes: tuple[int, ...]) -> Move:
    """The same transposition with neighbours that stay neighbours as one axis, and without axes of 1."""
    kept = [axis for axis in axes if shape[axis] > 1]
    number = {axis: i for i, axis in enumerate(sorted(kept))}
    order = [number[axis] for axis in kept]
    sizes = [shape[axis] for axis in sorted(kept)]
    inner = {b for a, b in pairwise(order) if a + 1 == b}
    firsts = [axis for axis in range(len(sizes)) if axis not in inner]
    joined = tuple(prod(sizes[a:b]) for a, b in pairwise([*firsts, len(sizes)]))
    return joined, tuple(firsts.index(axis) for axis in order if axis not in inner)


def _steps(shape: Shape, axes: tuple[int, ...]) -> list[Move]:
    """Transpositions of MAX_RANK at most that do what one of any rank does: axis by axis, the outermost first."""
    if axes == tuple(range(len(axes))):
        return []
    if len(shape) <= MAX_RANK:
        return [(shape, axes)]
    shape, axes = merged(shape, axes)
    if len(shape) <= MAX_RANK:
        return [(shape, axes)]
    to = next(i for i, axis in enumerate(axes) if i != axis)
    at = axes[to]
    step = merged((prod(shape[:to]), prod(shape[to:at]), shape[at], prod(shape[at + 1 :])), (0, 2, 1, 3))
    now = [*range(to), at, *range(to, at), *range(at + 1, len(shape))]  # the axes as they lie after it
    return [step, *_steps(tuple(shape[axis] for axis in now), tuple(now.index(axis) for axis in axes))]
