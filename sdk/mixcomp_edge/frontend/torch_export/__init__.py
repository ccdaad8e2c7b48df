"""PyTorch to the float graph. torch.export gives ATen calls with convolution, batch norm and linear whole; each
becomes one node, channels last. What has no counterpart is refused by name, with its place in the user's model."""

from __future__ import annotations

from torch import nn

from mixcomp_edge.frontend.torch_export import activations, arithmetic, layers, layout, pooling
from mixcomp_edge.frontend.torch_export.importer import Importer
from mixcomp_edge.frontend.torch_export.tracing import trace
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.verify import verify

FAMILIES = (activations, arithmetic, layers, layout, pooling)  # importing them registers their handlers


def import_model(model: nn.Module, input_shape: tuple[int, ...], name: str) -> Graph:
    """The float graph of a module in eval mode, for inputs (N, *input_shape), channels first as in PyTorch."""
    return verify(Importer(trace(model, input_shape, name), name).run())
