"""The operators in PyTorch, one file an operator as in mixcomp_edge.operators: what a node of the float graph computes.

A file in this folder is all it takes: importing it registers its form."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from mixcomp_edge.train.operators.forms import forward, terms

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["forward", "terms"]
