"""How long teaching without labels may go on: a number of steps that follows from the network alone, so that a result
can be had again, and that keeps large networks within minutes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from mixcomp_edge.train.samples import each

MOST, LEAST = 300, 100  # steps
ELEMENT = 75  # MACs that take as long as making, rounding and following one element
PARAMETER = 40  # and as rounding and changing one parameter, by the samples of a batch
WORK = 2.5e11  # such MACs of one sample in all steps: about 15 minutes of one core at a batch of 32


class _Made(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the elements of what operations make; a view makes none."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.elements += sum(leaf.numel() for leaf in tree_leaves(results) if isinstance(leaf, torch.Tensor))
        return results


@torch.no_grad()
def steps_for(model: nn.Module, sample: Any) -> int:
    """For a batch of one sample."""
    with FlopCounterMode(display=False) as flops, _Made() as made:  # type: ignore[no-untyped-call]
        model(*each(sample))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    cost = flops.get_total_flops() / 2 + ELEMENT * made.elements + PARAMETER * parameters
    return int(min(MOST, max(LEAST, WORK / max(1.0, cost))))
