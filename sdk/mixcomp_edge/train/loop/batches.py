"""Which samples a step sees: every random draw depends on seed and epoch alone, and on no rank."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.samples import Samples, change, count, take
from mixcomp_edge.train.task import Split, Task


def steps_per_epoch(split: Split, recipe: Recipe) -> int:
    return max(1, math.ceil(len(split) / recipe.batch_size))


def epoch_seed(recipe: Recipe, epoch: int) -> int:
    return (recipe.seed * 100_003 + epoch) % (1 << 63)


def batches(
    task: Task, split: Split, recipe: Recipe, epoch: int, rank: int = 0, world: int = 1
) -> Iterator[tuple[Samples, Any, float]]:
    """This rank's part of the shuffled, augmented batches of one epoch, and the factor on its mean loss that makes the
    average over all ranks the mean over the global batch.

    Every rank augments the whole batch, so that the draws are those of one process. A last batch too small to give each
    rank two samples is left out, unless it is the only one: batch norm cannot train on one sample."""
    order = np.random.default_rng((recipe.seed, epoch)).permutation(len(split))
    generator = torch.Generator().manual_seed(epoch_seed(recipe, epoch))
    for start in range(0, len(split), recipe.batch_size):
        chosen = order[start : start + recipe.batch_size]
        if len(chosen) < 2 * world and start > 0:
            continue
        x = task.inputs(split, chosen)
        if task.augment is not None and recipe.augment:
            x = task.augment(x, generator)
        target = change(split.y, lambda y: torch.from_numpy(y[chosen]))  # noqa: B023
        mine = slice(rank, None, world)
        yield take(x, mine), take(target, mine), count(take(x, mine)) * world / count(x)
