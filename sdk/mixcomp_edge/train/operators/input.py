"""input: what the model makes of its input before anything else."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.operators.input import Input
from mixcomp_edge.train.operators.forms import forward


@forward.register
def _(node: Input, inputs: list[Tensor]) -> Tensor:
    x = normalized(node, inputs[0])
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def normalized(node: Input, x: Tensor) -> Tensor:
    """What the graph's input makes of the model's input x (N, C, ...)."""
    if node.gain is None or node.offset is None:
        return x
    gain, offset = (
        torch.from_numpy(v).float().reshape(-1, *[1] * (x.dim() - 2)).to(x) for v in (node.gain, node.offset)
    )
    return x * gain + offset
