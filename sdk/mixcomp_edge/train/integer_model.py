"""The integer graph in PyTorch: the same integers as ir/interp.py, by convolutions in floating point that is exact
because no accumulator leaves the mantissa. A second opinion on the interpreter, fast enough for whole test sets."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.train.operators import integer


class IntegerModel(nn.Module):
    """Maps the integers of inputs (N, *input shape), channels last, to those of outputs; float32 tensors."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        values: dict[str, Tensor] = {}
        for node in self.graph.nodes:
            if not node.inputs:
                values[node.name] = x.float()
                continue
            types = [source.type for source in self.graph.sources(node) if isinstance(source, QNode)]
            values[node.name] = integer(node, [values[name] for name in node.inputs], types)
        return values[self.graph.output]

    def predict(self, x: np.ndarray, batch_size: int = 250) -> np.ndarray:
        """Outputs (N, *output shape) int64 of integer inputs x (N, *input shape)."""
        starts = range(0, len(x), batch_size)
        batches = [self(torch.from_numpy(x[i : i + batch_size].astype(np.float32))) for i in starts]
        return torch.cat(batches).numpy().astype(np.int64)
