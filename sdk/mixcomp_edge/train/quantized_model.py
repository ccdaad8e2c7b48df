"""The graph as a PyTorch module with a quantizer on each value and weight: what is trained is what is lowered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import singledispatch
from math import prod

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge.frontend.torch_export import import_model
from mixcomp_edge.ir import ops
from mixcomp_edge.ir.graph import Graph, Node, Window
from mixcomp_edge.ir.ops import Activation
from mixcomp_edge.lower import QuantizedGraph, simplify
from mixcomp_edge.lower.assign_types import WEIGHTED, assign_types, quantizer_of
from mixcomp_edge.lower.quantize import QuantizedWeights
from mixcomp_edge.quant_plan import QuantPlan
from mixcomp_edge.train.calibrate import activation_step, input_range
from mixcomp_edge.train.quantizers import ActivationQuantizer, weight_quantizer
from mixcomp_edge.train.recipe import Recipe

SAMPLE = 1 << 16  # elements of each value kept for calibration, a batch


class Layer(nn.Module):
    """Weight, bias and weight quantizer of one conv2d or dense node. The weight has PyTorch's layout."""

    def __init__(self, node: ops.Conv2d | ops.Dense, plan: QuantPlan, recipe: Recipe) -> None:
        super().__init__()
        weight = node.weight.transpose(0, 3, 1, 2) if isinstance(node, ops.Conv2d) else node.weight
        self.weight = nn.Parameter(torch.from_numpy(np.ascontiguousarray(weight)))
        self.bias = nn.Parameter(torch.from_numpy(node.bias.copy()))
        self.quantizer = weight_quantizer(weight, plan[node.name], recipe)


