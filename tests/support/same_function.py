"""Whether the graph of a module computes what the module does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixcomp_edge import QuantPlan, Recipe
from mixcomp_edge.frontend.torch_export import import_model, import_program
from mixcomp_edge.lower import simplify
from mixcomp_edge.train.quantized_model import QuantizedModel

MAP = (4, 7, 6)  # (C, H, W), no two alike


class Then(nn.Module):
    """A convolution and a function behind it."""

    def __init__(self, function, channels=4):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.conv(x))


class Two(Then):
    """Two convolutions and a function of both."""

    def __init__(self, function, channels=4):
        super().__init__(function, channels)
        self.other = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.conv(x), self.other(x))


def settled(model: nn.Module) -> nn.Module:
    """The model with batch norms that have seen data, and weights of every sign."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor, low in ((module.running_mean, -1.0), (module.running_var, 0.2)):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * 2 + low)
            if module.affine:
                module.weight.data = torch.rand(module.weight.shape, generator=generator) * 3 - 1
                module.bias.data = torch.rand(module.bias.shape, generator=generator) - 0.5
    return model.eval()


def assert_same_function(model: nn.Module, shape: tuple[int, ...]):
    """The imported graph, and the simplified one, equal the module to 1e-4 of its largest output."""
    torch.manual_seed(0)
    model = settled(model)
    x = 2 * torch.randn(5, *shape)
    imported = import_program(model, shape, "m")
    graph, structure = imported.graph, imported.structure
    with torch.no_grad():
        expected = model(x)
        simple = QuantizedModel(simplify(graph), QuantPlan(), Recipe(), input_positive=False, structure=structure)
        with simple.floating():
            y = simple(x)
    assert y.shape == expected.shape
    assert (y - expected).abs().max() <= 1e-4 * expected.abs().max()
    return graph


def kinds(model: nn.Module, shape: tuple[int, ...]) -> list[str]:
    """Operators of the simplified graph, behind the input."""
    return [node.op for node in simplify(import_model(settled(model), shape, "m")).nodes[1:]]
