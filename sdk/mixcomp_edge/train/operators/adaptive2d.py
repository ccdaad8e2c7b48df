"""adaptiveavg2d and adaptivemax2d."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.adaptive2d import AdaptiveAvg2d, AdaptiveMax2d
from mixcomp_edge.train.operators.forms import forward, planes, shaped


@forward.register
def _(node: AdaptiveAvg2d, inputs: list[Tensor]) -> Tensor:
    return shaped(F.adaptive_avg_pool2d(planes(inputs[0]), node.made), node)


@forward.register
def _(node: AdaptiveMax2d, inputs: list[Tensor]) -> Tensor:
    return shaped(F.adaptive_max_pool2d(planes(inputs[0]), node.made), node)
