"""prelu."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.prelu import PRelu
from mixcomp_edge.train.operators.forms import forward, terms


@forward.register
def _(node: PRelu, inputs: list[Tensor]) -> Tensor:
    return F.prelu(inputs[0], torch.from_numpy(node.slope).to(inputs[0]))


@terms.register
def _(node: PRelu, inputs: list[Tensor], sizes: list[Tensor]) -> Tensor:
    slope = torch.from_numpy(node.slope).abs().clamp(1)
    return sizes[0] * slope.reshape(-1, *[1] * (sizes[0].dim() - 2))
