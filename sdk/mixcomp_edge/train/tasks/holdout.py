"""Validation sets: cut from the training set once, for good. Recipes, sensitivities and selectors see these and the
training set; the test set is for the last figure."""

from __future__ import annotations

import numpy as np

from mixcomp_edge.train.arrays import is_several
from mixcomp_edge.train.task import Split

SEED = 0
SHARE = 0.1  # of each class


def hold_out(split: Split, share: float = SHARE) -> tuple[Split, Split]:
    """(training, validation): of each class, the first `share` of a permutation drawn with SEED is held out; of all
    samples together where the targets are no classes (N,), or the classes too small.

    Both keep the order of `split`; every sample is in exactly one of them."""
    rng = np.random.default_rng(SEED)
    held = np.zeros(len(split), bool)
    classes = not is_several(split.y) and split.y.ndim == 1 and split.y.dtype.kind in "biu"
    for label in np.unique(split.y) if classes else ():
        members = rng.permutation(np.flatnonzero(split.y == label))
        held[members[: round(share * len(members))]] = True
    if not held.any():
        held[rng.permutation(len(split))[: max(1, round(share * len(split)))]] = True
    return split.part(~held), split.part(held)
