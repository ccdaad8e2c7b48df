"""Comparisons, and choices by what they say. lower/join_functions.py finds where all is made of one value, and parts
what is made apart; what repeats is parted here."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from torch import fx

from mixcomp_edge.frontend.torch_export import computed_masks
from mixcomp_edge.frontend.torch_export.activations import is_number, number_of, of_several
from mixcomp_edge.frontend.torch_export.calls import only_booleans, operator_of, refused, torch_shape
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.lifting import Lift
from mixcomp_edge.frontend.torch_export.masks import OUT, leaves_out, left_out, replaced
from mixcomp_edge.frontend.torch_export.pairs import joined, operand
from mixcomp_edge.frontend.torch_export.tokens import compared
from mixcomp_edge.numerics.functions import Step
from mixcomp_edge.operators.blend import Blend
from mixcomp_edge.operators.lookup import Lookup

SCALE_BEFORE = "put it behind scaling and sums, or write a number"
COMPARISONS = {"gt": "above", "ge": "from", "lt": "below", "le": "up_to", "eq": "equal", "ne": "unequal"}


@handles(*(f"{name}.{kind}" for name in COMPARISONS for kind in ("Scalar", "Tensor")), lift=Lift.BROADCAST)
def _comparison(importer: Importer, node: fx.Node) -> None:
    """1 where it holds, else 0."""
    function = COMPARISONS[operator_of(node)]
    if not compared(importer, node, function):
        _compare(importer, node, function)


@handles("logical_xor.default", "bitwise_xor.Tensor", "__xor__.Tensor", lift=Lift.BROADCAST)
def _either(importer: Importer, node: fx.Node) -> None:
    only_booleans(node)
    _compare(importer, node, "unequal")


def _compare(importer: Importer, node: fx.Node, function: str) -> None:
    if all(_fits(importer, node, value) for value in node.args[:2]):
        of_several(importer, node, function, list(node.args[:2]))
    else:
        a, b = (operand(importer, node, value) for value in node.args[:2])
        difference = joined(importer, node, partial(Blend, factors=np.array([1.0, -1.0])), a, b)
        importer.pointwise(node, Lookup, difference, function=(Step("constant", (), (0.0,)), Step(function, (0, 1))))


def _fits(importer: Importer, node: fx.Node, argument: Any) -> bool:
    """Whether it is a value of the call's shape, or one number."""
    if argument in importer.alias:
        return importer.stored(node, argument).placement.shape == torch_shape(node)
    return is_number(importer, argument)


@handles("logical_not.default", "bitwise_not.default")
def _not(importer: Importer, node: fx.Node) -> None:
    only_booleans(node)
    half = Step("constant", (), (computed_masks.HALF,))
    importer.pointwise(node, Lookup, function=(half, Step(computed_masks.FALSE, (0, 1))))


@handles("where.self", "where.ScalarSelf", "where.ScalarOther", "where.Scalar", lift=Lift.BROADCAST)
def _where(importer: Importer, node: fx.Node) -> None:
    choice(importer, node, *node.args[:3])


@handles("masked_fill.Scalar", "masked_fill.Tensor", lift=Lift.BROADCAST)
def _masked_fill(importer: Importer, node: fx.Node) -> None:
    x, mask, value = node.args
    choice(importer, node, mask, value, x)


def choice(importer: Importer, node: fx.Node, mask: Any, there: Any, elsewhere: Any) -> None:
    """A function, or a number in some places."""
    if mask not in importer.alias and is_number(importer, mask):
        side = there if number_of(importer, node, mask) else elsewhere
        if side in importer.alias and _fits(importer, node, side):
            importer.alias[node] = importer.stored(node, side)
            return None
    if mask in importer.alias and _by_mask(importer, node, mask, there, elsewhere):
        return None
    known = isinstance(mask, fx.Node) and mask in importer.constants and importer.constants[mask].numel() > 1
    value, number = (there, elsewhere) if there in importer.alias else (elsewhere, there)
    if number in importer.alias and mask in importer.alias:
        operands = [importer.stored(node, each) for each in (mask, there, elsewhere)]
        if len({each.placement.shape for each in operands}) > 1:
            importer.alias[node] = computed_masks.chosen(importer, node, *operands)
            return None
    if not known or number in importer.alias or importer.stored(node, value).placement.shape != torch_shape(node):
        return of_several(importer, node, "choice", [mask, there, elsewhere])
    places = np.moveaxis(importer.constant(node, mask), -1, 0) != 0
    stored, places = importer.stored(node, value), places if value is elsewhere else ~places
    number = number_of(importer, node, number)
    if number <= OUT and leaves_out(node):
        importer.alias[node] = left_out(importer, node, stored, places, number, adds=False)
    elif math.isfinite(number):
        importer.alias[node] = replaced(importer, node, stored, places, number)
    else:
        raise refused(
            node, f"{number} in place of some elements, not right before a softmax or a maximum", SCALE_BEFORE
        )
    return None


def _by_mask(importer: Importer, node: fx.Node, mask: fx.Node, there: Any, elsewhere: Any) -> bool:
    """A number in places that a mask tells, which is computed of something else than the value."""
    if (there in importer.alias) == (elsewhere in importer.alias):
        return False
    value, number, out = (elsewhere, there, computed_masks.TRUE) if elsewhere in importer.alias else (
        there, elsewhere, computed_masks.FALSE)  # fmt: skip
    stored, places = importer.stored(node, value), importer.stored(node, mask)
    if stored.placement.shape != torch_shape(node) or not computed_masks.apart(importer, places, stored):
        return False
    least = number_of(importer, node, number)
    if least <= OUT and leaves_out(node):
        importer.alias[node] = computed_masks.left_out(importer, node, stored, places, out, least, adds=False)
    elif math.isfinite(least):
        importer.alias[node] = computed_masks.replaced(importer, node, stored, places, out, least)
    else:
        raise refused(node, f"{least} in place of some elements, not right before a softmax or a maximum", SCALE_BEFORE)
    return True
