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
from mixcomp_edge.ir import interp, qops
from mixcomp_edge.ir.graph import Graph, Node
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
Weighted = qops.Conv2d | qops.DwConv2d | qops.Dense


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
    assert isinstance(source, qops.Input)
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
        if not isinstance(node, qops.WEIGHTED):
            continue
        read = graph[node.inputs[0]]
        assert isinstance(read, qops.QNode)
        sums = _sums(node, values[read.name], read.type.zero_point, random)
        rows = node.weights.codes.size // len(_codes(node))  # inputs to a sum
        chosen = [next(sums) for _ in range(-(-count // rows))]
        channels = [channel for channel, _ in chosen]
        x_bits = np.concatenate([patch for _, patch in chosen]) & ((1 << read.type.bits) - 1)
        layers.append(
            LayerOperands(
                layer=node.name,
                op=node.op,
                macs=qops.macs(node),
                parameters=node.weights.codes.size,
                x_bits=read.type.bits,
                x_signed=read.type.signed,
                start=np.tile(np.eye(1, rows, dtype=np.uint8)[0], len(chosen)),
                x=x_bits.astype(np.uint8),
                codes={name: _codes(other[node.name])[channels].ravel() for name, other in graphs.items()},
            )
        )
    return layers


def _codes(node: Node) -> NDArray[np.uint8]:
    """(O, K) codes, each row in the order of the sum."""
    assert isinstance(node, qops.WEIGHTED)
    codes = node.weights.codes
    return codes.T if isinstance(node, qops.DwConv2d) else codes  # a dwconv2d's rows are taps


def _sums(
    node: Weighted, x: NDArray[np.int64], fill: int, random: np.random.Generator
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Endless (output channel, its inputs (K,)) of random outputs of one layer, x (N, ...)."""
    while True:
        image = x[random.integers(len(x))]
        if isinstance(node, qops.Dense):
            yield int(random.integers(len(node.weights.codes))), image.ravel()
            continue
        h, w, channels = node.shape
        row, column, channel = (int(random.integers(size)) for size in (h, w, channels))
        taps = [tap[0, row, column] for tap in interp.taps(image[None], node.window, (h, w), fill)]
        patch = np.array(taps)  # (KH*KW, C)
        groups = image.shape[-1] if isinstance(node, qops.DwConv2d) else node.groups
        size = image.shape[-1] // groups
        first = channel // (channels // groups) * size
        yield channel, patch[:, first : first + size].ravel()
