"""pad."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.pad import Pad
from mixcomp_edge.train.operators.forms import forward


@forward.register
def _(node: Pad, inputs: list[Tensor]) -> Tensor:
    rank = len(node.before)
    order = [*reversed(range(rank - 1)), rank - 1]  # F.pad takes the last dimension first: W, H, then C
    pads = [amount for axis in order for amount in (node.before[axis], node.after[axis])]
    return F.pad(inputs[0], pads, value=node.fill)
