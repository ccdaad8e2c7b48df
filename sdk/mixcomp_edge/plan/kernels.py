"""The list of kernels, firmware/kernels/catalogue.toml, and the choice of one for a node."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from mixcomp_edge import resources
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir import qops
from mixcomp_edge.ir.graph import Graph, Node


@dataclass(frozen=True)
class Kernel:
    """One C function. Paths are relative to firmware/; scratch is a product such as "2*kh*kw*group_channels"."""

    name: str
    op: str
    act: tuple[str, ...]
    isa: str
    source: str
    headers: tuple[str, ...]
    scratch: str
    in_place: bool
    weights: str = ""

    def scratch_bytes(self, graph: Graph, node: Node) -> int:
        """Bytes of scratch that the kernel needs for this node."""
        sizes: dict[str, int] = {}
        if isinstance(node, qops.Conv2d):
            (kh, kw), source = node.window.kernel, graph.sources(node)[0]
            sizes = {"kh": kh, "kw": kw, "group_channels": source.shape[2] // node.groups}
        product = 1
        for factor in self.scratch.split("*"):
            product *= sizes[factor] if factor in sizes else int(factor)
        return product


@cache
def catalogue() -> tuple[Kernel, ...]:
    """All kernels."""
    table = tomllib.loads((resources.firmware() / "kernels" / "catalogue.toml").read_text(encoding="utf-8"))
    entries: list[dict[str, Any]] = table["kernel"]
    return tuple(Kernel(**entry | {key: tuple(entry[key]) for key in ("act", "headers")}) for entry in entries)


def choose(graph: Graph, node: Node, isas: tuple[str, ...]) -> Kernel:
    """The kernel for a node: the first of the target's instruction sets that has one for its operator and types."""
    sources = graph.sources(node)[:1] if isinstance(node, qops.WEIGHTED) else graph.sources(node)
    dtypes = {source.type.dtype for source in sources if isinstance(source, qops.QNode)}
    for isa in isas:
        for kernel in catalogue():
            if kernel.isa == isa and kernel.op == node.op and dtypes <= set(kernel.act):
                return kernel
    raise ExportError(f"{node.name}: no kernel for {node.op} on {', '.join(sorted(dtypes))} and {', '.join(isas)}.")
