"""PyTorch to the float graph. torch.export gives ATen calls with convolution, batch norm and linear whole; each
becomes one node, channels last. What has no counterpart is refused by name, with its place in the user's model."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, cast

import torch
from torch import fx, nn
from torch.export import ExportedProgram

from mixcomp_edge.frontend.torch_export.calls import BATCH
from mixcomp_edge.frontend.torch_export.importer import Importer
from mixcomp_edge.frontend.torch_export.structure import Structure, names_of
from mixcomp_edge.frontend.torch_export.tokens import with_words
from mixcomp_edge.frontend.torch_export.tracing import trace
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.ir.graph import Graph, Shape
from mixcomp_edge.ir.verify import verify

__all__ = ["BATCH", "Imported", "import_model", "import_program"]
Shapes = Shape | tuple[Shape, ...]  # of the only input, or of each
Dtypes = tuple[torch.dtype, ...]

for _module in iter_modules(__path__):  # importing a family registers its handlers
    import_module(f"{__name__}.{_module.name}")


@dataclass(frozen=True, eq=False)
class Imported:
    """A float graph beside the program that it was made of, for inputs (BATCH, ...)."""

    graph: Graph
    program: ExportedProgram
    stands_for: dict[fx.Node, Stored]  # the node of the graph that has a call's value, and how it lies there
    constants: dict[fx.Node, Any]  # parameters, buffers and what is computed of them
    structure: Structure  # in which the model returns its outputs


def import_program(model: nn.Module, input_shape: Shapes, name: str, dtypes: Dtypes = ()) -> Imported:
    """The float graph of a module in eval mode, for inputs (N, *input_shape), channels first as in PyTorch.

    input_shape: a shape, or one for each input of the model, in the order of its forward(). dtypes: of each, int64 for
    tokens; without them all are float32."""
    shapes = each_shape(input_shape)
    program = trace(model, tuple(zip(shapes, dtypes or (torch.float32,) * len(shapes), strict=True)), name)
    importer = Importer(program, name, names_of(model, len(shapes)))
    graph = verify(with_words(importer.run()))
    return Imported(graph, program, importer.alias, importer.constants, importer.structure)


def import_model(model: nn.Module, input_shape: Shapes, name: str, dtypes: Dtypes = ()) -> Graph:
    """The graph alone."""
    return import_program(model, input_shape, name, dtypes).graph


def each_shape(shapes: Shapes) -> tuple[Shape, ...]:
    """One for each input."""
    several = bool(shapes) and isinstance(shapes[0], tuple)
    return cast("tuple[Shape, ...]", shapes if several else (shapes,))
