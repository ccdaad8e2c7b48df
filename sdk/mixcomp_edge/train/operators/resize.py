"""resize."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.operators.resize import Resize
from mixcomp_edge.train.operators.forms import forward, planes, shaped


@forward.register
def _(node: Resize, inputs: list[Tensor]) -> Tensor:
    x = planes(inputs[0])
    for dim, places in ((2, node.rows), (3, node.columns)):
        place = torch.from_numpy(places).to(x.device)
        first = place.long()
        far = x.index_select(dim, (first + 1).clamp(max=x.shape[dim] - 1))
        x = torch.lerp(x.index_select(dim, first), far, (place - first).to(x).reshape(-1, *[1] * (3 - dim)))
    return shaped(x, node)
