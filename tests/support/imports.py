"""What the front end makes of a module, held against the module itself."""

from __future__ import annotations

import torch
from torch import nn

from mixcomp_edge import QuantPlan, Recipe
from mixcomp_edge.frontend.torch_export import import_program
from mixcomp_edge.lower import simplify
from mixcomp_edge.train.quantized_model import QuantizedModel


def seasoned(model: nn.Module) -> nn.Module:
    """The module in eval mode, with batch norms that have seen data."""
    random = torch.Generator().manual_seed(3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.running_mean.shape, generator=random))
            module.running_var.copy_(torch.rand(module.running_var.shape, generator=random) + 0.2)
    return model.eval()


def operators(model: nn.Module, shape: tuple[int, ...]) -> list[str]:
    """The operators of its simplified graph, behind the input. AssertionError unless that graph computes what the
    module does for inputs (N, *shape), to 1e-5 of the largest output."""
    x = 2 * torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    program = import_program(seasoned(model), shape, "m")
    graph = simplify(program.graph)
    imported = QuantizedModel(graph, QuantPlan(), Recipe(), input_positive=False, structure=program.structure)
    with torch.no_grad(), imported.floating():
        expected, y = model(x), imported(x)
    assert y.shape == expected.shape
    assert (y - expected).abs().max() <= 1e-5 * expected.abs().max()
    return [node.op for node in graph.nodes[1:]]
