"""What a model's outputs are made by: a last softmax, log_softmax or sigmoid gives probabilities, all else logits or
numbers. Losses of classes and labels take logits, so what is a probability goes back to one first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

MAKERS = {"SoftmaxBackward0": "shares", "LogSoftmaxBackward0": "log shares", "SigmoidBackward0": "chances"}
VIEWS = ("View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Transpose", "Permute", "T", "Alias", "Clone",
         "ToCopy", "Select", "Slice")  # fmt: skip


class End(StrEnum):
    """What an output (N, C, ...) holds."""

    SHARES = "shares"  # probabilities that sum to 1 along C
    LOG_SHARES = "log shares"  # their logarithms
    CHANCES = "chances"  # probabilities, each by itself

    def logits(self, output: Tensor) -> Tensor:
        """Numbers whose softmax along C (sigmoid, of chances) the output stands for."""
        if self is End.LOG_SHARES:
            return output
        tiny, near = torch.finfo(output.dtype).tiny, 1.0 - torch.finfo(output.dtype).eps
        log = output.clamp(min=tiny).log()
        return log if self is End.SHARES else log - torch.log1p(-output.clamp(max=near))


def end_of(output: Any) -> End | None:
    """By the operation that made an output, which must have been computed with gradients; None for any other."""
    made = getattr(output, "grad_fn", None)
    while made is not None and made.name().rstrip("0123456789").removesuffix("Backward") in VIEWS:
        made = made.next_functions[0][0]
    end = None if made is None or made.name() not in MAKERS else End(MAKERS[made.name()])
    if end in (None, End.CHANCES):
        return end
    total = (output.detach() if end is End.SHARES else output.detach().exp()).sum(1)
    whole = output.shape[1] > 1 and bool(torch.allclose(total, torch.ones_like(total), atol=1e-3))
    return end if whole else End.CHANCES if end is End.SHARES else None


@dataclass(frozen=True)
class LossOfProbabilities:
    """A loss of logits for outputs that are probabilities."""

    of_logits: Callable[[Any, Any], Tensor]
    end: End

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return self.of_logits(self.end.logits(output), target)
