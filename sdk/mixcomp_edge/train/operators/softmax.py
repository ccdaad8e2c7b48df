"""softmax."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.ir.types import QType
from mixcomp_edge.operators.softmax import QSoftmax, Softmax
from mixcomp_edge.train.operators.forms import forward, integer


@forward.register
def _(node: Softmax, inputs: list[Tensor]) -> Tensor:
    return F.softmax(inputs[0], dim=1)


@integer.register
def _(node: QSoftmax, inputs: list[Tensor], types: list[QType]) -> Tensor:
    x = inputs[0].long()
    e = torch.from_numpy(node.table.astype(np.int64))[x.amax(-1, keepdim=True) - x]
    total = e.sum(-1, keepdim=True)
    return torch.div(256 * e + total // 2, total, rounding_mode="floor").clamp(max=255).float()
