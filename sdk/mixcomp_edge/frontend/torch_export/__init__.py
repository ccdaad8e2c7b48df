"""PyTorch to the float graph. torch.export gives ATen calls with convolution, batch norm and linear whole; each
becomes one node, channels last. What has no counterpart is refused by name, with its place in the user's model."""

from __future__ import annotations

import torch
from torch import nn

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export import activations, arithmetic, layers, layout, pooling
from mixcomp_edge.frontend.torch_export.calls import BATCH
from mixcomp_edge.frontend.torch_export.importer import Importer
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.verify import verify

FAMILIES = (activations, arithmetic, layers, layout, pooling)  # importing them registers their handlers


def import_model(model: nn.Module, input_shape: tuple[int, ...], name: str) -> Graph:
    """The float graph of a module in eval mode, for inputs (N, *input_shape), channels first as in PyTorch."""
    modes = {module: module.training for module in model.modules()}
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
        for module, training in modes.items():
            module.training = training
    return verify(Importer(program, name).run())
