"""Sums, products and quotients: two values, or a value and a constant."""

from __future__ import annotations

import numpy as np
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, operator_of, refused, shape_of
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.operators.add import Add

ARITHMETIC = ("add", "sub", "rsub", "mul", "div")


@handles(*(f"{name}.{kind}" for name in ARITHMETIC for kind in ("Tensor", "Scalar")))
def _arithmetic(importer: Importer, node: fx.Node) -> None:
    """Two values, which can be added; or a value and a constant, which fold_affine takes into a layer."""
    operator = operator_of(node)
    operands = node.args[:2]
    values = [index for index in (0, 1) if operands[index] in importer.alias]
    if len(values) == 2:
        if operator != "add":
            raise refused(node, f"the operator aten.{operator} of two values is not supported")
        return _add(importer, node)
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
    else:  # a sum with these factors
        alpha = float(arguments(node, None, None, 1)[2])
        factors = {"add": (1.0, alpha), "sub": (1.0, -alpha), "rsub": (-alpha, 1.0)}[operator]
        gain, offset = factors[value] * one, factors[1 - value] * constant
    return importer.affine(node, importer.place(node), value, gain, offset)


@handles("neg.default")
def _negative(importer: Importer, node: fx.Node) -> None:
    one = np.ones(shape_of(node)[-1])
    importer.affine(node, importer.place(node), 0, -one, 0 * one)


def _add(importer: Importer, node: fx.Node) -> None:
    if arguments(node, None, None, 1)[2] != 1:
        raise refused(node, "an addition with alpha")
    inputs = (importer.source(node, 0).name, importer.source(node, 1).name)
    if any(importer.nodes[name].shape != shape_of(node) for name in inputs):
        raise refused(node, "an addition of different shapes")
    importer.add(node, Add(name=importer.unique(node.name), inputs=inputs, shape=shape_of(node)))
