"""Sums, products and quotients, the smaller and the larger: of two values, or of a value and a constant."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, operator_of, refused, shape_of
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.ir.graph import Node
from mixcomp_edge.numerics.functions import Step
from mixcomp_edge.operators.add import Add
from mixcomp_edge.operators.affine import Affine
from mixcomp_edge.operators.blend import Blend, Maximum, Minimum
from mixcomp_edge.operators.lookup import Lookup
from mixcomp_edge.operators.mul import Mul

ARITHMETIC = ("add", "sub", "rsub", "mul", "div")
ALIASES = {"multiply": "mul", "subtract": "sub", "divide": "div", "true_divide": "div"}
OF_TWO: dict[str, Callable[..., Node]] = {
    "mul": Mul, "minimum": Minimum, "fmin": Minimum, "min": Minimum, "maximum": Maximum, "fmax": Maximum, "max": Maximum
}  # fmt: skip


@handles(*(f"{name}.{kind}" for name in (*ARITHMETIC, *ALIASES) for kind in ("Tensor", "Scalar")))
def _arithmetic(importer: Importer, node: fx.Node) -> None:
    """Two values; or a value and a constant, which fold_affine takes into a layer."""
    operator = _name(node)
    operands = node.args[:2]
    values = [index for index in (0, 1) if operands[index] in importer.alias]
    if len(values) == 2:
        return _of_two(importer, node)
    value = values[0] if values else 0
    if importer.source(node, value).shape != shape_of(node):
        raise refused(node, f"{node.target} with a constant that makes the value larger")
    if operator == "div" and value == 1:
        return _constant_by_value(importer, node)
    constant = importer.channel_constant(node, operands[1 - value])
    one = np.ones_like(constant)
    if operator == "mul":
        gain, offset = constant, 0 * one
    elif operator == "div":
        if not constant.all():
            raise refused(node, "a division by zero")
        gain, offset = 1 / constant, 0 * one
    else:
        factors = _factors(node)
        gain, offset = factors[value] * one, factors[1 - value] * constant
    return importer.affine(node, importer.place(node), value, gain, offset)


def _constant_by_value(importer: Importer, node: fx.Node) -> None:
    inverse, gain = _reciprocal(importer, node), importer.channel_constant(node, node.args[0])
    name = importer.unique(importer.place(node))
    importer.add(node, Affine(name=name, inputs=(inverse.name,), shape=inverse.shape, gain=gain, offset=0 * gain))


def _reciprocal(importer: Importer, node: fx.Node) -> Node:
    """That of a quotient's divisor."""
    divisor = importer.source(node, 1)
    name, function = importer.unique(f"{node.name}_reciprocal"), (Step("reciprocal"),)
    inverse = Lookup(name=name, inputs=(divisor.name,), shape=divisor.shape, function=function)
    importer.add(node, inverse)
    return inverse


@handles("neg.default")
def _negative(importer: Importer, node: fx.Node) -> None:
    one = np.ones(shape_of(node)[-1])
    importer.affine(node, importer.place(node), 0, -one, 0 * one)


def _name(node: fx.Node) -> str:
    """Of the operation, however it is spelled."""
    return ALIASES.get(operator_of(node), operator_of(node))


def _factors(node: fx.Node) -> tuple[float, float]:
    """Of the operands of a sum or a difference."""
    alpha = float(arguments(node, None, None, 1)[2])
    return {"add": (1.0, alpha), "sub": (1.0, -alpha), "rsub": (-alpha, 1.0)}[_name(node)]


@handles("minimum.default", "maximum.default", "fmin.default", "fmax.default", "min.other", "max.other")
def _of_two(importer: Importer, node: fx.Node) -> None:
    operator, a, b = _name(node), importer.source(node, 0), importer.source(node, 1)
    if operator == "div":
        operator, b = "mul", _reciprocal(importer, node)
    kind = OF_TWO.get(operator, Add)
    if kind is Add and ((factors := _factors(node)) != (1.0, 1.0) or a.shape != b.shape):
        kind = partial(Blend, factors=np.array(factors))
    importer.add(node, kind(name=importer.unique(node.name), inputs=(a.name, b.name), shape=shape_of(node)))
