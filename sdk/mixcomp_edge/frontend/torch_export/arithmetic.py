"""Sums, products and quotients, the smaller and the larger: of two values, or of a value and a constant."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, operator_of, refused, shape_of
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.ir.graph import Node
from mixcomp_edge.operators.add import Add
from mixcomp_edge.operators.blend import Blend, Maximum, Minimum
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
    constant = importer.channel_constant(node, operands[1 - value])
    one = np.ones_like(constant)
    if operator == "mul":
        gain, offset = constant, 0 * one
    elif operator == "div":
        if value == 1 or not constant.all():
            raise refused(node, "a division by a value, or by zero,")
        gain, offset = 1 / constant, 0 * one
    else:
        factors = _factors(node)
        gain, offset = factors[value] * one, factors[1 - value] * constant
    return importer.affine(node, importer.place(node), value, gain, offset)


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
        raise refused(node, "the operator aten.div of two values is not supported")
    kind = OF_TWO.get(operator, Add)
    if kind is Add and ((factors := _factors(node)) != (1.0, 1.0) or a.shape != b.shape):
        kind = partial(Blend, factors=np.array(factors))
    importer.add(node, kind(name=importer.unique(node.name), inputs=(a.name, b.name), shape=shape_of(node)))
