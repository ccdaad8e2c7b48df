"""Samples for a model of one input or of several: a tensor, or a tuple of one for each. Targets and outputs are trees
of tensors or arrays (tuples, lists, dicts), whose leaves hold the same samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

T = TypeVar("T")
Samples = Tensor | tuple[Tensor, ...]  # (N, ...) each


def each(x: Samples) -> tuple[Tensor, ...]:
    """The tensors that a model is called with."""
    return x if isinstance(x, tuple) else (x,)


def count(tree: Any) -> int:
    """How many samples it holds."""
    return len(tree_leaves(tree)[0])


def change(tree: T, by: Callable[[Any], Any]) -> T:
    """by(leaf) for each leaf; None stays."""
    changed: T = tree_map(lambda leaf: None if leaf is None else by(leaf), tree)
    return changed


def take(tree: T, chosen: Any) -> T:
    """The samples that an index, a slice or a mask picks."""
    return change(tree, lambda leaf: leaf[chosen])


def join(trees: list[Any]) -> Any:
    """Trees of tensors, one behind the other."""
    return tree_map(lambda *leaves: None if leaves[0] is None else torch.cat(leaves), *trees)


def shapes(x: Samples) -> Any:
    """Of one sample: a shape, or one for each input."""
    found = tuple(tuple(tensor.shape[1:]) for tensor in each(x))
    return found if isinstance(x, tuple) else found[0]