class QuantizedModel(nn.Module):
    """Takes and gives what the user's model does, (N, C, ...) float32, with every weight and value quantized.

    Parameters keep the user's names where a layer has some: `layers.<module path>.weight`, with batch norms folded."""

    def __init__(self, graph: Graph, plan: QuantPlan, recipe: Recipe, *, input_positive: bool) -> None:
        super().__init__()
        self.graph, self.plan = graph, plan
        types = assign_types(graph, plan, input_positive=input_positive)
        self.owner = quantizer_of(graph)
        self.layers = nn.ModuleDict(
            {_key(n.name): Layer(n, plan, recipe) for n in graph.nodes if isinstance(n, WEIGHTED)}
        )
        for name in (n.name for n in graph.nodes if isinstance(n, WEIGHTED)):
            chosen = self.layer(name).quantizer.codebook.name
            if chosen != plan[name].weights:  # the best of a family
                self.plan = self.plan.with_layer(name, weights=chosen)
        self.activations = nn.ModuleDict({_key(name): ActivationQuantizer(t) for name, t in types.items()})
        for node in graph.nodes:
            if isinstance(node, ops.Softmax):
                self.quantizer(node.name).fix(1 / 256)
        self.quantizing = True

    @property
    def macs(self) -> dict[str, int]:
        """Multiply-accumulates of each layer in one inference, in the graph's order."""
        layers = [node for node in self.graph.nodes if isinstance(node, WEIGHTED)]
        positions = [prod(node.shape[:2]) if isinstance(node, ops.Conv2d) else 1 for node in layers]
        return {node.name: count * node.weight.size for node, count in zip(layers, positions, strict=True)}

    def layer(self, name: str) -> Layer:
        return self.layers[_key(name)]  # type: ignore[return-value]

    def quantizer(self, name: str) -> ActivationQuantizer:
        return self.activations[_key(name)]  # type: ignore[return-value]

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x)

    def run(self, x: Tensor, observe: Callable[[str, Tensor], None] | None = None) -> Tensor:
        """The forward pass; observe(name, value) sees each value before its quantizer."""
        values: dict[str, Tensor] = {}
        for node in self.graph.nodes:
            inputs = [x] if isinstance(node, ops.Input) else [values[name] for name in node.inputs]
            value = _forward(node, self, *inputs)
            if observe is not None:
                observe(node.name, value)
            if self.quantizing and self.owner[node.name] == node.name:
                value = self.quantizer(node.name)(value)
            values[node.name] = value
        return values[self.graph.output]

    def weight(self, name: str) -> Tensor:
        layer = self.layer(name)
        return layer.quantizer(layer.weight) if self.quantizing else layer.weight

    @contextmanager
    def floating(self) -> Iterator[None]:
        """Within it the model computes without quantizers."""
        self.quantizing = False
        try:
            yield
        finally:
            self.quantizing = True

    @torch.no_grad()
    def calibrate(self, inputs: Tensor, batch_size: int = 128) -> None:
        """Sets the range of every value's quantizer from the float model's values on `inputs` (N, C, ...)."""
        samples: dict[str, list[np.ndarray]] = {name: [] for name in set(self.owner.values())}

        def observe(name: str, value: Tensor) -> None:
            if self.owner[name] == name:
                flat = value.detach().reshape(-1)
                stride = max(1, flat.numel() // SAMPLE)
                samples[name].append(flat[::stride].cpu().numpy())

        with self.floating():
            for start in range(0, len(inputs), batch_size):
                self.run(inputs[start : start + batch_size], observe)
        for node in self.graph.nodes:
            if self.owner[node.name] != node.name or isinstance(node, ops.Softmax):
                continue
            quantizer, sample = self.quantizer(node.name), np.concatenate(samples[node.name])
            if isinstance(node, ops.Input):
                quantizer.fix(*input_range(_normalized(node, inputs).cpu().numpy()))
            else:
                quantizer.set_step(activation_step(sample, quantizer.low, quantizer.high))

    def quantized_graph(self) -> QuantizedGraph:
        """The trained weights as codes and every value's type: what `lower` takes."""
        nodes: list[Node] = []
        weights: dict[str, QuantizedWeights] = {}
        for node in self.graph.nodes:
            if isinstance(node, WEIGHTED):
                layer = self.layer(node.name)
                w = layer.weight.detach().cpu().numpy()
                w = np.ascontiguousarray(w.transpose(0, 2, 3, 1)) if isinstance(node, ops.Conv2d) else w
                scale = layer.quantizer.scale()
                book = layer.quantizer.codebook
                weights[node.name] = QuantizedWeights(book, book.encode(w, scale), scale)
                node = replace(node, weight=w, bias=layer.bias.detach().cpu().numpy())
            nodes.append(node)
        types = {name: self.quantizer(owner).qtype() for name, owner in self.owner.items()}
        return QuantizedGraph(self.graph.with_nodes(nodes), types, weights)


def _key(name: str) -> str:
    """A node's name as a key of a ModuleDict, which takes no dots."""
    return name.replace(".", "/")


def prepare(
    model: nn.Module,
    calibration: Tensor,
    plan: QuantPlan | None = None,
    name: str = "model",
    recipe: Recipe | None = None,
) -> QuantizedModel:
    """The model, ready for quantized training: exported, simplified, with calibrated quantizers everywhere.

    calibration (N, C, ...) float32: inputs as the model takes them, a few hundred from the training data. The recipe
    says how scales are found where the plan leaves it open.
    Raises UnsupportedError for an operator that cannot be lowered, PlanError for a plan that does not fit."""
    graph = simplify(import_model(model, tuple(calibration.shape[1:]), name))
    positive = bool(_normalized(graph.nodes[0], calibration).min() >= 0)
    quantized = QuantizedModel(graph, plan or QuantPlan(), recipe or Recipe(), input_positive=positive)
    quantized.calibrate(calibration)
    return quantized


def _normalized(node: Node, x: Tensor) -> Tensor:
    """What the graph's input makes of the model's input x (N, C, ...)."""
    assert isinstance(node, ops.Input)
    if node.gain is None or node.offset is None:
        return x
    gain, offset = (
        torch.from_numpy(v).float().reshape(-1, *[1] * (x.dim() - 2)).to(x) for v in (node.gain, node.offset)
    )
    return x * gain + offset


def _same_pad(x: Tensor, window: Window, value: float = 0.0) -> tuple[Tensor, tuple[int, int]]:
    """x with asymmetric padding applied, and the symmetric padding that is left to the operator."""
    top, left, bottom, right = window.padding
    if (top, left) == (bottom, right):
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=value), (0, 0)


