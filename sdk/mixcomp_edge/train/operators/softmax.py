"""softmax."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.softmax import Softmax
from mixcomp_edge.train.operators.forms import forward, terms


@forward.register
def _(node: Softmax, inputs: list[Tensor]) -> Tensor:
    return F.softmax(inputs[0], dim=1)


@terms.register
def _(node: Softmax, inputs: list[Tensor], sizes: list[Tensor]) -> Tensor:
    """What is left out of it has no size."""
    return forward(node, [sizes[0].masked_fill(inputs[0] == -torch.inf, 0.0)])
