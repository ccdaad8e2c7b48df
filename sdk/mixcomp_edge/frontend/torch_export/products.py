"""Products of matrices, of two values or of a value and a constant, and attention, which is made of them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import BATCH, arguments, operator_of, refused, torch_shape, value_of
from mixcomp_edge.frontend.torch_export.computed_masks import FALSE, added, left_out
from mixcomp_edge.frontend.torch_export.contraction import Operand, product
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.layers import positionwise
from mixcomp_edge.frontend.torch_export.layout import viewed
from mixcomp_edge.frontend.torch_export.lifting import samples_apart
from mixcomp_edge.frontend.torch_export.masks import attention_mask, with_mask
from mixcomp_edge.frontend.torch_export.orders import normal
from mixcomp_edge.frontend.torch_export.pairs import joined
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.ir.nodes import Doubles
from mixcomp_edge.operators.blend import Blend
from mixcomp_edge.operators.constant import Constant
from mixcomp_edge.operators.softmax import Softmax

OUTER = "abcdefg"  # the letters of dimensions beside those of the matrices
MASK = "make the mask a buffer, or leave it out: padded places then count like others"


@handles("matmul.default", "bmm.default", "mm.default")
def _matmul(importer: Importer, node: fx.Node) -> None:
    a, b = (importer.tensor(argument) for argument in node.args[:2])
    if b is not None and b.ndim == 2:
        return _constant_matrix(importer, node, 0, node.args[1], b.T)
    if b is not None and b.ndim == 1:
        _constant_matrix(importer, node, 0, node.args[1], b[None])
        importer.alias[node] = viewed(importer, node, importer.alias[node], torch_shape(node))
        return None
    if (a is not None and a.ndim < 3) or (b is not None and b.ndim < 3):
        raise refused(
            node, f"aten.{operator_of(node)} of a constant matrix and a value", "transpose both and exchange them"
        )
    values = [importer.stored(node, i) if c is None else _in_flash(importer, node, i, c) for i, c in enumerate((a, b))]
    rank = len(torch_shape(node))
    if min(len(value.placement.shape) for value in values) < 3:
        raise refused(node, f"aten.{operator_of(node)} of vectors")
    outer = OUTER[: rank - 3]
    letters = ["N" + outer[rank - len(value.placement.shape) :] for value in values]
    first, second = (Operand(v, x + own) for v, x, own in zip(values, letters, ("mk", "kn"), strict=True))
    importer.alias[node] = product(importer, node, first, second, f"N{outer}mn")
    return None


def _in_flash(importer: Importer, node: fx.Node, index: int, values: np.ndarray) -> Stored:
    """A constant (N, ...) or (N * H, ...) that is alike for all samples."""
    whole = torch_shape(node)[0]
    beside = whole // BATCH
    if len(values) == whole:
        values = values.reshape(BATCH, beside, *values.shape[1:])
    elif len(values) == 1 and beside == 1:
        values = values[None]
    if values.shape[1] != beside or not (values == values[:1]).all():
        raise refused(node, f"aten.{operator_of(node)} with a constant that differs among samples")
    shape = values.shape[1:]
    name = importer.unique(f"{importer.place(node)}_constant")
    importer.nodes[name] = Constant(name=name, inputs=(), shape=shape, values=values[0].astype(np.float64))
    dims = ((0, 1), *((2 + i,) for i in range(len(shape) - 1)))
    return Stored(name, normal((BATCH, *shape), dims), node.name)


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
    """softmax(scale * q k^T + mask) v."""
    q, k, v = (importer.stored(node, index) for index in range(3))
    _, _, _, mask, _, causal, scale, grouped = arguments(node, None, None, None, None, 0.0, False, None, False)[:8]
    if grouped:
        raise refused(node, "attention with groups of queries", "repeat keys and values for each group")
    computed = None if mask is None or mask in importer.constants else importer.stored(node, mask)
    places = q.placement.shape[-2], k.placement.shape[-2]
    known = None if mask is None or computed is not None else importer.constants[mask]
    addend = attention_mask(known, bool(causal), *places)
    factor = q.placement.shape[-1] ** -0.5 if scale is None else float(scale)
    outer = "N" + OUTER[: len(q.placement.shape) - 3]
    y = f"{outer}mn"
    scores = plain = product(
        importer, node, Operand(q, f"{outer}mk"), Operand(k, f"{outer}nk"), y, factor=factor, order=y
    )  # the softmax goes along the last axis
    if addend is not None:
        scores = _biased(importer, node, scores, addend)
    if computed is not None:
        scores = _masked(importer, node, scores, mask, computed)
    source = importer.brought(scores, plain.placement, importer.nodes[plain.node].shape)
    name = importer.unique(f"{node.name}_weights")
    importer.nodes[name] = Softmax(name=name, inputs=(source.name,), shape=source.shape)
    weights = Operand(Stored(name, plain.placement, node.name), f"{outer}mk")
    importer.alias[node] = product(importer, node, weights, Operand(v, f"{outer}kn"), y)


def _biased(importer: Importer, node: fx.Node, scores: Stored, addend: Doubles) -> Stored:
    """Scores (N, ..., m, n) with a mask; (N * H, m, n) for all H alike."""
    placement = scores.placement
    rank = len(placement.dims)
    addend = addend.reshape((1,) * (rank - addend.ndim) + addend.shape)
    if not (addend == addend[:1]).all():
        raise refused(node, "attention with a mask that differs among samples", MASK)
    if placement.dims[0] == (0,):
        return with_mask(importer, node, scores, addend[0])
    masked = with_mask(importer, node, replace(scores, placement=samples_apart(placement)), addend[:1])
    return replace(scores, node=masked.node)


def _masked(importer: Importer, node: fx.Node, scores: Stored, mask: fx.Node, stored: Stored) -> Stored:
    """Scores with a mask that is computed: of booleans, or a sum."""
    if len(stored.placement.dims) != len(scores.placement.dims):
        raise refused(
            node, "attention with a computed mask of another rank", "write it as (N, 1, 1, T) or (N, H, T, T)"
        )
    value = value_of(mask)
    if value is not None and value.dtype == torch.bool:
        return left_out(importer, node, scores, stored, FALSE, -math.inf, adds=False)
    masked = added(importer, node, scores, stored)
    if masked is None:
        return joined(importer, node, partial(Blend, factors=np.ones(2)), scores, stored)
    return masked


def _constant_matrix(importer: Importer, node: fx.Node, value: Any, owner: Any, matrix: np.ndarray) -> None:
    """A linear layer without a bias."""
    name = importer.layer_name(node, owner)
    positionwise(importer, node, name, np.ascontiguousarray(matrix), np.zeros(len(matrix), np.float32), value)
