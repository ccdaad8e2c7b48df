"""concat."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.operators.concat import Concat
from mixcomp_edge.train.operators.forms import forward


@forward.register
def _(node: Concat, inputs: list[Tensor]) -> Tensor:
    samples = max(len(x) for x in inputs)  # a constant comes once for all
    inputs = [x.expand(samples, *x.shape[1:]) for x in inputs]
    return torch.cat(inputs, dim=1 if node.axis == len(node.shape) - 1 else node.axis + 2)
