"""token_input, token_offset and length_mask: whole numbers, as floats."""

from __future__ import annotations

import torch
from torch import Tensor

from mixcomp_edge.errors import TaskError
from mixcomp_edge.operators.input import BYTE, TokenInput
from mixcomp_edge.operators.tokens import LengthMask, TokenOffset
from mixcomp_edge.train.operators.forms import forward


def check_tokens(node: TokenInput, x: Tensor, what: str) -> None:
    """TaskError for samples (N, ...) that hold something else than the model's tokens."""
    wrong = (x < 0) | (x >= node.words)
    if wrong.any():
        sample, *place = (int(i) for i in wrong.nonzero()[0])
        found = int(x[(sample, *place)])
        raise TaskError(
            f"{what}: sample {sample} has {found} at {place} of '{node.name}'; the model takes 0 to {node.words - 1}."
        )


@forward.register
def _(node: TokenInput, inputs: list[Tensor]) -> Tensor:
    return inputs[0]


@forward.register
def _(node: TokenOffset, inputs: list[Tensor]) -> Tensor:
    return (inputs[0] - node.start).clamp(0, BYTE - 1)


@forward.register
def _(node: LengthMask, inputs: list[Tensor]) -> Tensor:
    x = inputs[0]
    places = node.start + torch.arange(node.shape[0], device=x.device)
    return (places < x).to(x)
