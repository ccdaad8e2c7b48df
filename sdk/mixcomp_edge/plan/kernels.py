"""The list of kernels, firmware/kernels/catalogue.toml, and the choice of one for a node."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from mixcomp_edge import resources
from mixcomp_edge.documents import read_toml
from mixcomp_edge.errors import ExportError, TargetError
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.plan.packing import PACKINGS, Packed

_INCLUDE = re.compile(r'^#include "(mixcomp/[^"]+)"', re.M)


@dataclass(frozen=True)
class Kernel:
    """One C function."""

    name: str
    op: str
    act: tuple[str, ...]
    isa: str
    packing: str = ""
    weight_bits: int = 4
    in_place: bool = False

    @property
    def source(self) -> str:
        """Its file, relative to firmware/."""
        return f"kernels/{self.isa}/{self.name}.c"

    @property
    def headers(self) -> tuple[str, ...]:
        """Every header that the file includes, directly or not, relative to firmware/."""
        found: dict[str, None] = {}
        todo = [self.source]
        while todo:
            text = (resources.firmware() / todo.pop()).read_text(encoding="utf-8")
            new = [path for name in _INCLUDE.findall(text) if (path := f"include/{name}") not in found]
            found |= dict.fromkeys(new)
            todo += new
        return tuple(sorted(found))

    def pack(self, graph: Graph, node: Node) -> Packed | None:
        """The node's weights as this kernel reads them; None if the kernel cannot serve the node."""
        sources = graph.sources(node)[:1] if isinstance(node, Weighted) else graph.sources(node)
        dtypes = {source.type.dtype for source in sources if isinstance(source, QNode)}
        if self.op != node.op or not dtypes <= set(self.act):
            return None
        source = sources[0]
        assert isinstance(source, QNode)
        return PACKINGS[self.packing](node, source) if self.packing else Packed()


@cache
def catalogue() -> tuple[Kernel, ...]:
    """All kernels."""
    table = read_toml(resources.firmware() / "kernels" / "catalogue.toml", TargetError)
    kernels = []
    for entry in table["kernel"]:
        for acts in [(act,) for act in entry["act"]] if "{act}" in entry["name"] else [tuple(entry["act"])]:
            name = entry["name"].format(act=acts[0])
            kernels.append(Kernel(**entry | {"name": name, "act": acts}))
    return tuple(kernels)


def candidates(graph: Graph, node: Node, isas: tuple[str, ...], weight_bits: int = 4) -> list[tuple[Kernel, Packed]]:
    """The kernels that can serve a node, the preferred one first: by the target's order of instruction sets, then by
    the catalogue's order. ExportError if there is none. weight_bits: of a weight in flash, where the node has some."""
    found = []
    for isa in isas:
        for kernel in catalogue():
            wanted = kernel.weight_bits == weight_bits or not isinstance(node, Weighted)
            if kernel.isa == isa and wanted and (packed := kernel.pack(graph, node)) is not None:
                found.append((kernel, packed))
    if not found:
        raise ExportError(f"{node.name}: no kernel for {node.op} and its types among those for {', '.join(isas)}.")
    return found
