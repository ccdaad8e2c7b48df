"""Weights of the reference networks, from models/ in $MIXCOMP_DATA or the cache; seeded random ones without them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.tasks.search import roots

SEED = 0  # of random weights


def seeded(network: Callable[[], nn.Module]) -> nn.Module:
    """The network with weights that depend on SEED alone; the caller's random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return network().eval()


def pretrained(network: Callable[[], nn.Module], file: str, origin: str) -> tuple[nn.Module, tuple[str, ...]]:
    """(model, warnings): the weights of models/<file>, or random ones and a warning that says how to get them.

    origin: where the authors publish the weights."""
    model = seeded(network)
    path = next((path for root in roots() if (path := root / "models" / file).is_file()), None)
    if path is None:
        return model, (
            f"random weights (seed {SEED}): no models/{file} in {' or '.join(map(str, roots()))}. Trained weights are "
            f"published in {origin}; save them there as safetensors under the names of "
            f"{type(model).__name__}.state_dict(), or set MIXCOMP_DATA to the folder that has them.",
        )
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        model.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TaskError(f"{path}: not the weights of {type(model).__name__} ({reason}). Replace this file.") from error
    return model, ()
