"""The product of two values as an einsum says it, in whatever order they lie: what all products of matrices become."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import torch
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import operator_of, refused, unstorable
from mixcomp_edge.frontend.torch_export.importer import Importer
from mixcomp_edge.frontend.torch_export.orders import Placement, normal, placed
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.ir.bounds import MAX_RANK
from mixcomp_edge.ir.graph import Node
from mixcomp_edge.operators.matmul import MAX_SUMMED, MatMul

MOVES = ("permute", "transpose", "movedim", "swapaxes", "swapdims")
SAME = ("clone", "alias", "detach", "dropout", "_to_copy")
INNER = "@"  # the letter of what a first dimension holds beside the samples, such as the heads of an attention


@dataclass(frozen=True)
class Operand:
    """A value and a letter for each of its dimensions; the first is the samples'."""

    stored: Stored
    letters: str

    @property
    def sizes(self) -> dict[str, int]:
        return dict(zip(self.letters, self.stored.placement.shape, strict=True))


def product(
    importer: Importer, node: fx.Node, a: Operand, b: Operand, y: str, *, factor: float = 1.0, order: str = ""
) -> Stored:
    """Adds the node that sums the products of a and b along the letters that y has not; dimensions of 1 repeat. order:
    the letters of y as they are stored; where it is empty, as what reads the call's value wants them."""
    a, b = _apart(node, a), _apart(node, b)
    split = a.letters[1] == INNER
    if split != (b.letters[1] == INNER):
        raise refused(node, f"reading {unstorable(a.stored.placement.shape)}")
    whole = y[0] + INNER + y[1:] if split else y
    sizes = {letter: max(a.sizes.get(letter, 1), b.sizes.get(letter, 1)) for letter in a.letters + b.letters}
    kept = (order or _wanted(node, y)).replace(y[0], INNER if split else "")
    operands = [_as_it_lies(importer, operand, sizes) for operand in (a, b)]
    summed = [letter for letter in sizes if letter not in whole]
    if len(kept) > MAX_RANK or len(summed) > MAX_SUMMED or not all(letters for _, letters in operands):
        raise refused(node, f"a product with {len(kept)} dimensions beside the samples and sums along {len(summed)}")
    number = {letter: axis for axis, letter in enumerate([*kept, *summed])}
    (left, a_letters), (right, b_letters) = operands
    product = MatMul(
        name=importer.unique(node.name), inputs=(left.name, right.name), shape=tuple(sizes[x] for x in kept),
        a_axes=tuple(number[x] for x in a_letters), b_axes=tuple(number[x] for x in b_letters),
        count=prod(sizes[x] for x in summed), factor=factor,
    )  # fmt: skip
    importer.nodes[product.name] = product
    shape = (a.stored.placement.shape[0], *(sizes[x] for x in whole[1:]))
    placement = placed(shape, tuple(whole.index(x) - 1 for x in kept))
    if split:
        together, inner, *rest = placement.dims
        placement = normal(placement.sizes, (together + inner, *rest))
    return Stored(product.name, placement, node.name)


def _apart(node: fx.Node, operand: Operand) -> Operand:
    """What the first dimension holds beside the samples as one of its own, with the letter INNER."""
    placement, letters = operand.stored.placement, operand.letters
    if placement.dims[0] == (0,):
        return operand
    if placement.dims[0][:1] != (0,):
        raise refused(node, f"reading {unstorable(placement.shape)}")
    dims = ((0,), placement.dims[0][1:], *placement.dims[1:])
    return Operand(
        replace(operand.stored, placement=Placement(placement.sizes, dims)), letters[0] + INNER + letters[1:]
    )


def _as_it_lies(importer: Importer, operand: Operand, sizes: dict[str, int]) -> tuple[Node, str]:
    """A node whose axes are the operand's dimensions, in one piece each, and their letters. One that repeats has no
    axis."""
    placement = operand.stored.placement
    shape = placement.shape
    order = placement.order or tuple(range(len(shape) - 1))
    letters = [operand.letters[1 + dim] for dim in order if shape[1 + dim] == sizes[operand.letters[1 + dim]]]
    axes = tuple(sizes[letter] for letter in letters)
    return importer.brought(operand.stored, placed(shape, order), axes), "".join(letters)


def _wanted(node: fx.Node, y: str) -> str:
    """The letters of the call's value in the order into which the call behind it permutes them, if one does."""
    reader = node
    while len(reader.users) == 1:
        (reader,) = reader.users
        name = operator_of(reader)
        if name in MOVES:
            told_apart = torch.empty(*range(len(y)), device="meta")  # dimension d has size d
            moved = reader.target(told_apart, *reader.args[1:], **reader.kwargs)  # type: ignore[operator]
            return "".join(y[dim] for dim in moved.shape)
        if name not in SAME:
            break
    return y
