"""Weights rounded for what they do together. Layer by layer, in the graph's order, each makes up for those before it:
with x what the quantized layers before it make and y the sums W x + b of the float layer, W is the least squares
solution, held to the float weights by a ridge, and is then rounded column by column, those that weigh most first, the
error of each spread over the columns that are left (GPTQ, arXiv 2210.17323). b takes the mean error away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import torch
from torch import Tensor

from mixcomp_edge.ir import weighted
from mixcomp_edge.ir.graph import Node
from mixcomp_edge.ir.nodes import Activation
from mixcomp_edge.train.operators import forward
from mixcomp_edge.train.quantized_model import Layer, QuantizedModel
from mixcomp_edge.train.samples import Samples, each, take

RIDGE, DAMPING = 0.1, 0.01  # shares of the mean variance of what a row's weights meet
LONGEST = 4096  # row whose covariance, 8 K^2 bytes, is worth its memory and time; of longer ones b alone is set
ELEMENTS = 1 << 28  # of all values of all samples: fewer samples where they would be more
PART = 1 << 24  # elements of what weights meet that are made at a time


@torch.no_grad()
def reconstruct(model: QuantizedModel, inputs: Samples, told: Callable[[int, int], None] | None = None) -> None:
    """Sets the weights, to levels of their codebooks, and the biases by samples (N, C, ...), in place; scales and steps
    stay. It is for sums of products: layers that look up or read their own values stay as they are. told: called with
    how many nodes are done, and of how many."""
    of_one = sum(prod(node.shape) for node in model.graph.nodes)
    samples = take(inputs, slice(max(1, ELEMENTS // of_one)))
    ours, theirs = Values(model, samples), Values(model.as_given(), samples)
    for done, node in enumerate(model.graph.nodes, 1):
        if isinstance(node, weighted.Layer) and node.macs and not node.feeds_back:
            given = theirs.model.layer(node.name)
            wanted = forward(replace(node, activation=Activation.NONE), theirs.read(node), given.weight, given.bias)
            _reconstruct(node, model.layer(node.name), ours.read(node), wanted)
        ours.add(node)
        with theirs.model.floating():
            theirs.add(node)
        if told is not None:
            told(done, len(model.graph.nodes))


class Values:
    """A model's values (N, C, ...) on the samples, node by node, each for as long as a node is to read it."""

    def __init__(self, model: QuantizedModel, samples: Samples) -> None:
        self.model = model
        names = (node.name for node in model.graph.inputs)
        self.given = dict(zip(names, (x.float() for x in each(samples)), strict=True))
        self.kept: dict[str, Tensor] = {}
        self.last = {name: node.name for node in model.graph.nodes for name in node.inputs}  # who reads it last

    def read(self, node: Node) -> list[Tensor]:
        if node.is_input:
            return [self.given[node.name]]
        return [self.kept[name] for name in node.inputs] or [*self.given.values()][:1]  # a constant: the samples' type

    def add(self, node: Node) -> None:
        value = self.model.rounded(node, self.model.value(node, self.read(node)))
        for name in node.inputs:
            if self.last[name] == node.name:
                self.kept.pop(name, None)
        if node.name in self.last:
            self.kept[node.name] = value


@dataclass(frozen=True)
class Moments:
    """Of the x (K,) that the weights of a row meet, and of the sums y they are to make, over all samples and places, in
    G groups of rows that meet the same x: means, covariances (G, K, K) of x, and (G, O / G, K) of y with x."""

    mean_x: Tensor  # (G, K)
    mean_y: Tensor  # (G, O / G)
    xx: Tensor
    yx: Tensor


