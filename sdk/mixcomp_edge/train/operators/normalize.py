"""normalize."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.operators.normalize import Normalize
from mixcomp_edge.train.operators.forms import activate, forward


@forward.register
def _(node: Normalize, inputs: list[Tensor]) -> Tensor:
    last = inputs[0].movedim(1, -1)
    x, dims = last.reshape(-1, *node.view), [axis + 1 for axis in node.axes]
    if node.centred:
        x = x - x.mean(dims, keepdim=True)
    root = ((x * x).mean(dims, keepdim=True) + node.eps).sqrt().clamp_min(node.least * node.count**-0.5)
    gain, offset = (torch.from_numpy(v).to(x).reshape(node.parameter_view) for v in (node.gain, node.offset))
    return activate((x / root * gain + offset).reshape(last.shape).movedim(-1, 1), node.activation)
