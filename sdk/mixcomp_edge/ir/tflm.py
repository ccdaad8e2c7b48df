"""What TensorFlow Lite Micro makes of operations (ir/tflite.py): contract `tflm`, SPEC.md 3. Values are (N, *shape) of
int8s, shapes without the batch; scales are float32, and which of their products are float32 too is TFLM's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mixcomp_edge.errors import LoweringError
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.tflite import (
    HIGH,
    LOW,
    SAME,
    Operation,
    Operations,
    Tensor,
    offset,
    operations,
    rescaled,
    shape_of,
    written,
)
from mixcomp_edge.numerics import tflm
from mixcomp_edge.numerics.tflm import Factors

if TYPE_CHECKING:
    from mixcomp_edge.ir.nodes import QNode

Value = NDArray[np.int64]
Rule = Callable[..., Value]  # (operation, *values of its inputs)
RULES: dict[str, Rule] = {}
ADD_SHIFT = 20  # by which a sum's operands are finer


def traced(node: QNode, sources: list[QNode], inputs: list[Value]) -> dict[str, Value]:
    """Everything that is made on the way to the node's value, and that, of its sources' values (N, *shape)."""
    given = {
        source.name: (x - offset(source.type)).reshape(len(x), *shape_of(source.shape)[1:])
        for source, x in zip(sources, inputs, strict=True)
    }
    return evaluate(operations(node, sources), given)


def value(node: QNode, sources: list[QNode], inputs: list[Value]) -> Value:
    """The node's value (N, *shape) by the contract."""
    y = traced(node, sources, inputs)[node.name] + offset(node.type)
    return np.broadcast_to(y, (len(inputs[0]), *y.shape[1:])).reshape(-1, *node.shape)


def check_graph(graph: Graph) -> None:
    """UnsupportedError or LoweringError where the contract does not say what a node computes."""
    for made in written(graph).values():
        for operation in made:
            check(operation)


def evaluate(made_by: Operations, given: Mapping[str, Value]) -> dict[str, Value]:
    """All that they make, by its name, of the values that they read. LoweringError for an operation outside the
    contract."""
    made = dict(given)
    for operation in made_by:
        check(operation)
        inputs = [made[x.name] if x.data is None else x.data for x in operation.inputs]
        y = RULES[operation.kind](operation, *inputs)
        made[operation.output.name] = np.clip(y, LOW, HIGH) if operation.output.type == "INT8" else y
    return made


def check(operation: Operation) -> None:
    """LoweringError for an operation outside the contract."""
    if operation.kind not in RULES:
        name = operation.output.name.split("/")[0]
        raise LoweringError(f"{name}: contract tflm does not say how {operation.kind} rounds. Take contract q32.")


def rule(*kinds: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(kinds, function))
        return function

    return register


def _scale(x: Tensor) -> NDArray[np.float32]:
    assert x.scale is not None
    return x.scale


def _exactly(x: Tensor) -> NDArray[np.float64]:
    return _scale(x).astype(np.float64)