def _reconstruct(node: weighted.Layer, layer: Layer, inputs: list[Tensor], wanted: Tensor) -> None:
    """wanted (N, O, ...): the float layer's sums."""
    rest = replace(node, activation=Activation.NONE)
    beside = forward(rest, inputs, torch.zeros_like(layer.weight), torch.zeros_like(layer.bias))  # a residual
    shape, levels = (node.parts, len(layer.weight) // node.parts, -1), layer.quantizer
    scale = torch.from_numpy(np.broadcast_to(levels.scale(), len(layer.weight)).copy()).reshape(shape)
    w = layer.weight.double().reshape(shape)
    if w.shape[2] <= LONGEST:
        moments = _moments(rest, layer.weight, inputs[:1], wanted - beside)
        w = _rounded(_solved(w, moments), moments.xx, scale, levels.values.double())
        bias = moments.mean_y - (w @ moments.mean_x[:, :, None])[:, :, 0]
        layer.weight.copy_(w.reshape(layer.weight.shape))
    else:
        made = forward(rest, inputs, levels(layer.weight), torch.zeros_like(layer.bias))
        bias = (wanted - made).transpose(0, 1).flatten(1).double().mean(1)
    layer.bias.copy_(bias.flatten())


def _moments(node: weighted.Layer, weight: Tensor, inputs: list[Tensor], wanted: Tensor) -> Moments:
    """What a weight meets is what the layer makes where that weight is 1 and the others of its row are 0."""
    groups, length = node.parts, weight[0].numel()
    each_one = torch.eye(length).reshape(length, *weight.shape[1:]).repeat(groups, *[1] * (weight.dim() - 1))
    nothing = torch.zeros(groups * length)
    places = wanted[0, 0].numel()
    step, n = max(1, PART // (groups * length * places)), len(wanted) * places
    means: list[Tensor] = []  # of the first part: what is summed is counted from there, and stays exact
    x1 = y1 = xx = yx = torch.zeros((), dtype=torch.float64)
    for start in range(0, len(wanted), step):
        part = slice(start, start + step)
        x = _rows(forward(node, take(inputs, part), each_one, nothing), groups)  # (G, K, n)
        y = _rows(wanted[part], groups)
        means = means or [x.mean(2, keepdim=True), y.mean(2, keepdim=True)]
        x, y = x - means[0], y - means[1]
        x1, y1 = x1 + x.sum(2).double() / n, y1 + y.sum(2).double() / n
        xx, yx = xx + (x @ x.mT).double() / n, yx + (y @ x.mT).double() / n
    xx, yx = xx - x1[:, :, None] * x1[:, None], yx - y1[:, :, None] * x1[:, None]
    return Moments(means[0][:, :, 0] + x1, means[1][:, :, 0] + y1, xx, yx)


def _rows(value: Tensor, groups: int) -> Tensor:
    """(N, G * R, ...) as (G, R, N * places)."""
    return value.transpose(0, 1).reshape(groups, value.shape[1] // groups, -1)


def _held(xx: Tensor, share: float) -> Tensor:
    """A share of the mean variance in all directions, or of 1 where there is none, (G, K, K)."""
    size = xx.diagonal(dim1=1, dim2=2).mean(1)
    return share * torch.where(size > 0, size, 1.0)[:, None, None] * torch.eye(xx.shape[1], dtype=xx.dtype)


def _solved(w: Tensor, moments: Moments) -> Tensor:
    """The weights (G, O / G, K) with the least squared error of y, and of themselves to w."""
    ridge = _held(moments.xx, RIDGE)
    return torch.linalg.solve(moments.xx + ridge, moments.yx + w @ ridge, left=False)


def _rounded(w: Tensor, xx: Tensor, scale: Tensor, values: Tensor) -> Tensor:
    """w (G, O / G, K) with scales (G, O / G, 1) as levels, column by column."""
    xx = xx + _held(xx, DAMPING)
    order = xx.diagonal(dim1=1, dim2=2).argsort(dim=1, descending=True, stable=True)  # (G, K)
    xx = xx.gather(1, order[:, :, None].expand_as(xx)).gather(2, order[:, None].expand_as(xx))
    spread = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(xx)), upper=True)
    at = order[:, None].expand_as(w)
    w, middles = w.gather(2, at), (values[:-1] + values[1:]) / 2
    for k in range(w.shape[2]):
        column = w[:, :, k : k + 1]
        level = values[torch.bucketize(column / scale, middles)] * scale
        w[:, :, k + 1 :] -= (column - level) / spread[:, k : k + 1, k : k + 1] * spread[:, k : k + 1, k + 1 :]
        w[:, :, k : k + 1] = level
    return torch.empty_like(w).scatter_(2, at, w)
