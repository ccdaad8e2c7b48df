"""The list of kernels, firmware/kernels/catalogue.toml, and the choice of one for a node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from mixcomp_edge import resources
from mixcomp_edge.documents import read_toml
from mixcomp_edge.errors import ExportError, TargetError
from mixcomp_edge.ir.graph import Q32, TFLM, Graph, Node
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.verify import home
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.plan.packing import PACKINGS, Packed


@dataclass(frozen=True)
class Kernel:
    """One C function: a file of firmware/kernels, or a call of `body`; see catalogue.toml. `of`: the name that it has
    there. `requantizer`: the header that comes first, where it is q32's C by another contract."""

    name: str
    op: str
    act: tuple[str, ...]
    isa: str
    spec: str
    packing: str = ""
    weight_bits: int = 4
    in_place: bool = False
    parameters: str = ""
    body: str = ""
    body_header: str = ""
    define: str = ""
    contracts: tuple[str, ...] = (Q32,)
    of: str = ""
    requantizer: str = ""
    alike: bool = False
    roomy: bool = False

    def pack(self, graph: Graph, node: Node) -> Packed | None:
        """The node's weights as this kernel reads them; None if the kernel cannot serve the node."""
        assert isinstance(node, QNode)
        sources = [source for source in graph.sources(node) if isinstance(source, QNode)]
        served = self.op == node.op and graph.contract in self.contracts
        if not served or not node.kernel_types(sources) <= set(self.act):
            return None
        if isinstance(node, Weighted) and node.weights.bits > self.weight_bits:
            return None
        if self.alike and len({source.type.bits for source in sources}) > 1:
            return None
        packed = PACKINGS[self.packing](node, sources[0]) if self.packing else Packed()
        if packed is None or not packed.table or not isinstance(node, Weighted):
            return packed
        return replace(packed, book=node.weights.codebook.symbol)


Candidates = dict[str, list[tuple[Kernel, Packed]]]  # of each layer, the preferred one first
Choices = dict[str, tuple[Kernel, Packed]]  # of each layer


@cache
def catalogue(contract: str = Q32) -> tuple[Kernel, ...]:
    """All kernels of a contract, those of an operator and instruction set in the order in which they are preferred."""
    table = read_toml(resources.firmware() / "kernels" / "catalogue.toml", TargetError)
    lines = ((op, entry, line) for op, entry in table.items() for line in entry["kernels"])
    return tuple(kernel for each in lines for kernel in _kernels(*each) if contract in kernel.contracts)


def _kernels(op: str, entry: dict[str, Any], line: dict[str, Any]) -> Iterator[Kernel]:
    """The kernels of a line of the catalogue: one for each type where its name holds {act}, and as many more where the
    same C serves contract tflm."""
    acts = line["act"].split()
    for each in [(act,) for act in acts] if "{act}" in line["name"] else [tuple(acts)]:
        name, body, define = (
            line.get(key, "").format(act=each[0], ACT=each[0].upper()) for key in ("name", "body", "define")
        )
        contracts = tuple(line.get("contracts", entry.get("contracts", Q32)).split())
        kernel = Kernel(
            name, op, each, name.partition("__")[2], entry["spec"], line.get("packing", ""), line.get("weight_bits", 4),
            entry.get("in_place", False), entry.get("parameters", ""), body, line.get("from", ""), define, contracts,
            name, alike=line.get("alike", False), roomy=line.get("roomy", False),
        )  # fmt: skip
        yield kernel
        if "tflm" in line:
            yield replace(kernel, name=f"_{TFLM}__".join(name.split("__")), contracts=(TFLM,), requantizer=line["tflm"])


def candidates(
    graph: Graph, node: Node, isas: tuple[str, ...], weight_bits: int | None = None
) -> list[tuple[Kernel, Packed]]:
    """The kernels that can serve a node, the preferred one first: by the target's order of instruction sets, then by
    the catalogue's order. ExportError if there is none. weight_bits: of a weight in flash, where the node has some;
    None: as many as its codes have."""
    found = []
    if weight_bits is None and isinstance(node, Weighted):
        weight_bits = node.weights.bits
    for isa in isas:
        for kernel in catalogue(graph.contract):
            wanted = kernel.weight_bits == weight_bits or not isinstance(node, Weighted)
            packed = kernel.pack(graph, node) if kernel.isa == isa and wanted else None
            if packed is not None and not (packed.reads_words and _reads_the_callers(graph, node)):
                found.append((kernel, packed))
    if not found:
        by = "" if graph.contract == Q32 else f" by contract {graph.contract}"
        raise ExportError(f"{node.name}: no kernel for {node.op} and its types{by} among those for {', '.join(isas)}.")
    return found


def _reads_the_callers(graph: Graph, node: Node) -> bool:
    """Whether x may lie where the caller says: in an input of the model or an output, as a view of one, or as what is
    overwritten to become one."""
    shared = [home(graph, node.inputs[0])]
    for name in shared:
        if graph[name].is_input or name in graph.leaving:
            return True
        for user in graph.users[name]:
            assert isinstance(user, QNode)
            if user.is_view or name in user.inputs[slice(*user.in_place)]:
                shared.append(user.name)
    return False
