"""The operators in PyTorch, one file an operator as in mixcomp_edge.operators: what its float node computes, which is
what gets trained, and what its integer node computes, in floating point that is exact.

A file in this folder is all it takes: importing it registers its forms."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from mixcomp_edge.train.operators.forms import forward, integer

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["forward", "integer"]
