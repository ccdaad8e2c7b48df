"""affine."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.operators.affine import Affine
from mixcomp_edge.train.operators.forms import forward


@forward.register
def _(node: Affine, inputs: list[Tensor]) -> Tensor:
    (x,) = inputs
    gain, offset = (torch.from_numpy(v).reshape(-1, *[1] * (x.dim() - 2)).to(x) for v in (node.gain, node.offset))
    return x * gain + offset
