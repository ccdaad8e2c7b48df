"""PyTorch to the float graph. torch.export gives ATen calls with convolution, batch norm and linear whole; each
becomes one node, channels last. What has no counterpart is refused by name, with its place in the user's model."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.ir import ops
from mixcomp_edge.ir.graph import Graph, Node, Shape, Window
from mixcomp_edge.ir.ops import Activation
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower.fold_padding import drop_unread

BATCH = 2  # export with two samples, so that an operation that mixes samples shows


def import_model(model: nn.Module, input_shape: tuple[int, ...], name: str) -> Graph:
    """The float graph of a module in eval mode, for inputs (N, *input_shape), channels first as in PyTorch."""
    training = model.training
    model.eval()
    try:
        program = torch.export.export(model, (torch.zeros(BATCH, *input_shape),))
    except Exception as error:  # torch.export raises many kinds; the user needs the first lines of each
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UnsupportedError(
            f"{name}: torch.export cannot trace the model on an input (N, {', '.join(map(str, input_shape))}): "
            f"{reason[0]} Replace data-dependent Python control flow in forward() and check the input shape."
        ) from error
    finally:
        model.train(training)
    return verify(_Importer(program, name).run())


class _Importer:
    """Walks the ATen graph once. `alias` maps an fx node to the IR node whose value it stands for."""

    def __init__(self, program: torch.export.ExportedProgram, name: str) -> None:
        self.program, self.name = program, name
        self.nodes: dict[str, Node] = {}
        self.alias: dict[fx.Node, str] = {}
        signature = program.graph_signature
        self.paths = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        state: dict[str, Tensor] = {**program.state_dict, **program.constants}
        self.tensors = {node: state[path] for node, path in self.paths.items()}

    def run(self) -> Graph:
        output = ""
        for node in self.program.graph.nodes:
            if node.op == "placeholder" and node.name not in self.tensors:
                self._input(node)
            elif node.op == "call_function":
                self._call(node)
            elif node.op == "output":
                output = self._output(node)
        return drop_unread(Graph(self.name, tuple(self.nodes.values()), output))

    def _input(self, node: fx.Node) -> None:
        if self.nodes:
            raise UnsupportedError(f"{self.name}: the model has several inputs; one is supported. Join them into one.")
        self.add(node, ops.Input(name="input", inputs=(), shape=_shape(node)))

    def _output(self, node: fx.Node) -> str:
        results = node.args[0]
        if not isinstance(results, tuple | list) or len(results) != 1 or results[0] not in self.alias:
            raise UnsupportedError(f"{self.name}: the model must return one tensor that depends on its input.")
        return self.alias[results[0]]

    def _call(self, node: fx.Node) -> None:
        handler = HANDLERS.get(str(node.target).removeprefix("aten."))
        if handler is None:
            operator = str(node.target).removesuffix(".default").removesuffix(".Tensor")
            raise self.unsupported(node, f"the operator {operator} is not supported")
        handler(self, node)

    # What the handlers need

    def unsupported(self, node: fx.Node, what: str) -> UnsupportedError:
        supported = "conv2d, linear, batch_norm, relu, relu6, add, cat, pooling, mean over H and W, pad, flatten, softmax"
        return UnsupportedError(
            f"{self.name}: {what}, in module '{_module_path(node)}' ({node.name}). Supported: {supported}. "
            "Replace it there, or cut the model before it and compute the rest outside."
        )

    def source(self, node: fx.Node, index: int = 0) -> Node:
        argument = node.args[index]
        if not isinstance(argument, fx.Node) or argument not in self.alias:
            raise self.unsupported(node, f"operand {index} of {node.target} does not come from the input")
        return self.nodes[self.alias[argument]]

    def tensor(self, argument: Any) -> np.ndarray | None:
        """The parameter or buffer behind an argument, as float32."""
        if not isinstance(argument, fx.Node) or argument.name not in self.tensors:
            return None
        return self.tensors[argument.name].detach().to(torch.float32).cpu().numpy().copy()

    def unique(self, name: str) -> str:
        """A legal name that no node has yet."""
        name = re.sub(r"[^A-Za-z0-9_.]", "_", name)
        name = name if re.match(r"[A-Za-z_]", name) else f"_{name}"
        taken = {other.replace(".", "_").lower() for other in self.nodes}
        candidate, count = name, 1
        while candidate.replace(".", "_").lower() in taken:
            candidate, count = f"{name}_{count}", count + 1
        return candidate

    def layer_name(self, node: fx.Node, weight: Any) -> str:
        """Path of the module that owns the weight: the name under which a plan finds the layer."""
        path = self.paths.get(weight.name, "") if isinstance(weight, fx.Node) else ""
        return self.unique(path.rpartition(".")[0] or node.name)

    def add(self, fx_node: fx.Node, node: Node) -> None:
        self.nodes[node.name] = node
        self.alias[fx_node] = node.name


def _module_path(node: fx.Node) -> str:
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return (stack[-1][0] if stack else "") or "the top module"


def _shape(node: fx.Node) -> Shape:
    """Channels-last shape without the batch of an fx node's value (N, C, ...)."""
    shape = tuple(int(size) for size in node.meta["val"].shape)
    if len(shape) < 2 or shape[0] != BATCH or len(shape) > 4:
        path = _module_path(node)
        raise UnsupportedError(
            f"{node.name} in module '{path}' has shape {shape}; expected (N, F), (N, C, L) or (N, C, H, W) "
            "with the batch first and untouched."
        )
    return (*shape[2:], shape[1])


