"""Products of matrices, of two values or of a value and a constant, and attention, which is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, operator_of, refused, torch_shape
from mixcomp_edge.frontend.torch_export.contraction import Operand, product
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.layers import positionwise
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.operators.softmax import Softmax

OUTER = "abcdefg"  # the letters of dimensions beside those of the matrices
MASK = "leave the mask out: padded places then count like others"


@handles("matmul.default", "bmm.default", "mm.default")
def _matmul(importer: Importer, node: fx.Node) -> None:
    a, b = (importer.tensor(argument) for argument in node.args[:2])
    if b is not None and b.ndim == 2:
        return _constant_matrix(importer, node, 0, node.args[1], b.T)
    if a is not None or b is not None:
        raise refused(node, f"aten.{operator_of(node)} with a constant that is no matrix behind a value")
    values = [importer.stored(node, index) for index in (0, 1)]
    rank = len(torch_shape(node))
    if min(len(value.placement.shape) for value in values) < 3:
        raise refused(node, f"aten.{operator_of(node)} of vectors")
    outer = OUTER[: rank - 3]
    letters = ["N" + outer[rank - len(value.placement.shape) :] for value in values]
    first, second = (Operand(v, x + own) for v, x, own in zip(values, letters, ("mk", "kn"), strict=True))
    importer.alias[node] = product(importer, node, first, second, f"N{outer}mn")
    return None


@handles("einsum.default")
def _einsum(importer: Importer, node: fx.Node) -> None:
    equation, operands = str(node.args[0]).replace(" ", ""), list(node.args[1])  # type: ignore[arg-type]
    inputs, _, y = equation.partition("->")
    names = inputs.split(",")
    y = y or "".join(sorted(letter for letter in set(inputs) - {","} if inputs.count(letter) == 1))
    if len(operands) != 2 or any(len(set(name)) != len(name) for name in (*names, y)) or "." in equation:
        raise refused(node, f"einsum '{equation}' (two operands, each letter once in each)")
    constants = [importer.tensor(operand) for operand in operands]
    for at, constant in enumerate(constants):
        if constant is not None:
            x, w = names[1 - at], names[at]
            if len(w) != 2 or x[:-1] != y[:-1] or set(w) != {x[-1], y[-1]}:
                raise refused(node, f"einsum '{equation}' with a constant that is no matrix on the last dimension")
            matrix = constant if w[0] == y[-1] else constant.T
            return _constant_matrix(importer, node, operands[1 - at], operands[at], matrix)
    if not names[0][0] == names[1][0] == y[:1]:
        raise refused(node, f"einsum '{equation}' whose first dimension is not the samples' in both and in the result")
    first, second = (Operand(importer.stored(node, o), x) for o, x in zip(operands, names, strict=True))
    importer.alias[node] = product(importer, node, first, second, y)
    return None


@handles("scaled_dot_product_attention.default")
def _attention(importer: Importer, node: fx.Node) -> None:
    """softmax(scale * q k^T) v."""
    q, k, v = (importer.stored(node, index) for index in range(3))
    _, _, _, mask, _, causal, scale, grouped = arguments(node, None, None, None, None, 0.0, False, None, False)[:8]
    if mask is not None or causal or grouped:
        raise refused(node, "attention with a mask, or with groups of queries", MASK)
    factor = q.placement.shape[-1] ** -0.5 if scale is None else float(scale)
    outer = "N" + OUTER[: len(q.placement.shape) - 3]
    y = f"{outer}mn"
    scores = product(
        importer, node, Operand(q, f"{outer}mk"), Operand(k, f"{outer}nk"), y, factor=factor, order=y
    )  # the softmax goes along the last axis
    source, name = importer.nodes[scores.node], importer.unique(f"{node.name}_weights")
    importer.nodes[name] = Softmax(name=name, inputs=(source.name,), shape=source.shape)
    weights = Operand(Stored(name, scores.placement, node.name), f"{outer}mk")
    importer.alias[node] = product(importer, node, weights, Operand(v, f"{outer}kn"), y)


def _constant_matrix(importer: Importer, node: fx.Node, value: Any, owner: Any, matrix: np.ndarray) -> None:
    """A linear layer without a bias."""
    name = importer.layer_name(node, owner)
    positionwise(importer, node, name, np.ascontiguousarray(matrix), np.zeros(len(matrix), np.float32), value)
