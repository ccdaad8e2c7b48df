"""log_softmax."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.log_softmax import LogSoftmax
from mixcomp_edge.train.operators.forms import forward


@forward.register
def _(node: LogSoftmax, inputs: list[Tensor]) -> Tensor:
    return F.log_softmax(inputs[0], dim=1)
