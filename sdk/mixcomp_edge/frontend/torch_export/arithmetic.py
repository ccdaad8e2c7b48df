"""Sums, products and quotients, the smaller and the larger: of two values, or of a value and a constant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, only_booleans, operator_of, refused, torch_shape
from mixcomp_edge.frontend.torch_export.computed_masks import added, with_constant
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.lifting import Lift
from mixcomp_edge.frontend.torch_export.masks import before_softmax, is_mask, with_mask
from mixcomp_edge.frontend.torch_export.pairs import joined, operand
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.ir.graph import Node
from mixcomp_edge.numerics.functions import Step
from mixcomp_edge.operators.add import Add
from mixcomp_edge.operators.blend import Blend, Maximum, Minimum
from mixcomp_edge.operators.lookup import Lookup
from mixcomp_edge.operators.mul import Mul

ARITHMETIC = ("add", "sub", "rsub", "mul", "div")
ALIASES = {"multiply": "mul", "subtract": "sub", "divide": "div", "true_divide": "div"}
OF_TWO: dict[str, Callable[..., Node]] = {
    "mul": Mul, "minimum": Minimum, "fmin": Minimum, "min": Minimum, "maximum": Maximum, "fmax": Maximum, "max": Maximum
}  # fmt: skip


@handles(*(f"{name}.{kind}" for name in (*ARITHMETIC, *ALIASES) for kind in ("Tensor", "Scalar")), lift=Lift.BROADCAST)
def _arithmetic(importer: Importer, node: fx.Node) -> None:
    """Two values; or a value and a constant: one number, or one a channel, goes to fold_affine, others go to flash."""
    operator = _name(node)
    operands = node.args[:2]
    values = [index for index in (0, 1) if operands[index] in importer.alias]
    if len(values) == 2:
        return None if _is_masked(importer, node) else _of_two(importer, node)
    value = values[0] if values else 0
    source = importer.stored(node, value)
    other = operands[1 - value]
    if (
        operator == "add"
        and isinstance(other, fx.Node)
        and other in importer.constants
        and _factors(node) == (1.0, 1.0)
    ):
        masks = with_constant(importer, node, source, other)
        if masks is not None:
            importer.alias[node] = masks
            return None
    product = operator in ("mul", "div")
    constant = importer.constant(node, operands[1 - value], finite=product or not before_softmax(node))
    if operator == "div" and value == 1:
        source = _reciprocal(importer, node)
    elif operator == "div":
        if not constant.all():
            raise refused(node, "a division by zero")
        constant = 1 / constant
    gain, factor = (1.0, 1.0) if product else _factors(node)[:: 1 if value == 0 else -1]
    constant = factor * constant
    if not product and gain == 1 and source.placement.shape == torch_shape(node) and is_mask(node, constant):
        importer.alias[node] = with_mask(importer, node, source, np.moveaxis(constant, -1, 0))
        return None
    if source.placement.shape == torch_shape(node) and constant.size == constant.shape[-1]:
        channels = np.broadcast_to(constant.reshape(-1), torch_shape(node)[1:2]).copy()
        one = np.ones_like(channels)
        gains, offsets = (channels, 0 * one) if product else (gain * one, channels)
        return importer.affine(node, importer.place(node), source, gains, offsets)
    kind: Callable[..., Node] = Mul if product else Add
    held = importer.flash(node, operands[1 - value], constant)
    if not product and (gain != 1 or source.placement.shape != held.placement.shape):
        kind = partial(Blend, factors=np.array([gain, 1.0]))
    importer.alias[node] = joined(importer, node, kind, source, held)
    return None


def _is_masked(importer: Importer, node: fx.Node) -> bool:
    """Makes a sum with a mask what it is, right before a softmax."""
    if _name(node) != "add" or _factors(node) != (1.0, 1.0) or not before_softmax(node):
        return False
    a, b = (importer.stored(node, index) for index in (0, 1))
    masked = added(importer, node, a, b) or added(importer, node, b, a)
    if masked is not None:
        importer.alias[node] = masked
    return masked is not None


def _reciprocal(importer: Importer, node: fx.Node) -> Stored:
    """That of a quotient's divisor."""
    stored = importer.stored(node, 1)
    name, shape = importer.unique(f"{node.name}_reciprocal"), importer.nodes[stored.node].shape
    importer.nodes[name] = Lookup(name=name, inputs=(stored.node,), shape=shape, function=(Step("reciprocal"),))
    return replace(stored, node=name)


@handles("neg.default")
def _negative(importer: Importer, node: fx.Node) -> None:
    one = np.ones(torch_shape(node)[1])
    importer.affine(node, importer.place(node), importer.stored(node), -one, 0 * one)


def _name(node: fx.Node) -> str:
    """Of the operation, however it is spelled."""
    return ALIASES.get(operator_of(node), operator_of(node))


def _factors(node: fx.Node) -> tuple[float, float]:
    """Of the operands of a sum or a difference."""
    alpha = float(arguments(node, None, None, 1)[2])
    return {"add": (1.0, alpha), "sub": (1.0, -alpha), "rsub": (-alpha, 1.0)}[_name(node)]


@handles("logical_and.default", "bitwise_and.Tensor", "__and__.Tensor", "logical_or.default", "bitwise_or.Tensor",
         "__or__.Tensor", lift=Lift.BROADCAST)  # fmt: skip
def _both_or_either(importer: Importer, node: fx.Node) -> None:
    only_booleans(node)
    a, b = (operand(importer, node, each) for each in node.args[:2])
    importer.alias[node] = joined(importer, node, Minimum if "and" in _name(node) else Maximum, a, b)


@handles(
    "minimum.default", "maximum.default", "fmin.default", "fmax.default", "min.other", "max.other", lift=Lift.BROADCAST
)
def _of_two(importer: Importer, node: fx.Node) -> None:
    operator, (a, b) = _name(node), (operand(importer, node, each) for each in node.args[:2])
    if operator == "div":
        operator, b = "mul", _reciprocal(importer, node)
    kind = OF_TWO.get(operator, Add)
    if kind is Add and ((factors := _factors(node)) != (1.0, 1.0) or a.placement.shape != b.placement.shape):
        kind = partial(Blend, factors=np.array(factors))
    importer.alias[node] = joined(importer, node, kind, a, b)
