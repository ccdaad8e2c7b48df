"""Small float graphs, written node by node."""

from __future__ import annotations

from math import prod

import numpy as np

from mixcomp_edge.ir.graph import Graph, Node, Window
from mixcomp_edge.ir.nodes import Activation
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower import QuantizedGraph
from mixcomp_edge.lower.assign_types import assign_types, quantizer_of
from mixcomp_edge.numerics import members
from mixcomp_edge.operators.add import Add
from mixcomp_edge.operators.affine import Affine
from mixcomp_edge.operators.avgpool2d import AvgPool2d
from mixcomp_edge.operators.concat import Concat
from mixcomp_edge.operators.conv2d import Conv2d
from mixcomp_edge.operators.dense import Dense
from mixcomp_edge.operators.input import Input
from mixcomp_edge.operators.maxpool2d import MaxPool2d
from mixcomp_edge.operators.pad import Pad
from mixcomp_edge.operators.rescale import Relu
from mixcomp_edge.operators.reshape import Reshape
from mixcomp_edge.operators.softmax import Softmax
from mixcomp_edge.operators.transpose import Transpose
from mixcomp_edge.quant_plan import QuantPlan
from support import float_judge


class Net:
    """Each method adds one node and returns its name; weights are seeded."""

    def __init__(self, *shape: int, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Node] = [Input(name="x", inputs=(), shape=shape)]

    def shape(self, name: str) -> tuple[int, ...]:
        return next(node.shape for node in self.nodes if node.name == name)

    def real(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape).astype(np.float32)

    def put(self, node: Node) -> str:
        self.nodes.append(node)
        return node.name

    def conv(self, name: str, x: str, out: int, kernel=(3, 3), groups: int = 1, **window) -> str:
        h, w, channels = self.shape(x)
        window = Window(kernel, **window)
        return self.put(
            Conv2d(
                name=name, inputs=(x,), shape=(*window.output_size(h, w), out), window=window, groups=groups,
                weight=self.real(out, *kernel, channels // groups), bias=self.real(out),
            )
        )  # fmt: skip

    def dense(self, name: str, x: str, out: int) -> str:
        weight = self.real(out, prod(self.shape(x)))
        return self.put(Dense(name=name, inputs=(x,), shape=(out,), weight=weight, bias=self.real(out)))

    def norm(self, name: str, x: str) -> str:
        """Gains of both signs."""
        channels = self.shape(x)[-1]
        return self.affine(name, x, self.rng.standard_normal(channels), self.rng.standard_normal(channels))

    def affine(self, name: str, x: str, gain, offset=0.0) -> str:
        shape = self.shape(x)
        gain, offset = (np.broadcast_to(np.asarray(v, np.float64), shape[-1:]).copy() for v in (gain, offset))
        return self.put(Affine(name=name, inputs=(x,), shape=shape, gain=gain, offset=offset))

    def relu(self, name: str, x: str, activation: Activation = Activation.RELU) -> str:
        return self.put(Relu(name=name, inputs=(x,), shape=self.shape(x), activation=activation))

    def relu6(self, name: str, x: str) -> str:
        return self.relu(name, x, Activation.RELU6)

    def add(self, name: str, a: str, b: str) -> str:
        return self.put(Add(name=name, inputs=(a, b), shape=self.shape(a)))

    def concat(self, name: str, *xs: str, axis: int = 2) -> str:
        shape = list(self.shape(xs[0]))
        shape[axis] = sum(self.shape(x)[axis] for x in xs)
        return self.put(Concat(name=name, inputs=xs, shape=tuple(shape), axis=axis))

    def maxpool(self, name: str, x: str, kernel=(2, 2), stride=(2, 2), **window) -> str:
        return self._pool(MaxPool2d, name, x, Window(kernel, stride, **window))

    def avgpool(self, name: str, x: str, kernel=(2, 2), stride=(2, 2), *, include: bool = True, **window) -> str:
        return self._pool(AvgPool2d, name, x, Window(kernel, stride, **window), count_include_pad=include)

    def _pool(self, cls, name: str, x: str, window: Window, **more) -> str:
        h, w, channels = self.shape(x)
        shape = (*window.output_size(h, w), channels)
        return self.put(cls(name=name, inputs=(x,), shape=shape, window=window, **more))

    def pad(self, name: str, x: str, before: tuple[int, ...], after: tuple[int, ...]) -> str:
        shape = tuple(b + n + a for b, n, a in zip(before, self.shape(x), after, strict=True))
        return self.put(Pad(name=name, inputs=(x,), shape=shape, before=before, after=after))

    def flatten(self, name: str, x: str) -> str:
        return self.reshape(name, x, (-1,))

    def reshape(self, name: str, x: str, shape: tuple[int, ...]) -> str:
        shape = np.empty(self.shape(x)).reshape(shape).shape
        return self.put(Reshape(name=name, inputs=(x,), shape=shape))

    def transpose(self, name: str, x: str, axes: tuple[int, ...]) -> str:
        shape = tuple(self.shape(x)[axis] for axis in axes)
        return self.put(Transpose(name=name, inputs=(x,), shape=shape, axes=axes))

    def softmax(self, name: str, x: str) -> str:
        return self.put(Softmax(name=name, inputs=(x,), shape=self.shape(x)))

    def graph(self, output: str | None = None) -> Graph:
        return verify(Graph("net", tuple(self.nodes), output or self.nodes[-1].name))


def quantized(
    graph: Graph, x: np.ndarray, plan: QuantPlan | None = None, *, input_positive: bool = False
) -> QuantizedGraph:
    """Types whose steps just hold the values on inputs x, and the nearest codes of the weights."""
    plan = plan or QuantPlan()
    values = float_judge.run(graph, x)
    types = {}
    for name, kind in assign_types(graph, plan, input_positive=input_positive).items():
        peak = min(float(np.abs(values[name]).max()), kind.limit or np.inf) or 1.0
        plain = QType(kind.dtype, 1.0)
        if isinstance(graph[name], Softmax):
            types[name] = QType("u8", 1 / 256)
        elif isinstance(graph[name], Input) and not input_positive:
            types[name] = QType(kind.dtype, 2 * peak / plain.high, 128)
        else:
            types[name] = QType(kind.dtype, peak / plain.high)
    weights = {}
    for node in graph.nodes:
        if isinstance(node, Conv2d | Dense):
            (book,) = members(plan[node.name].weights)
            rows = np.abs(node.weight.astype(np.float64)).reshape(len(node.weight), -1).max(1)
            scale = rows if plan[node.name].granularity == "channel" else rows.max(keepdims=True)
            scale = scale / np.nanmax(book.values)
            weights[node.name] = QuantizedWeights(book, book.encode(node.weight, scale), scale)
    owner = quantizer_of(graph)
    return QuantizedGraph(graph, {name: types[owner[name]] for name in owner}, weights)
