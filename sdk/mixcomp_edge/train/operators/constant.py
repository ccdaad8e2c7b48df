"""constant."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mixcomp_edge.operators.constant import Constant
from mixcomp_edge.train.operators.forms import forward


@forward.register
def _(node: Constant, inputs: list[Tensor]) -> Tensor:
    """(1, C, ...), of the type of `inputs`, where there are any."""
    values = torch.from_numpy(np.ascontiguousarray(np.moveaxis(node.values, -1, 0)))[None]
    return values.to(inputs[0]) if inputs else values
