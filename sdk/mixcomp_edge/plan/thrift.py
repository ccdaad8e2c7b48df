"""The kernels of layers for which nobody chose: the preferred ones, unless these need more flash than int8 does.

A model of a few kB of weights can need more flash for fast kernels than 4-bit weights save. It then gets the fastest
choice that takes no more than its int8 form does with the kernels preferred there. Sizes come from
firmware/kernels/sizes.toml and speeds are rough, so that the choice needs no compiler and is the same everywhere;
`choosing` measures."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from mixcomp_edge import resources
from mixcomp_edge.documents import read_toml
from mixcomp_edge.errors import MixcompError, TargetError
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.lower.widen import widen
from mixcomp_edge.plan.frontier import flash_bytes, frontier
from mixcomp_edge.plan.kernels import Candidates, Choices, candidates
from mixcomp_edge.targets import Target

# Of a multiply-accumulate in portable C, against one in a core's own kernels: about 7 instructions to 1, DECISIONS.md.
PORTABLE_COST = 7.0


@cache
def code_bytes() -> dict[str, int]:
    """Kernel -> bytes of its code, with all that it inlines; 0 of one that nobody has measured: where it is the only
    one for its operator, it takes the same on both sides."""
    sizes: dict[str, int] = read_toml(resources.firmware() / "kernels" / "sizes.toml", TargetError)["bytes"]
    return defaultdict(int, sizes)


def thrifty(graph: Graph, target: Target, found: Candidates) -> Choices:
    """A kernel for each layer of `found`, the preferred ones first there."""
    preferred = {layer: options[0] for layer, options in found.items()}
    if all(len(options) == 1 for options in found.values()):  # nothing is left to choose, as where all are named
        return preferred
    code = code_bytes()
    limit = _int8_bytes(graph, target, found)
    if limit is None or flash_bytes(preferred, code) <= limit:
        return preferred
    costs = {}
    for layer, options in found.items():
        node = graph[layer]
        assert isinstance(node, QNode)
        work = node.macs or node.elements
        costs[layer] = {
            kernel.name: work * (PORTABLE_COST if kernel.isa == "c" else 1 + rank / 8)
            for rank, (kernel, _) in enumerate(options)
        }
    points = frontier(found, code, costs)
    return [point for point in points if point is points[0] or point.flash <= limit][-1].choices


def _int8_bytes(graph: Graph, target: Target, found: Candidates) -> int | None:
    """Flash of the same layers as int8; None where they have no such form."""
    try:
        wide = widen(graph)
        choices = {layer: candidates(wide, wide[layer], target.isas, 8)[0] for layer in found}
    except MixcompError:
        return None
    return flash_bytes(choices, code_bytes())
