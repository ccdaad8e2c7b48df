"""The user's model, run without a trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_leaves

from mixcomp_edge.frontend.torch_export.undisturbed import undisturbed
from mixcomp_edge.train.samples import Samples, each


def run(model: nn.Module, x: Samples, change: Callable[[Tensor], Tensor] = Tensor.clone) -> list[Tensor]:
    """The tensors that the model returns for x in eval mode, on copies of its state, which `change` may make."""
    return runs(model, x, 1, change)[0]


def runs(
    model: nn.Module, x: Samples, times: int, change: Callable[[Tensor], Tensor] = Tensor.clone
) -> list[list[Tensor]]:
    """Several runs, each with what the one before left in the copies, and with random numbers of its own."""
    results = []
    with undisturbed(model), torch.no_grad():
        state = {name: change(value.detach()) for name, value in (*model.named_parameters(), *model.named_buffers())}
        for _ in range(times):
            output = functional_call(model, state, tuple(value.clone() for value in each(x)))
            results.append([value.detach().clone() for value in tensors(output)])
    return results


def tensors(output: Any) -> list[Tensor]:
    """Those that a model returns, in whatever."""
    return [value for value in tree_leaves(output) if isinstance(value, Tensor)]
