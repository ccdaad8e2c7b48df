"""What a model takes and gives, by name: inputs are called like the parameters of its forward(), outputs like the keys
and fields under which it returns them, or by their number."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import (
    GetAttrKey,
    KeyEntry,
    MappingKey,
    TreeSpec,
    tree_flatten,
    tree_flatten_with_path,
    tree_leaves,
    tree_unflatten,
)

from mixcomp_edge.ir.graph import OUTPUT
from mixcomp_edge.ir.verify import end_symbol

MAX_NAME = 88  # characters; the IR allows 96, and `_unique` may add a number


def input_names(model: nn.Module) -> list[str]:
    """The parameters of forward() that take inputs by position, those with a default included. A module whose forward()
    takes any number says their names as `input_names`: it stands for a file that has some."""
    if said := getattr(model, "input_names", None):
        return list(said)
    return [p.name for p in _parameters(model) if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def needed_names(model: nn.Module) -> list[str]:
    """Those without a default."""
    given = {p.name for p in _parameters(model) if p.default is not p.empty}
    return [name for name in input_names(model) if name not in given]


def keyword_names(model: nn.Module) -> list[str]:
    """Parameters that must be given, and only by keyword."""
    return [p.name for p in _parameters(model) if p.kind is p.KEYWORD_ONLY and p.default is p.empty]


def _parameters(model: nn.Module) -> Iterable[inspect.Parameter]:
    return inspect.signature(model.forward).parameters.values()


def names_of(model: nn.Module, count: int) -> tuple[str, ...]:
    """The names of so many inputs: `input` for a lone one."""
    if count == 1:
        return ("input",)
    known = input_names(model)[:count]
    return _unique("input", [*known, *(f"input_{i}" for i in range(len(known), count))])


@dataclass(frozen=True)
class Structure:
    """How a model returns its outputs: the tree of tuples, lists, dicts and named tuples, and the name of each of its
    leaves; None for one that is None. A lone output is called `output`, wherever it lies. flat: the names of those of
    one number a sample, (N,), which a graph has as (N, 1). samples: the dimension of these where it is not the first,
    as in the states of recurrent layers, (layers, N, H)."""

    tree: TreeSpec
    names: tuple[str | None, ...]
    flat: frozenset[str] = frozenset()
    samples: Mapping[str, int] = field(default_factory=dict)

    def build(self, values: Mapping[str, Any]) -> Any:
        """Values (N, C, ...) by name in the tree, as the model itself gives them; one alone in place of a lone leaf."""
        leaves = {name: value.reshape(-1) if name in self.flat else value for name, value in values.items()}
        leaves |= {name: leaves[name].movedim(0, dim) for name, dim in self.samples.items()}
        return tree_unflatten([None if name is None else leaves[name] for name in self.names], self.tree)

    def parts(self, output: Any) -> dict[str, Any]:
        """The inverse."""
        return {name: leaf for name, leaf in zip(self.names, tree_leaves(output), strict=True) if name is not None}


def plain(outputs: Iterable[str]) -> Structure:
    """A tensor alone, or a dict of several."""
    names = tuple(outputs)
    _, tree = tree_flatten(0 if names == (OUTPUT,) else dict.fromkeys(names, 0))
    return Structure(tree, names)


def structure_of(tree: TreeSpec, results: list[Any]) -> Structure:
    """Of a model that returns these leaves, tensors or None."""
    paths = [path for path, _ in tree_flatten_with_path(tree_unflatten(list(range(tree.num_leaves)), tree))[0]]
    found = [i for i, result in enumerate(results) if result is not None]
    given = _unique(OUTPUT, [_name(paths[i]) for i in found]) if len(found) > 1 else (OUTPUT,) * len(found)
    names = dict(zip(found, given, strict=True))
    flat = frozenset(name for i, name in names.items() if isinstance(results[i], Tensor) and results[i].dim() == 1)
    return Structure(tree, tuple(names.get(i) for i in range(len(results))), flat)


def _name(path: tuple[KeyEntry, ...]) -> str:
    words = [str(_word(key)) for key in path]
    return "_".join(words if path and isinstance(path[0], MappingKey | GetAttrKey) else [OUTPUT, *words])


def _word(key: KeyEntry) -> Any:
    if isinstance(key, MappingKey):
        return key.key
    return key.name if isinstance(key, GetAttrKey) else getattr(key, "idx", "")


def _unique(side: str, names: list[str]) -> tuple[str, ...]:
    """The same as names that the IR takes and that differ in C."""
    taken: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_.]", "_", name)[:MAX_NAME]
        plain = plain if re.match(r"[A-Za-z0-9_]", plain) else f"_{plain}"
        candidate, count = plain, 1
        while end_symbol(side, candidate) in taken:
            candidate, count = f"{plain}_{count}", count + 1
        taken[end_symbol(side, candidate)] = candidate
    return tuple(taken.values())
