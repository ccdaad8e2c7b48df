"""Validation sets: cut from the training set once, for good. Recipes, sensitivities and selectors see these and the
training set; the test set is for the last figure."""

from __future__ import annotations

import numpy as np

from mixcomp_edge.train.task import Split

SEED = 0
SHARE = 0.1  # of each class


def hold_out(split: Split, share: float = SHARE) -> tuple[Split, Split]:
    """(training, validation): of each class, the first `share` of a permutation drawn with SEED is held out.

    Both keep the order of `split`; every sample is in exactly one of them."""
    rng = np.random.default_rng(SEED)
    held = np.zeros(len(split), bool)
    for label in np.unique(split.y):
        members = rng.permutation(np.flatnonzero(split.y == label))
        held[members[: round(share * len(members))]] = True
    return split.part(~held), split.part(held)