def _axis(dim: int, rank: int) -> int:
    """Axis in a channels-last shape for a PyTorch dim of an (N, C, ...) tensor of this rank; -1 for the batch."""
    dim %= rank
    return -1 if dim == 0 else rank - 2 if dim == 1 else dim - 2


def _pair(value: Any) -> tuple[int, int]:
    values = [int(v) for v in value] if isinstance(value, list | tuple) else [int(value)]
    return (values[0], values[-1])


def _arguments(node: fx.Node, *defaults: Any) -> list[Any]:
    """Positional arguments of a call, filled up with the operator's defaults."""
    given = list(node.args) + [None] * (len(defaults) - len(node.args))
    names = [argument.name for argument in node.target._schema.arguments]  # type: ignore[union-attr]
    for index, (name, default) in enumerate(zip(names, defaults, strict=False)):
        if index >= len(node.args):
            given[index] = node.kwargs.get(name, default)
    return given


Handler = Callable[[_Importer, fx.Node], None]
HANDLERS: dict[str, Handler] = {}


def handles(*targets: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(targets, handler))
        return handler

    return register


@handles("conv2d.default", "conv2d.padding")
def _conv2d(importer: _Importer, node: fx.Node) -> None:
    _, weight, bias, stride, padding, dilation, groups = _arguments(node, None, None, None, 1, 0, 1, 1)
    w = importer.tensor(weight)
    if w is None:
        raise importer.unsupported(node, "a convolution whose weight is computed")
    kernel, dilation = (w.shape[2], w.shape[3]), _pair(dilation)
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pads = (total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2)
    else:
        vertical, horizontal = (0, 0) if padding == "valid" else _pair(padding)
        pads = (vertical, horizontal, vertical, horizontal)
    b = importer.tensor(bias)
    importer.add(
        node,
        ops.Conv2d(
            name=importer.layer_name(node, weight),
            inputs=(importer.source(node).name,),
            shape=_shape(node),
            weight=np.ascontiguousarray(w.transpose(0, 2, 3, 1)),
            bias=np.zeros(len(w), np.float32) if b is None else b,
            window=Window(kernel, _pair(stride), dilation, pads),
            groups=int(groups),
        ),
    )


@handles("linear.default")
def _linear(importer: _Importer, node: fx.Node) -> None:
    _, weight, bias = _arguments(node, None, None, None)
    w, b, source = importer.tensor(weight), importer.tensor(bias), importer.source(node)
    if w is None:
        raise importer.unsupported(node, "a linear layer whose weight is computed")
    if len(source.shape) != 1:
        raise importer.unsupported(node, f"a linear layer on shape (N, {source.shape}); flatten its input first")
    bias_or_zero = np.zeros(len(w), np.float32) if b is None else b
    name = importer.layer_name(node, weight)
    importer.add(node, ops.Dense(name=name, inputs=(source.name,), shape=_shape(node), weight=w, bias=bias_or_zero))


@handles("batch_norm.default")
def _batch_norm(importer: _Importer, node: fx.Node) -> None:
    _, gamma, beta, mean, variance, _, _, eps, _ = _arguments(node, None, None, None, None, None, 0, 0.1, 1e-5, 0)
    m, v = importer.tensor(mean), importer.tensor(variance)
    if m is None or v is None:
        raise importer.unsupported(node, "a batch norm without running statistics")
    g, b = importer.tensor(gamma), importer.tensor(beta)
    path = importer.paths.get(mean.name, "").rpartition(".")[0]
    importer.add(
        node,
        ops.BatchNorm(
            name=importer.unique(path or node.name), inputs=(importer.source(node).name,), shape=_shape(node),
            gamma=np.ones_like(m) if g is None else g, beta=np.zeros_like(m) if b is None else b,
            mean=m, variance=v, eps=float(eps),
        ),
    )  # fmt: skip