def _patches(op: Operation, x: Value, kernel: tuple[int, int], fill: int) -> Value:
    """(N, OH, OW, C, KH, KW): what each window meets, the border filled."""
    (oh, ow), s = op.output.shape[1:3], op.settings
    strides = s["strideH"], s["strideW"]
    dilation = s.get("dilationHFactor", 1), s.get("dilationWFactor", 1)
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = zip((oh, ow), strides, extent, x.shape[1:3], strict=True)
    need = [max(0, (o - 1) * stride + e - n) if s["padding"] == SAME else 0 for o, stride, e, n in sizes]
    border = [(0, 0), *((n // 2, n - n // 2) for n in need), (0, 0)]
    windows = sliding_window_view(np.pad(x, border, constant_values=fill), extent, axis=(1, 2))
    return windows[:, :: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]][:, :oh, :ow]


def factors(op: Operation) -> tuple[Factors, ...]:
    """Those by which the kind multiplies, in its order. Of products of two scales some are float32s."""
    y = _exactly(op.output)
    match op.kind:
        case "FULLY_CONNECTED" | "BATCH_MATMUL" if len(_scale(op.inputs[1])) == 1:
            return (Factors.of((_scale(op.inputs[0]) * _scale(op.inputs[1])).astype(np.float64) / y),)
        case "CONV_2D" | "DEPTHWISE_CONV_2D" | "FULLY_CONNECTED" | "MUL":
            return (Factors.of(_exactly(op.inputs[0]) * _exactly(op.inputs[1]) / y),)
        case "TRANSPOSE_CONV":
            return (Factors.of(_exactly(op.inputs[2]) * _exactly(op.inputs[1]) / y),)
        case "QUANTIZE":
            return (Factors.of(_exactly(op.inputs[0]) / y),)
        case "ADD" | "SUB":  # both in a step of twice the larger scale, 2**20 times finer
            a, b = map(_exactly, op.inputs)
            twice = 2 * np.maximum(a, b)
            return Factors.of(a / twice), Factors.of(b / twice), Factors.of(twice / (2.0**ADD_SHIFT * y))
        case "SUM" | "MEAN":
            by, axes = Factors.of(_exactly(op.inputs[0]) / y), op.inputs[1].data
            assert axes is not None
            return (by.over(prod(op.inputs[0].shape[axis] for axis in axes)) if op.kind == "MEAN" else by,)
        case "PRELU":  # what is not below 0, and what is
            x, slope = map(_exactly, op.inputs)
            return Factors.of(x / y), Factors.of(x * slope / y)
    return ()


def all_factors(made_by: Operations) -> list[Factors]:
    """Of operations, one after the other."""
    return [found for operation in made_by for found in factors(operation)]


def rescaling(x: Tensor, y: Tensor) -> Factors:
    """From the type of one tensor to that of another."""
    return next(iter(all_factors(rescaled(x, y)[1])), Factors.of(1.0))


def _requantized(op: Operation, acc: Value) -> Value:
    """By one factor, or one a channel."""
    return factors(op)[0].times(acc) + op.output.zero_point


def _sums(x: Value, weights: Value) -> Value:
    """x (..., K), weights (O, K); exact in doubles."""
    return (x.astype(np.float64) @ weights.astype(np.float64).T).astype(np.int64)


@rule("CONV_2D")
def _conv(op: Operation, x: Value, weights: Value, bias: Value) -> Value:
    out, kh, kw, group = weights.shape
    patches = _patches(op, x - op.inputs[0].zero_point, (kh, kw), 0)
    groups = x.shape[3] // group
    parts = np.split(patches, groups, axis=3)
    rows = np.split(weights.transpose(0, 3, 1, 2).reshape(out, -1), groups)
    sums = [_sums(p.reshape(*p.shape[:3], -1), w) for p, w in zip(parts, rows, strict=True)]
    return _requantized(op, np.concatenate(sums, axis=3) + bias)


@rule("DEPTHWISE_CONV_2D")
def _depthwise(op: Operation, x: Value, weights: Value, bias: Value) -> Value:
    patches = _patches(op, x - op.inputs[0].zero_point, weights.shape[1:3], 0)
    repeated = np.repeat(patches, op.settings["depthMultiplier"], axis=3)
    return _requantized(op, np.einsum("nhwcij,ijc->nhwc", repeated, weights[0]) + bias)


@rule("TRANSPOSE_CONV")
def _transposed(op: Operation, shape: Value, weights: Value, x: Value, bias: Value) -> Value:
    """Each element of x spreads over a window; what leaves the output is lost."""
    (_, height, width, _), (out, kh, kw, _) = op.output.shape, weights.shape
    sh, sw = op.settings["strideH"], op.settings["strideW"]
    (n, h, w, _), read = x.shape, x - op.inputs[2].zero_point
    acc = np.zeros((n, max(height, (h - 1) * sh + kh), max(width, (w - 1) * sw + kw), out), np.int64)
    for i in range(kh):
        for j in range(kw):
            acc[:, i : i + (h - 1) * sh + 1 : sh, j : j + (w - 1) * sw + 1 : sw] += _sums(read, weights[:, i, j])
    return _requantized(op, acc[:, :height, :width] + bias)


@rule("FULLY_CONNECTED")
def _dense(op: Operation, x: Value, weights: Value, bias: Value) -> Value:
    return _requantized(op, _sums((x - op.inputs[0].zero_point).reshape(len(x), -1), weights) + bias)


@rule("ADD", "SUB")
def _sum(op: Operation, a: Value, b: Value) -> Value:
    """int32 as it is."""
    if op.output.type == "INT32":
        return a + b
    by_a, by_b, by = factors(op)
    a, b = (
        part.times((v - x.zero_point) << ADD_SHIFT) for v, x, part in zip((a, b), op.inputs, (by_a, by_b), strict=True)
    )
    return by.times(a + b if op.kind == "ADD" else a - b) + op.output.zero_point


@rule("MUL")
def _product(op: Operation, a: Value, b: Value) -> Value:
    x, y = op.inputs
    return _requantized(op, (a - x.zero_point) * (b - y.zero_point))


@rule("QUANTIZE")
def _quantize(op: Operation, x: Value) -> Value:
    return _requantized(op, x - op.inputs[0].zero_point)


@rule("AVERAGE_POOL_2D")
def _average(op: Operation, x: Value) -> Value:
    """Of the int8s as they are, over what lies inside x."""
    kernel = op.settings["filterHeight"], op.settings["filterWidth"]
    count = _patches(op, np.ones_like(x[:1, :, :, :1]), kernel, 0).sum(axis=(4, 5))
    return tflm.mean(_patches(op, x, kernel, 0).sum(axis=(4, 5)), count)


@rule("MAX_POOL_2D")
def _maximum(op: Operation, x: Value) -> Value:
    kernel = op.settings["filterHeight"], op.settings["filterWidth"]
    found: Value = _patches(op, x, kernel, LOW).max(axis=(4, 5))
    return found


@rule("SOFTMAX")
def _softmax(op: Operation, x: Value) -> Value:
    return tflm.softmax(x, float(_scale(op.inputs[0])[0])) + op.output.zero_point


@rule("LOG_SOFTMAX")
def _log_softmax(op: Operation, x: Value) -> Value:
    return tflm.log_softmax(x, float(_scale(op.inputs[0])[0]))


@rule("MINIMUM", "MAXIMUM")
def _pick(op: Operation, a: Value, b: Value) -> Value:
    return np.minimum(a, b) if op.kind == "MINIMUM" else np.maximum(a, b)


@rule("CONCATENATION")
def _concatenation(op: Operation, *parts: Value) -> Value:
    count = max(len(part) for part in parts)
    return np.concatenate([np.broadcast_to(p, (count, *p.shape[1:])) for p in parts], axis=op.settings["axis"])


@rule("PAD", "PADV2")
def _pad(op: Operation, x: Value, border: Value, fill: Value | None = None) -> Value:
    return np.pad(x, border, constant_values=op.inputs[0].zero_point if fill is None else int(fill[0]))


@rule("RESIZE_BILINEAR")
def _resize(op: Operation, x: Value, size: Value) -> Value:
    """Between the int8s as they are; ties away from zero."""
    aligned, centred = op.settings["alignCorners"], op.settings["halfPixelCenters"]
    for axis, made in zip((1, 2), size.tolist(), strict=True):
        found = tflm.places(x.shape[axis], made, aligned=aligned, centred=centred)
        first, weight = found >> 10, (found & 1023).reshape(-1, *[1] * (3 - axis))
        near, far = (x.take(np.minimum(first + i, x.shape[axis] - 1), axis=axis) for i in (0, 1))
        x = near * (1024 - weight) + far * weight
    return np.sign(x) * ((np.abs(x) + (1 << 19)) >> 20)


@rule("RESHAPE")
def _reshape(op: Operation, x: Value, shape: Value) -> Value:
    return x.reshape(len(x), *op.output.shape[1:])


@rule("TRANSPOSE")
def _transpose(op: Operation, x: Value, axes: Value) -> Value:
    return x.transpose(axes)


@rule("SLICE")
def _slice(op: Operation, x: Value, begin: Value, size: Value) -> Value:
    within = [slice(b, b + n) for b, n in zip(begin[1:], size[1:], strict=True)]
    return x[:, *within]


@rule("GATHER")
def _gather(op: Operation, x: Value, places: Value) -> Value:
    return x.take(places, axis=op.settings["axis"])


@rule("CAST")
def _cast(op: Operation, x: Value) -> Value:
    return x


@rule("ARG_MAX")
def _arg_max(op: Operation, x: Value, axis: Value) -> Value:
    return x.argmax(axis=int(axis))


@rule("SUM", "MEAN")
def _total(op: Operation, x: Value, axes: Value) -> Value:
    return _requantized(op, (x - op.inputs[0].zero_point).sum(axis=tuple(axes), keepdims=True))


@rule("REDUCE_MAX", "REDUCE_MIN")
def _extreme(op: Operation, x: Value, axes: Value) -> Value:
    pick = np.max if op.kind == "REDUCE_MAX" else np.min
    return np.asarray(pick(x, axis=tuple(axes), keepdims=True))


@rule("BATCH_MATMUL")
def _matmul(op: Operation, a: Value, b: Value) -> Value:
    a, b = (v - t.zero_point for v, t in zip((a, b), op.inputs, strict=True))
    a = a.swapaxes(-1, -2) if op.settings["adjX"] else a
    b = b if op.settings["adjY"] else b.swapaxes(-1, -2)
    return _requantized(op, a @ b.swapaxes(-1, -2))


@rule("PRELU")
def _prelu(op: Operation, x: Value, slope: Value) -> Value:
    (above, below), v = factors(op), x - op.inputs[0].zero_point
    return np.where(v >= 0, above.times(v), below.times(v * slope)) + op.output.zero_point