def _activate(x: Tensor, activation: Activation) -> Tensor:
    if activation is Activation.NONE:
        return x
    return F.relu(x) if activation is Activation.RELU else F.relu6(x)


@singledispatch
def _forward(node: Node, model: QuantizedModel, *inputs: Tensor) -> Tensor:
    raise NotImplementedError(node.op)


@_forward.register
def _(node: ops.Input, model: QuantizedModel, x: Tensor) -> Tensor:
    x = _normalized(node, x)
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


@_forward.register
def _(node: ops.Conv2d, model: QuantizedModel, x: Tensor, *residual: Tensor) -> Tensor:
    x, padding = _same_pad(x, node.window)
    weight, bias = model.weight(node.name), model.layer(node.name).bias
    y = F.conv2d(x, weight, bias, node.window.stride, padding, node.window.dilation, node.groups)
    return _activate(y + residual[0] if residual else y, node.activation)


@_forward.register
def _(node: ops.Dense, model: QuantizedModel, x: Tensor) -> Tensor:
    y = F.linear(x.flatten(1), model.weight(node.name), model.layer(node.name).bias)
    return _activate(y, node.activation)


@_forward.register
def _(node: ops.Add, model: QuantizedModel, a: Tensor, b: Tensor) -> Tensor:
    return _activate(a + b, node.activation)


@_forward.register
def _(node: ops.Relu, model: QuantizedModel, x: Tensor) -> Tensor:
    return _activate(x, node.activation)


@_forward.register
def _(node: ops.Concat, model: QuantizedModel, *inputs: Tensor) -> Tensor:
    return torch.cat(inputs, dim=1 if node.axis == len(node.shape) - 1 else node.axis + 2)


@_forward.register
def _(node: ops.AvgPool2d, model: QuantizedModel, x: Tensor) -> Tensor:
    top, left, bottom, right = node.window.padding
    if (top, left) != (bottom, right):
        raise NotImplementedError("asymmetric average pooling")
    return F.avg_pool2d(
        x, node.window.kernel, node.window.stride, (top, left), count_include_pad=node.count_include_pad
    )


@_forward.register
def _(node: ops.MaxPool2d, model: QuantizedModel, x: Tensor) -> Tensor:
    x, padding = _same_pad(x, node.window, float("-inf"))
    return F.max_pool2d(x, node.window.kernel, node.window.stride, padding, node.window.dilation)


@_forward.register
def _(node: ops.Pad, model: QuantizedModel, x: Tensor) -> Tensor:
    rank = len(node.before)
    order = [*reversed(range(rank - 1)), rank - 1]  # F.pad takes the last dimension first: W, H, then C
    pads = [amount for axis in order for amount in (node.before[axis], node.after[axis])]
    return F.pad(x, pads)


@_forward.register
def _(node: ops.Reshape, model: QuantizedModel, x: Tensor) -> Tensor:
    """Channels-last order of the elements, which is what the weights behind it expect after absorb_flatten."""
    flat = x.movedim(1, -1).reshape(len(x), -1) if x.dim() > 2 else x
    *positions, channels = node.shape
    return flat.reshape(len(x), *positions, channels).movedim(-1, 1)


@_forward.register
def _(node: ops.Softmax, model: QuantizedModel, x: Tensor) -> Tensor:
    return F.softmax(x, dim=1)
