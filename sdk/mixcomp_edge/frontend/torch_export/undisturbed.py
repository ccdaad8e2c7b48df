"""The user's model, and torch, as they are traced, and as they were afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules import transformer


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Modes, parameters, buffers and attributes are put back at the end, and torch's random numbers. Tensors that are
    attributes are copies meanwhile; what the model writes into lists and other objects of its own stays written."""
    saved = [(vars(module), dict(vars(module))) for module in model.modules()]
    parts = [(part, dict(part)) for module in model.modules() for part in (module._parameters, module._buffers)]
    for attributes, kept in saved:
        attributes.update({name: v.detach().clone() for name, v in kept.items() if isinstance(v, Tensor)})
    model.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for attributes, kept in (*saved, *parts):
            attributes.clear()
            attributes.update(kept)


@contextmanager
def without_hints() -> Iterator[None]:
    """torch's transformers look whether a mask is a causal one, to take a faster way to the same values. No program
    decides by data, so here they take it for any mask."""
    found = transformer._detect_is_causal_mask
    transformer._detect_is_causal_mask = lambda mask, is_causal=None, size=None: bool(is_causal)
    try:
        yield
    finally:
        transformer._detect_is_causal_mask = found
