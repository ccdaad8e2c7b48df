"""embedding."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.embedding import Embedding
from mixcomp_edge.train.operators.forms import activate, forward, unstored


@forward.register
def _(node: Embedding, inputs: list[Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    """Tokens (N, ...) as the graph stores them, one axis behind the others for their rows."""
    tokens = inputs[0].movedim(1, -1).long()
    padding = node.padding if node.padding >= 0 else None
    return activate(unstored(F.embedding(tokens, weight, padding)), node.activation)
