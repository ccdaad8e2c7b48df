"""Pairs of weight and activation as the kernels meet them: samples of whole sums from each layer of a quantized
network. The MAC units' switching energy is measured on them (`mixcomp-edge mac`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixcomp_edge.errors import TaskError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.quant_plan import LayerPlan, QuantPlan
from mixcomp_edge.train.quantize import convert
from mixcomp_edge.train.quantized_model import prepare
from mixcomp_edge.train.task import Task
from mixcomp_edge.train.tasks import load_task
from mixcomp_edge.train.tasks.data import cifar10
from mixcomp_edge.train.tasks.images import sample

FORMATS = ("fixp4", "posit4")
ENLARGE = 3  # CIFAR-10's 32 pixels to the 96 of visual wake words, each pixel three times
IMAGES = 8  # of the test set
SEED = 0
ORIGIN = (
    "ResNet-8 and MobileNet v1 x 0.25 (MLPerf Tiny reference weights), calibrated, one scale a channel, 4-bit "
    f"activations; {IMAGES} CIFAR-10 test images, each pixel {ENLARGE} times {ENLARGE} for MobileNet"
)


@dataclass(frozen=True, eq=False)
class LayerOperands:
    """Whole sums of one layer, one after another: x (N,) the activations' bits, start (N,) 1 where a sum begins, and
    for each weight format the codes (N,) of the same weights."""

    layer: str
    op: str
    macs: int
    parameters: int
    x_bits: int
    x_signed: bool
    start: NDArray[np.uint8]
    x: NDArray[np.uint8]
    codes: dict[str, NDArray[np.uint8]]


def record(name: str, count: int) -> list[LayerOperands]:
    """About `count` pairs from each layer of the task resnet8 or mobilenet: reference weights, calibrated but not
    retrained, one scale a channel, 4-bit activations, on CIFAR-10 images. The activations are the FixP4 network's for
    both formats, so that only the weights differ."""
    task = load_task(name)
    if task.warnings and name == "resnet8":
        raise TaskError(f"operands of {name}: {' '.join(task.warnings)} Set MIXCOMP_DATA to a folder that has them.")
    calibration, pixels = _images(task)
    graphs = {}
    for weights in FORMATS:
        model = prepare(task.model, calibration, QuantPlan(LayerPlan(weights=weights)), task.name)
        graphs[weights] = convert(model).graph
    source = graphs[FORMATS[0]].nodes[0]
    assert isinstance(source, QInput)
    x = source.quantize(np.moveaxis(pixels.numpy(), 1, -1))
    return _layers(graphs, x, count)


def _images(task: Task) -> tuple[Tensor, Tensor]:
    """Inputs for calibration and for the sample."""
    train, test = cifar10()
    shown = test.x[:IMAGES]
    if task.input_shape == train.x.shape[1:]:
        return task.calibration, task.to_input(shown)

    def enlarged(raw: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(raw.repeat(ENLARGE, axis=2).repeat(ENLARGE, axis=3).astype(np.float32) / 255)

    return enlarged(sample(train, 128)), enlarged(shown)


def _layers(graphs: dict[str, Graph], x: NDArray[np.int64], count: int) -> list[LayerOperands]:
    graph, random = graphs[FORMATS[0]], np.random.default_rng(SEED)
    values = dict(interp.steps(graph, x))
    layers = []
    for node in graph.nodes:
        if not isinstance(node, Weighted):
            continue
        read = graph[node.inputs[0]]
        assert isinstance(read, QNode)
        sums = _sums(node, values[read.name], read.type.zero_point, random)
        length = node.rows.shape[1]
        chosen = [next(sums) for _ in range(-(-count // length))]
        channels = [channel for channel, _ in chosen]
        x_bits = np.concatenate([patch for _, patch in chosen]) & ((1 << read.type.bits) - 1)
        layers.append(
            LayerOperands(
                layer=node.name,
                op=node.op,
                macs=node.macs,
                parameters=node.weights.codes.size,
                x_bits=read.type.bits,
                x_signed=read.type.signed,
                start=np.tile(np.eye(1, length, dtype=np.uint8)[0], len(chosen)),
                x=x_bits.astype(np.uint8),
                codes={name: _rows(other, node.name)[channels].ravel() for name, other in graphs.items()},
            )
        )
    return layers


def _rows(graph: Graph, name: str) -> NDArray[np.uint8]:
    node = graph[name]
    assert isinstance(node, Weighted)
    return node.rows


def _sums(
    node: Weighted, x: NDArray[np.int64], fill: int, random: np.random.Generator
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Endless (output channel, its inputs (K,)) of random outputs of one layer, x (N, ...)."""
    while True:
        image = x[random.integers(len(x))]
        place = tuple(int(random.integers(size)) for size in node.shape)
        yield place[-1], node.operands(image, place, fill)
