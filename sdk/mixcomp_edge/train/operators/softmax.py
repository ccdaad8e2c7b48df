"""softmax."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.softmax import Softmax
from mixcomp_edge.train.operators.forms import forward


@forward.register
def _(node: Softmax, inputs: list[Tensor]) -> Tensor:
    return F.softmax(inputs[0], dim=1)
