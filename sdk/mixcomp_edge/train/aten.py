"""One handler for each ATen operator that has a counterpart in the float graph."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from torch import fx

from mixcomp_edge.ir import ops
from mixcomp_edge.ir.graph import Node, Window
from mixcomp_edge.ir.ops import Activation
from mixcomp_edge.train.importer import BATCH, Importer, arguments, axis_of, handles, pair, shape_of


@handles("conv2d.default", "conv2d.padding")
def _conv2d(importer: Importer, node: fx.Node) -> None:
    _, weight, bias, stride, padding, dilation, groups = arguments(node, None, None, None, 1, 0, 1, 1)
    w = importer.tensor(weight)
    if w is None:
        raise importer.unsupported(node, "a convolution whose weight is computed")
    kernel, dilation = (w.shape[2], w.shape[3]), pair(dilation)
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pads = (total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2)
    else:
        vertical, horizontal = (0, 0) if padding == "valid" else pair(padding)
        pads = (vertical, horizontal, vertical, horizontal)
    b = importer.tensor(bias)
    importer.add(
        node,
        ops.Conv2d(
            name=importer.layer_name(node, weight),
            inputs=(importer.source(node).name,),
            shape=shape_of(node),
            weight=np.ascontiguousarray(w.transpose(0, 2, 3, 1)),
            bias=np.zeros(len(w), np.float32) if b is None else b,
            window=Window(kernel, pair(stride), dilation, pads),
            groups=int(groups),
        ),
    )


@handles("linear.default")
def _linear(importer: Importer, node: fx.Node) -> None:
    _, weight, bias = arguments(node, None, None, None)
    w, b, source = importer.tensor(weight), importer.tensor(bias), importer.source(node)
    if w is None:
        raise importer.unsupported(node, "a linear layer whose weight is computed")
    if len(source.shape) != 1:
        raise importer.unsupported(node, f"a linear layer on shape (N, {source.shape}); flatten its input first")
    bias_or_zero = np.zeros(len(w), np.float32) if b is None else b
    name = importer.layer_name(node, weight)
    importer.add(node, ops.Dense(name=name, inputs=(source.name,), shape=shape_of(node), weight=w, bias=bias_or_zero))


@handles("batch_norm.default")
def _batch_norm(importer: Importer, node: fx.Node) -> None:
    _, gamma, beta, mean, variance, _, _, eps, _ = arguments(node, None, None, None, None, None, 0, 0.1, 1e-5, 0)
    m, v = importer.tensor(mean), importer.tensor(variance)
    if m is None or v is None:
        raise importer.unsupported(node, "a batch norm without running statistics")
    gain = (1.0 if (g := importer.tensor(gamma)) is None else g) / np.sqrt(v.astype(np.float64) + eps)
    offset = (0.0 if (b := importer.tensor(beta)) is None else b) - m * gain
    path = importer.paths.get(mean.name, "").rpartition(".")[0]
    _affine(importer, node, path or node.name, 0, gain, offset)


def _affine(importer: Importer, node: fx.Node, name: str, index: int, gain: np.ndarray, offset: np.ndarray) -> None:
    """gain * operand + offset, for the operand of that index."""
    name, inputs = importer.unique(name), (importer.source(node, index).name,)
    importer.add(node, ops.Affine(name=name, inputs=inputs, shape=shape_of(node), gain=gain, offset=offset))


def _unary(importer: Importer, node: fx.Node, make: Callable[..., Node], **attributes: Any) -> None:
    name = importer.unique(node.name)
    importer.add(node, make(name=name, inputs=(importer.source(node).name,), shape=shape_of(node), **attributes))


@handles("relu.default", "relu_.default")
def _relu(importer: Importer, node: fx.Node) -> None:
    _unary(importer, node, ops.Relu, activation=Activation.RELU)


@handles("relu6.default", "relu6_.default")
def _relu6(importer: Importer, node: fx.Node) -> None:
    _unary(importer, node, ops.Relu, activation=Activation.RELU6)


@handles("hardtanh.default", "hardtanh_.default", "clamp.default", "clamp_.default", "clamp_min.default")
def _clamp(importer: Importer, node: fx.Node) -> None:
    low, high = arguments(node, None, -1.0, 1.0 if "hardtanh" in str(node.target) else None)[1:3]
    activation = {(0.0, None): Activation.RELU, (0.0, 6.0): Activation.RELU6}.get((low, high))
    if activation is None:
        raise importer.unsupported(node, f"a clamp to [{low}, {high}] (only [0, inf) and [0, 6])")
    _unary(importer, node, ops.Relu, activation=activation)


@handles("softmax.int", "_softmax.default")
def _softmax(importer: Importer, node: fx.Node) -> None:
    rank = len(importer.source(node).shape) + 1
    if axis_of(int(node.args[1]), rank) != rank - 2:  # type: ignore[arg-type]
        raise importer.unsupported(node, "a softmax over another axis than the channels")
    _unary(importer, node, ops.Softmax)


ARITHMETIC = ("add", "sub", "rsub", "mul", "div")


@handles(
    *(f"{name}{in_place}.{kind}" for name in ARITHMETIC for in_place in ("", "_") for kind in ("Tensor", "Scalar"))
)
def _arithmetic(importer: Importer, node: fx.Node) -> None:
    """Two values, which can be added; or a value and a constant, which fold_affine takes into a layer."""
    operator = str(node.target).removeprefix("aten.").split(".")[0].removesuffix("_")
    operands = node.args[:2]
    values = [index for index in (0, 1) if operands[index] in importer.alias]
    if len(values) == 2:
        if operator != "add":
            raise importer.unsupported(node, f"the operator aten.{operator} of two values is not supported")
        return _add(importer, node)
    (value,) = values
    if importer.source(node, value).shape != shape_of(node):
        raise importer.unsupported(node, f"{node.target} with a constant that makes the value larger")
    constant = importer.channel_constant(node, operands[1 - value])
    one = np.ones_like(constant)
    if operator == "mul":
        gain, offset = constant, 0 * one
    elif operator == "div":
        if value == 1 or not constant.all():
            raise importer.unsupported(node, "a division by a value, or by zero,")
        gain, offset = 1 / constant, 0 * one
    else:  # a sum with these factors
        alpha = float(arguments(node, None, None, 1)[2])
        factors = {"add": (1.0, alpha), "sub": (1.0, -alpha), "rsub": (-alpha, 1.0)}[operator]
        gain, offset = factors[value] * one, factors[1 - value] * constant
    return _affine(importer, node, importer.place(node), value, gain, offset)


@handles("neg.default", "neg_.default")
def _negative(importer: Importer, node: fx.Node) -> None:
    one = np.ones(shape_of(node)[-1])
    _affine(importer, node, importer.place(node), 0, -one, 0 * one)


def _add(importer: Importer, node: fx.Node) -> None:
    if arguments(node, None, None, 1)[2] != 1:
        raise importer.unsupported(node, "an addition with alpha")
    inputs = (importer.source(node, 0).name, importer.source(node, 1).name)
    if any(importer.nodes[name].shape != shape_of(node) for name in inputs):
        raise importer.unsupported(node, "an addition of different shapes")
    importer.add(node, ops.Add(name=importer.unique(node.name), inputs=inputs, shape=shape_of(node)))


@handles("cat.default", "concat.default", "concatenate.default")
def _cat(importer: Importer, node: fx.Node) -> None:
    tensors, dim = arguments(node, None, 0)
    inputs = []
    for tensor in tensors:
        if tensor not in importer.alias:
            raise importer.unsupported(node, "a concatenation with a constant")
        inputs.append(importer.alias[tensor])
    axis = axis_of(dim, len(shape_of(node)) + 1)
    if axis < 0:
        raise importer.unsupported(node, "a concatenation along the batch")
    name = importer.unique(node.name)
    importer.add(node, ops.Concat(name=name, inputs=tuple(inputs), shape=shape_of(node), axis=axis))


def _pool_window(importer: Importer, node: fx.Node, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    vertical, horizontal = pair(padding)
    window = Window(pair(kernel), pair(stride or kernel), pair(dilation), (vertical, horizontal, vertical, horizontal))
    height, width, _ = importer.source(node).shape
    if window.output_size(height, width) != shape_of(node)[:2]:
        raise importer.unsupported(node, "a pooling with ceil_mode")
    return window


@handles("max_pool2d.default")
def _max_pool2d(importer: Importer, node: fx.Node) -> None:
    _, kernel, stride, padding, dilation, _ = arguments(node, None, None, [], 0, 1, False)
    _unary(importer, node, ops.MaxPool2d, window=_pool_window(importer, node, kernel, stride, padding, dilation))


@handles("avg_pool2d.default")
def _avg_pool2d(importer: Importer, node: fx.Node) -> None:
    _, kernel, stride, padding, _, include, divisor = arguments(node, None, None, [], 0, False, True, None)
    if divisor is not None:
        raise importer.unsupported(node, "an average pooling with divisor_override")
    window = _pool_window(importer, node, kernel, stride, padding, 1)
    _unary(importer, node, ops.AvgPool2d, window=window, count_include_pad=bool(include))


@handles("adaptive_avg_pool2d.default")
def _adaptive_pool2d(importer: Importer, node: fx.Node) -> None:
    height, width, _ = importer.source(node).shape
    rows, columns = pair(node.args[1])
    if height % rows or width % columns:
        raise importer.unsupported(node, f"an adaptive pooling from {height}x{width} to {rows}x{columns}")
    kernel = (height // rows, width // columns)
    _unary(importer, node, ops.AvgPool2d, window=Window(kernel, kernel))


@handles("mean.dim")
def _mean(importer: Importer, node: fx.Node) -> None:
    """A mean over H and W: a pooling over the whole map, then the shape that keepdim asks for."""
    source = importer.source(node)
    _, dims, keepdim = arguments(node, None, None, False)
    if len(source.shape) != 3 or sorted(axis_of(int(dim), 4) for dim in dims) != [0, 1]:
        raise importer.unsupported(node, "a mean over other axes than H and W")
    height, width, channels = source.shape
    window = Window((height, width), (height, width))
    pool = ops.AvgPool2d(name=importer.unique(node.name), inputs=(source.name,), shape=(1, 1, channels), window=window)
    importer.add(node, pool)
    if not keepdim:
        name = importer.unique(f"{node.name}_flat")
        importer.add(node, ops.Reshape(name=name, inputs=(pool.name,), shape=(channels,)))


@handles("flatten.using_ints", "view.default", "reshape.default", "_unsafe_view.default", "squeeze.dims", "squeeze.dim",
         "unsqueeze.default", "unflatten.int")  # fmt: skip
def _reshape(importer: Importer, node: fx.Node) -> None:
    source, shape = importer.source(node), shape_of(node)
    if shape == source.shape:
        importer.alias[node] = source.name
        return
    # Channels-last order equals PyTorch's when there is one channel or one position.
    same_order = all(size[-1] == prod(size) or size[-1] == 1 for size in (source.shape, shape))
    if not same_order and len(shape) != 1:
        raise importer.unsupported(node, f"a reshape from (N, C, H, W) = {source.shape} (channels last) to {shape}")
    _unary(importer, node, ops.Reshape, channels_first=not same_order)


@handles("pad.default", "constant_pad_nd.default")
def _pad(importer: Importer, node: fx.Node) -> None:
    source = importer.source(node)
    mode = (
        node.args[2] if str(node.target).removeprefix("aten.") == "pad.default" and len(node.args) > 2 else "constant"
    )
    value = node.args[-1] if isinstance(node.args[-1], float | int) else node.kwargs.get("value")
    if mode != "constant" or value not in (None, 0, 0.0):
        raise importer.unsupported(node, f"padding with mode '{mode}' and value {value} (only zeros)")
    rank = len(source.shape) + 1
    before, after = [0] * (rank - 1), [0] * (rank - 1)
    pads = [int(p) for p in node.args[1]]  # type: ignore[union-attr, arg-type]
    for k in range(len(pads) // 2):  # PyTorch lists the last dimension first
        axis = axis_of(rank - 1 - k, rank)
        if axis < 0 or min(pads[2 * k], pads[2 * k + 1]) < 0:
            raise importer.unsupported(node, "padding of the batch, or by a negative amount")
        before[axis], after[axis] = pads[2 * k], pads[2 * k + 1]
    if not any(pads):
        importer.alias[node] = source.name
        return
    _unary(importer, node, ops.Pad, before=tuple(before), after=tuple(after))


@handles("_assert_tensor_metadata.default")
def _nothing(importer: Importer, node: fx.Node) -> None:
    """A check that torch.export adds to casts; it has no value."""


@handles("slice.Tensor")
def _slice(importer: Importer, node: fx.Node) -> None:
    """x[:, :, ::s]: the whole axis is nothing; a stride over H or W is a pooling over 1x1 windows."""
    source = importer.source(node)
    _, dim, start, end, step = arguments(node, None, 0, None, None, 1)
    rank = len(source.shape) + 1
    axis = axis_of(dim, rank)
    size = BATCH if axis < 0 else source.shape[axis]
    if (start or 0) != 0 or (end is not None and end < size) or (step != 1 and (rank != 4 or axis not in (0, 1))):
        raise importer.unsupported(node, "a slice other than a stride over H or W")
    if step == 1:
        importer.alias[node] = source.name
        return
    stride = (step, 1) if axis == 0 else (1, step)
    _unary(importer, node, ops.MaxPool2d, window=Window((1, 1), stride))


@handles("dropout.default", "dropout_.default", "feature_dropout.default", "contiguous.default", "clone.default",
         "alias.default", "detach.default", "detach_.default", "to.dtype", "_to_copy.default")  # fmt: skip
def _identity(importer: Importer, node: fx.Node) -> None:
    importer.alias[node] = importer.source(node).name