def _unary(importer: _Importer, node: fx.Node, make: Callable[..., Node], **attributes: Any) -> None:
    name = importer.unique(node.name)
    importer.add(node, make(name=name, inputs=(importer.source(node).name,), shape=_shape(node), **attributes))


@handles("relu.default", "relu_.default")
def _relu(importer: _Importer, node: fx.Node) -> None:
    _unary(importer, node, ops.Relu, activation=Activation.RELU)


@handles("relu6.default", "relu6_.default")
def _relu6(importer: _Importer, node: fx.Node) -> None:
    _unary(importer, node, ops.Relu, activation=Activation.RELU6)


@handles("hardtanh.default", "hardtanh_.default", "clamp.default", "clamp_.default", "clamp_min.default")
def _clamp(importer: _Importer, node: fx.Node) -> None:
    low, high = _arguments(node, None, -1.0, 1.0 if "hardtanh" in str(node.target) else None)[1:3]
    activation = {(0.0, None): Activation.RELU, (0.0, 6.0): Activation.RELU6}.get((low, high))
    if activation is None:
        raise importer.unsupported(node, f"a clamp to [{low}, {high}] (only [0, inf) and [0, 6])")
    _unary(importer, node, ops.Relu, activation=activation)


@handles("softmax.int", "_softmax.default")
def _softmax(importer: _Importer, node: fx.Node) -> None:
    rank = len(importer.source(node).shape) + 1
    if _axis(int(node.args[1]), rank) != rank - 2:  # type: ignore[arg-type]
        raise importer.unsupported(node, "a softmax over another axis than the channels")
    _unary(importer, node, ops.Softmax)


@handles("add.Tensor", "add_.Tensor")
def _add(importer: _Importer, node: fx.Node) -> None:
    if node.kwargs.get("alpha", 1) != 1:
        raise importer.unsupported(node, "an addition with alpha")
    inputs = (importer.source(node, 0).name, importer.source(node, 1).name)
    if any(importer.nodes[name].shape != _shape(node) for name in inputs):
        raise importer.unsupported(node, "an addition of different shapes")
    importer.add(node, ops.Add(name=importer.unique(node.name), inputs=inputs, shape=_shape(node)))


@handles("cat.default")
def _cat(importer: _Importer, node: fx.Node) -> None:
    tensors, dim = _arguments(node, None, 0)
    inputs = []
    for tensor in tensors:
        if tensor not in importer.alias:
            raise importer.unsupported(node, "a concatenation with a constant")
        inputs.append(importer.alias[tensor])
    axis = _axis(dim, len(_shape(node)) + 1)
    if axis < 0:
        raise importer.unsupported(node, "a concatenation along the batch")
    name = importer.unique(node.name)
    importer.add(node, ops.Concat(name=name, inputs=tuple(inputs), shape=_shape(node), axis=axis))


