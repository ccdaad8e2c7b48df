"""gather."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.operators.gather import Gather
from mixcomp_edge.train.operators.forms import forward, planes, shaped


@forward.register
def _(node: Gather, inputs: list[Tensor]) -> Tensor:
    x = planes(inputs[0])
    rows, columns = (torch.from_numpy(i.astype("int64")).to(x.device) for i in (node.rows, node.columns))
    return shaped(x.index_select(2, rows).index_select(3, columns), node)
