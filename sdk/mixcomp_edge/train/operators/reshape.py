"""reshape."""

from __future__ import annotations

from torch import Tensor

from mixcomp_edge.operators.reshape import Reshape
from mixcomp_edge.train.operators.forms import forward


@forward.register
def _(node: Reshape, inputs: list[Tensor]) -> Tensor:
    """Channels-last order of the elements, which is what the weights behind it expect after absorb_flatten."""
    (x,) = inputs
    if node.channels_first:
        return x.reshape(len(x), node.shape[-1], *node.shape[:-1])
    flat = x.movedim(1, -1).reshape(len(x), -1) if x.dim() > 2 else x
    *positions, channels = node.shape
    return flat.reshape(len(x), *positions, channels).movedim(-1, 1)