def _pool_window(importer: _Importer, node: fx.Node, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    vertical, horizontal = _pair(padding)
    window = Window(
        _pair(kernel), _pair(stride or kernel), _pair(dilation), (vertical, horizontal, vertical, horizontal)
    )
    height, width, _ = importer.source(node).shape
    if window.output_size(height, width) != _shape(node)[:2]:
        raise importer.unsupported(node, "a pooling with ceil_mode")
    return window


@handles("max_pool2d.default")
def _max_pool2d(importer: _Importer, node: fx.Node) -> None:
    _, kernel, stride, padding, dilation, _ = _arguments(node, None, None, [], 0, 1, False)
    _unary(importer, node, ops.MaxPool2d, window=_pool_window(importer, node, kernel, stride, padding, dilation))


@handles("avg_pool2d.default")
def _avg_pool2d(importer: _Importer, node: fx.Node) -> None:
    _, kernel, stride, padding, _, include, divisor = _arguments(node, None, None, [], 0, False, True, None)
    if divisor is not None:
        raise importer.unsupported(node, "an average pooling with divisor_override")
    window = _pool_window(importer, node, kernel, stride, padding, 1)
    _unary(importer, node, ops.AvgPool2d, window=window, count_include_pad=bool(include))


@handles("adaptive_avg_pool2d.default")
def _adaptive_pool2d(importer: _Importer, node: fx.Node) -> None:
    height, width, _ = importer.source(node).shape
    rows, columns = _pair(node.args[1])
    if height % rows or width % columns:
        raise importer.unsupported(node, f"an adaptive pooling from {height}x{width} to {rows}x{columns}")
    kernel = (height // rows, width // columns)
    _unary(importer, node, ops.AvgPool2d, window=Window(kernel, kernel))


@handles("mean.dim")
def _mean(importer: _Importer, node: fx.Node) -> None:
    """A mean over H and W: a pooling over the whole map, then the shape that keepdim asks for."""
    source = importer.source(node)
    _, dims, keepdim = _arguments(node, None, None, False)
    if len(source.shape) != 3 or sorted(_axis(int(dim), 4) for dim in dims) != [0, 1]:
        raise importer.unsupported(node, "a mean over other axes than H and W")
    height, width, channels = source.shape
    window = Window((height, width), (height, width))
    pool = ops.AvgPool2d(
        name=importer.unique(node.name), inputs=(source.name,), shape=(1, 1, channels), window=window
    )
    importer.add(node, pool)
    if not keepdim:
        name = importer.unique(f"{node.name}_flat")
        importer.add(node, ops.Reshape(name=name, inputs=(pool.name,), shape=(channels,)))


@handles("flatten.using_ints", "view.default", "reshape.default", "_unsafe_view.default", "squeeze.dims", "squeeze.dim",
         "unsqueeze.default", "unflatten.int")  # fmt: skip
def _reshape(importer: _Importer, node: fx.Node) -> None:
    source, shape = importer.source(node), _shape(node)
    if shape == source.shape:
        importer.alias[node] = source.name
        return
    # Channels-last order equals PyTorch's when there is one channel or one position.
    same_order = all(size[-1] == prod(size) or size[-1] == 1 for size in (source.shape, shape))
    if not same_order and len(shape) != 1:
        raise importer.unsupported(node, f"a reshape from (N, C, H, W) = {source.shape} (channels last) to {shape}")
    _unary(importer, node, ops.Reshape, channels_first=not same_order)


@handles("pad.default", "constant_pad_nd.default")
def _pad(importer: _Importer, node: fx.Node) -> None:
    source = importer.source(node)
    mode = node.args[2] if "pad.default" == str(node.target).removeprefix("aten.") and len(node.args) > 2 else "constant"
    value = node.args[-1] if isinstance(node.args[-1], float | int) else node.kwargs.get("value")
    if mode != "constant" or value not in (None, 0, 0.0):
        raise importer.unsupported(node, f"padding with mode '{mode}' and value {value} (only zeros)")
    rank = len(source.shape) + 1
    before, after = [0] * (rank - 1), [0] * (rank - 1)
    pads = [int(p) for p in node.args[1]]  # type: ignore[union-attr]
    for k in range(len(pads) // 2):  # PyTorch lists the last dimension first
        axis = _axis(rank - 1 - k, rank)
        if axis < 0 or min(pads[2 * k], pads[2 * k + 1]) < 0:
            raise importer.unsupported(node, "padding of the batch, or by a negative amount")
        before[axis], after[axis] = pads[2 * k], pads[2 * k + 1]
    if not any(pads):
        importer.alias[node] = source.name
        return
    _unary(importer, node, ops.Pad, before=tuple(before), after=tuple(after))


@handles("slice.Tensor")
def _slice(importer: _Importer, node: fx.Node) -> None:
    """x[:, :, ::s]: the whole axis is nothing; a stride over H or W is a pooling over 1x1 windows."""
    source = importer.source(node)
    _, dim, start, end, step = _arguments(node, None, 0, None, None, 1)
    rank = len(source.shape) + 1
    axis = _axis(dim, rank)
    size = BATCH if axis < 0 else source.shape[axis]
    if (start or 0) != 0 or (end is not None and end < size) or (step != 1 and (rank != 4 or axis not in (0, 1))):
        raise importer.unsupported(node, "a slice other than a stride over H or W")
    if step == 1:
        importer.alias[node] = source.name
        return
    stride = (step, 1) if axis == 0 else (1, step)
    _unary(importer, node, ops.MaxPool2d, window=Window((1, 1), stride))


@handles("dropout.default", "dropout_.default", "contiguous.default", "clone.default", "alias.default",
         "detach.default", "detach_.default", "to.dtype", "_to_copy.default", "identity.default", "feature_dropout.default")  # fmt: skip
def _identity(importer: _Importer, node: fx.Node) -> None:
    importer.alias[node] = importer.source(node).name
