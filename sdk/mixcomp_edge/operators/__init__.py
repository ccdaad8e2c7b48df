"""One file an operator, or a close family: its node in the float graph and in the integer graph, its shape and bounds,
its meaning in NumPy (SPEC.md 4), its way from real numbers to integers, and how C sees it. ir/nodes.py lists what a
node says of itself.

A file in this folder is all it takes: the list of operators is made of what lies here."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from mixcomp_edge.ir.nodes import QNode

INTEGER: dict[str, type[QNode]] = {
    kind.op: kind
    for module in iter_modules(__path__)
    for kind in vars(import_module(f"{__name__}.{module.name}")).values()
    if isinstance(kind, type) and issubclass(kind, QNode) and "op" in vars(kind)
}
