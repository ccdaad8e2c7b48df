"""Functions of one value."""

from __future__ import annotations

from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, axis_of, refused
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.ir.nodes import Activation
from mixcomp_edge.operators.rescale import Relu
from mixcomp_edge.operators.softmax import Softmax


@handles("relu.default")
def _relu(importer: Importer, node: fx.Node) -> None:
    importer.unary(node, Relu, activation=Activation.RELU)


@handles("relu6.default")
def _relu6(importer: Importer, node: fx.Node) -> None:
    importer.unary(node, Relu, activation=Activation.RELU6)


@handles("hardtanh.default", "clamp.default", "clamp_min.default")
def _clamp(importer: Importer, node: fx.Node) -> None:
    low, high = arguments(node, None, -1.0, 1.0 if "hardtanh" in str(node.target) else None)[1:3]
    activation = {(0.0, None): Activation.RELU, (0.0, 6.0): Activation.RELU6}.get((low, high))
    if activation is None:
        raise refused(node, f"a clamp to [{low}, {high}] (only [0, inf) and [0, 6])")
    importer.unary(node, Relu, activation=activation)


@handles("softmax.int")
def _softmax(importer: Importer, node: fx.Node) -> None:
    rank = len(importer.source(node).shape) + 1
    if axis_of(int(node.args[1]), rank) != rank - 2:  # type: ignore[arg-type]
        raise refused(node, "a softmax over another axis than the channels")
    importer.unary(node, Softmax)
